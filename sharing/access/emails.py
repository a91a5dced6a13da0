"""What those are told whose access somebody else has ended: one e-mail for each, however much they lost."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locations.models import Access, Location
from locations.permissions import level_of
from portal.mail import outbox
from portal.mail.outbox import Message, builds
from portal.models import OutgoingEmail, User
from sharing.invitations.emails import holders, listed


def queue_accesses_removed(accesses: Iterable[Access], by: User) -> None:
    """Tell whom it was taken from, the person or the organisation's Administrators, once for all of it.

    What somebody takes from an organisation of their own they know.
    """
    lost: dict[User, list[Access]] = defaultdict(list)
    readers = {access.party: holders(access) for access in accesses}
    for access in accesses:
        for reader in readers[access.party]:
            lost[reader].append(access)
    letters: dict[str, list[dict[str, object]]] = {"access-removed": [], "accesses-removed": []}
    for reader, theirs in lost.items():
        if reader != by:
            kind = "access-removed" if len(theirs) == 1 else "accesses-removed"
            letters[kind].append(_letter(kind, reader, theirs, by))
    for kind, found in letters.items():
        outbox.queue_all(kind, found)


def _letter(kind: str, reader: User, lost: list[Access], by: User) -> dict[str, object]:
    return {
        "key": f"{kind}/{lost[0].uuid}/{reader.pk}",
        "address": reader.email,
        "language": reader.language,
        "recipient": reader,
        "about": lost[0].uuid,
        "by": by.pk,
        "accesses": [access.pk for access in lost],
    }


@builds("access-removed")
def access_removed(row: OutgoingEmail) -> Message | None:
    """To whoever lost a location."""
    access = Access.objects.with_parties().select_related("location").filter(uuid=row.about).first()
    if access is None:
        return None
    names = {"person": User.objects.get(pk=row.details["by"]), "location": access.location.name}
    # What holds now, not when it was queued: another way in may have come or gone meanwhile.
    still_in = row.recipient is not None and level_of(row.recipient, access.location) is not None
    if still_in:
        heading = _("Your access to {location} has changed")
        paragraph = _("{person} has ended one of the ways in which you had access. Another one is left.")
    else:
        heading = _("Your access to {location} has ended")
        paragraph = _("{person} has taken the location out of your list.")
    return Message(
        subject=heading.format(**names),
        heading=heading.format(**names),
        paragraphs=(
            paragraph.format(**names),
            _what_stays(names["person"]),
        ),
        facts=(
            (_("Location"), access.location.name),
            (_("Who had access"), str(access.organisation) if access.organisation else _("You")),
        ),
        reason=_("You get this because you could see this location in the portal."),
    )


@builds("accesses-removed")
def accesses_removed(row: OutgoingEmail) -> Message:
    """To whoever lost several locations at once."""
    person = User.objects.get(pk=row.details["by"])
    ended = Access.objects.filter(pk__in=row.details["accesses"])
    lost = Location.objects.filter(pk__in=ended.values("location")).order_by("sort_name", "pk")
    count = lost.count()
    heading = ngettext(
        "Your access to {n} location has ended", "Your access to {n} locations has ended", count
    ).format(n=count)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} has ended it. Where you have access by another way, that one is left; "
                "the other locations are out of your list."
            ).format(person=person),
            _what_stays(person),
        ),
        facts=listed(lost, count),
        reason=_("You get this because you could see these locations in the portal."),
    )


def _what_stays(person: User) -> str:
    return _(
        "What was done there stays in its record of activity. "
        "If this is a mistake, ask {person} for a new invitation."
    ).format(person=person)
