"""The e-mails of sharing: for each, a function that queues it and one that says what it says.

A row carries the id of its invitation and which renewal it is for; the code is derived when it is sent.
"""

import uuid
from collections.abc import Iterable
from itertools import islice

from django.utils.translation import gettext as _

from locations.levels import Level
from locations.models import Access, Location
from organisations.permissions import is_administrator
from portal.invitations.emails import (
    invitation_of,
    letter_about,
    person_with_address,
    queue_about,
    queue_to_address,
    way_in,
)
from portal.lib.humanize import last_day, until
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.models import Acceptance, Invitation
from sharing.permissions import shared_through, would_end

# However many locations there are, an e-mail names no more.
NAMED = 20


def queue_invitation(invitation: Invitation) -> None:
    """Tell the person, or every Administrator of the organisation, each in their language."""
    if invitation.organisation:
        members = invitation.organisation.memberships.administrators().by_name()
        letters = [letter_about("invitation", invitation, membership.user) for membership in members]
        outbox.queue_all("invitation", letters)
    else:
        queue_to_address("invitation", invitation)


def queue_accepted(acceptance: Acceptance) -> None:
    """Tell the sharer that somebody added the location; of a code, each time."""
    invitation, once = acceptance.invitation, str(acceptance.access.uuid)
    queue_about(
        "accepted",
        invitation,
        invitation.invited_by,
        once=once,
        access=once,
        by=acceptance.by_id,
    )


def queue_declined(invitation: Invitation, by: User) -> None:
    """Tell the sharer that the answer was no."""
    queue_about("declined", invitation, invitation.invited_by, by=by.pk)


def queue_expired(invitation: Invitation) -> None:
    """Tell the sharer that nobody answered in time."""
    queue_about("expired", invitation, invitation.invited_by)


def queue_withdrawn(invitations: Iterable[Invitation]) -> None:
    """Tell those who have been sent one of these that it works no longer."""
    of_thing = {one.uuid: one for one in invitations}
    sent = OutgoingEmail.objects.reached("invitation", {key: one.nonce for key, one in of_thing.items()})
    outbox.queue_all(
        "withdrawn",
        [
            letter_about(
                "withdrawn", of_thing[row.about], row.recipient, address=row.address, once=str(row.pk)
            )
            for row in sent
        ],
    )


def queue_asked_for(invitation: Invitation, by: User) -> None:
    """Tell the sharer that somebody would like a new invitation."""
    queue_about("asked-for", invitation, invitation.invited_by, by=by.pk, once=uuid.uuid4().hex)


def listed(locations: Iterable[Location], count: int) -> tuple[tuple[str, str], ...]:
    """The facts that name the first of `count` locations, and say how many more there are."""
    named = list(islice(locations, NAMED))
    lines = [(_("Location"), f"{one.name}, {one.address}") for one in named]
    if count > len(named):
        lines.append((_("And"), _("{n} more, in the portal").format(n=count - len(named))))
    return tuple(lines)


@builds("invitation")
def invitation(row: OutgoingEmail) -> Message | None:
    """The invitation itself. Nothing to say once it was renewed, answered, withdrawn or has ended."""
    invitation = _invitation(row)
    if invitation is None or not invitation.is_live():
        return None
    # Whoever stopped being an Administrator since it was queued must not get the code.
    if invitation.organisation and not is_administrator(row.recipient, invitation.organisation):
        return None
    names = {
        "sharer": str(invitation.invited_by),
        "location": invitation.location.name,
        "organisation": invitation.organisation,
    }
    heading, intro, reason = _to_organisation() if invitation.organisation else _to_person()
    return Message(
        subject=heading.format(**names),
        heading=heading.format(**names),
        paragraphs=(intro.format(**names),),
        quote=invitation.message,
        quoted=names["sharer"],
        facts=_terms(invitation),
        reason=reason.format(**names),
        **way_in(invitation),
    )


def _to_person() -> tuple[str, str, str]:
    return (
        _("{sharer} shares {location} with you"),
        _(
            "{sharer} shares the location {location} with you. "
            "When you have added it, it is in your list, as if you had installed it."
        ),
        _(
            "You get this because {sharer} entered your address. "
            "If you do not know them, do nothing: nothing is shared until you accept."
        ),
    )


def _to_organisation() -> tuple[str, str, str]:
    return (
        _("{sharer} shares {location} with {organisation}"),
        _(
            "{sharer} shares the location {location} with {organisation}. "
            "When an Administrator adds it, all of you see it in your list, as if you had installed it."
        ),
        _("You get this because you are an Administrator of {organisation}."),
    )


def _terms(invitation: Invitation) -> tuple[tuple[str, str], ...]:
    """What is offered: where, by whom, what one can do, until when."""
    location, level = invitation.location, Level(invitation.level)
    terms = [
        (_("Location"), f"{location.name}, {location.address}"),
        (_("Shared by"), person_with_address(invitation.invited_by)),
        (_("You can"), f"{level.label} – {level.means}"),
    ]
    ends_at = would_end(invitation, shared_through(invitation, invitation.location))
    if ends_at:
        terms.append((_("Access until"), last_day(ends_at)))
    return (*terms, (_("Answer before"), until(invitation.answer_before(ends_at))))


@builds("accepted")
def accepted(row: OutgoingEmail) -> Message | None:
    """To the sharer: they are in."""
    invitation = _invitation(row, any_version=True)
    if invitation is None:
        return None
    person = User.objects.get(pk=row.details["by"])
    party = Access.objects.with_parties().get(uuid=row.details["access"]).party
    if person.deleted_at:
        return None
    heading = _("{party} has added {location}")
    return _to_sharer(
        invitation,
        heading,
        str(party) if party == person else f"{person} ({party})",
        _("It is in their list now. What they can do, and taking it back, is on the Permissions tab."),
    )


@builds("declined")
def declined(row: OutgoingEmail) -> Message | None:
    """To the sharer: the answer was no."""
    invitation = _invitation(row, any_version=True)
    if invitation is None:
        return None
    return _to_sharer(
        invitation,
        _("{party} does not want {location}"),
        invitation.recipient,
        _("Nothing was shared. You can invite them again at any time."),
    )


@builds("expired")
def expired(row: OutgoingEmail) -> Message | None:
    """To the sharer: nobody answered."""
    invitation = _invitation(row)
    if invitation is None or invitation.state != Invitation.State.EXPIRED:
        return None
    return _to_sharer(
        invitation,
        _("Your invitation to {party} for {location} has expired"),
        invitation.recipient,
        _("Nobody answered in time. One click on the Permissions tab sends a new one."),
    )


@builds("withdrawn")
def withdrawn(row: OutgoingEmail) -> Message | None:
    """To whom it was sent: it works no longer. Nothing to say once they are invited anew, nor of a sharer
    who is no more: there is nobody to ask."""
    invitation = _invitation(row)
    if invitation is None or invitation.state != Invitation.State.WITHDRAWN:
        return None
    if invitation.invited_by.deleted_at:
        return None
    if invitation.organisation and not is_administrator(row.recipient, invitation.organisation):
        return None
    names = {"sharer": invitation.invited_by, "location": invitation.location.name}
    heading = _("The invitation to {location} was withdrawn").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _("Nothing was shared, and the code no longer works. If this is a mistake, ask {sharer}.").format(
                **names
            ),
        ),
        reason=_("You get this because {sharer} had sent you the invitation.").format(**names),
    )


@builds("asked-for")
def asked_for(row: OutgoingEmail) -> Message | None:
    """To the sharer: somebody who could not use the invitation asks for a new one, for their own account."""
    invitation = _invitation(row, any_version=True)
    if invitation is None:
        return None
    asker = User.objects.get(pk=row.details["by"])
    if asker.deleted_at:
        return None
    return _to_sharer(
        invitation,
        _("{party} asks for a new invitation to {location}"),
        str(asker),
        _(
            "You invited {recipient}. Now {person}, signed in as {address}, asks to be let in. "
            "If you know them and agree, invite {address} on the Permissions tab; otherwise do nothing."
        ).format(recipient=invitation.recipient, person=asker, address=asker.email),
    )


def _to_sharer(invitation: Invitation, heading: str, party: str, paragraph: str) -> Message:
    names = {"party": party, "location": invitation.location.name}
    return Message(
        subject=heading.format(**names),
        heading=heading.format(**names),
        paragraphs=(paragraph,),
        button=(_("Open Permissions"), absolute_url("sharing:permissions", invitation.location.uuid)),
        reason=_("You get this because you sent the invitation."),
    )


def _invitation(row: OutgoingEmail, *, any_version: bool = False) -> Invitation | None:
    found: Invitation | None = invitation_of(row, Invitation, any_version=any_version)
    return found
