"""The e-mails about many locations at once: one for each reader, however many locations it is about."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locations.levels import Level
from locations.models import Location
from organisations.permissions import is_administrator
from portal.invitations.emails import (
    invitation_of,
    person_with_address,
    queue_about,
    queue_to_address,
    way_in,
)
from portal.lib.humanize import last_day, until
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.invitations.emails import listed
from sharing.models import Invitation, Offer


def queue_offer(offer: Offer) -> None:
    """Tell the person, or every Administrator of the organisation, each in their language."""
    if offer.organisation:
        for membership in offer.organisation.memberships.administrators().by_name():
            queue_about("offer", offer, membership.user)
        return
    queue_to_address("offer", offer)


def queue_withdrawn(offer: Offer) -> None:
    """Tell those who have been sent the offer that nothing of it is left."""
    for row in OutgoingEmail.objects.reached("offer", {offer.uuid: offer.nonce}):
        queue_about("offer-withdrawn", offer, row.recipient, address=row.address, once=str(row.pk))


def queue_to_sharer(kind: str, offer: Offer, **details: object) -> None:
    """Tell the sharer what became of it."""
    queue_about(kind, offer, offer.invited_by, **details)


@builds("offer")
def offer(row: OutgoingEmail) -> Message | None:
    """The offer itself. Nothing to say once it was answered, withdrawn or has ended."""
    found: Offer | None = invitation_of(row, Offer)
    if found is None or not found.is_live():
        return None
    if found.organisation and not is_administrator(row.recipient, found.organisation):
        return None
    open_ones = Invitation.objects.open().filter(offer=found)
    locations = Location.objects.filter(invitations__in=open_ones).distinct().order_by("sort_name", "pk")
    names = {"sharer": str(found.invited_by), "organisation": found.organisation, "n": locations.count()}
    heading, intro, reason = _to_organisation(names) if found.organisation else _to_person(names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(intro,),
        quote=found.message,
        quoted=names["sharer"],
        facts=(*listed(locations, locations.count()), *_terms(found)),
        reason=reason,
        **way_in(found),
    )


def _to_person(names: dict[str, Any]) -> tuple[str, str, str]:
    heading = ngettext(
        "{sharer} shares {n} location with you", "{sharer} shares {n} locations with you", names["n"]
    )
    intro = _(
        "When you have added them, they are in your list, as if you had installed them. "
        "You can add all of them at once, or look at each."
    )
    reason = _(
        "You get this because {sharer} entered your address. "
        "If you do not know them, do nothing: nothing is shared until you accept."
    )
    return heading.format(**names), intro, reason.format(**names)


def _to_organisation(names: dict[str, Any]) -> tuple[str, str, str]:
    heading = ngettext(
        "{sharer} shares {n} location with {organisation}",
        "{sharer} shares {n} locations with {organisation}",
        names["n"],
    )
    intro = _(
        "When an Administrator adds them, all of you see them in your list, as if you had installed them. "
        "You can add all of them at once, or look at each."
    )
    reason = _("You get this because you are an Administrator of {organisation}.")
    return heading.format(**names), intro, reason.format(**names)


def _terms(found: Offer) -> tuple[tuple[str, str], ...]:
    level = Level(found.level)
    terms = [
        (_("Shared by"), person_with_address(found.invited_by)),
        (_("You can"), f"{level.label} – {level.means}"),
    ]
    if found.access_ends_at:
        latest = _("%(day)s at the latest") % {"day": last_day(found.access_ends_at)}
        terms.append((_("Access until"), latest))
    return (*terms, (_("Answer before"), until(found.expires_at)))


@builds("offer-withdrawn")
def offer_withdrawn(row: OutgoingEmail) -> Message | None:
    """To whom it was sent: nothing of it is left."""
    found: Offer | None = invitation_of(row, Offer)
    if found is None or found.state != Offer.State.WITHDRAWN or found.invited_by.deleted_at:
        return None
    if found.organisation and not is_administrator(row.recipient, found.organisation):
        return None
    heading = ngettext(
        "The invitation to {n} location was withdrawn",
        "The invitation to {n} locations was withdrawn",
        found.size,
    ).format(n=found.size)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _("Nothing was shared, and the code no longer works. If this is a mistake, ask {sharer}.").format(
                sharer=found.invited_by
            ),
        ),
        reason=_("You get this because {sharer} had sent you the invitation.").format(
            sharer=found.invited_by
        ),
    )


@builds("offer-accepted")
def offer_accepted(row: OutgoingEmail) -> Message | None:
    """To the sharer, once all has been added."""
    found: Offer | None = invitation_of(row, Offer, any_version=True)
    if found is None:
        return None
    heading = ngettext(
        "{party} has added {n} location", "{party} has added {n} locations", row.details["added"]
    )
    paragraph = _("They are in their list now. What they can do, and taking it back, is on your list.")
    return _to_sharer(found, heading, row.details["added"], paragraph)


@builds("offer-declined")
def offer_declined(row: OutgoingEmail) -> Message | None:
    """To the sharer: the answer was no."""
    found: Offer | None = invitation_of(row, Offer, any_version=True)
    if found is None:
        return None
    heading = ngettext(
        "{party} does not want {n} location", "{party} does not want {n} locations", found.size
    )
    return _to_sharer(
        found, heading, found.size, _("Nothing was shared. You can invite them again at any time.")
    )


@builds("offer-expired")
def offer_expired(row: OutgoingEmail) -> Message | None:
    """To the sharer: nobody answered."""
    found: Offer | None = invitation_of(row, Offer)
    if found is None or found.state != Offer.State.EXPIRED:
        return None
    heading = ngettext(
        "Your invitation to {party} for {n} location has expired",
        "Your invitation to {party} for {n} locations has expired",
        found.size,
    )
    return _to_sharer(
        found,
        heading,
        found.size,
        _("Nobody answered within 7 days. Under Invitations you can send a new one."),
    )


@builds("offer-asked-for")
def offer_asked_for(row: OutgoingEmail) -> Message | None:
    """To the sharer: somebody who could not use the offer asks for a new one, for their own account."""
    found: Offer | None = invitation_of(row, Offer, any_version=True)
    asker = User.objects.get(pk=row.details["by"])
    if found is None or asker.deleted_at:
        return None
    heading = ngettext(
        "{party} asks for a new invitation to {n} location",
        "{party} asks for a new invitation to {n} locations",
        found.size,
    )
    paragraph = _(
        "You invited {recipient}. Now {person}, signed in as {address}, asks to be let in. "
        "If you know them and agree, share the locations with {address}; otherwise do nothing."
    ).format(recipient=found.recipient, person=asker, address=asker.email)
    return _to_sharer(found, heading, found.size, paragraph, party=str(asker))


def _to_sharer(found: Offer, heading: str, n: int, paragraph: str, *, party: str = "") -> Message:
    said = heading.format(party=party or found.recipient, n=n)
    return Message(
        subject=said,
        heading=said,
        paragraphs=(paragraph,),
        button=(_("Open Invitations"), absolute_url("sharing:invitations")),
        reason=_("You get this because you sent the invitation."),
    )
