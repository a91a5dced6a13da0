"""What those are told whose access somebody else has ended: one e-mail for each, however much they lost."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import uuid4

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from locations.emails import holders
from locations.models import Access, Location
from locations.permissions import level_of
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.invitations.emails import NAMED, listed
from sharing.models import Invitation, Transfer


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


def queue_offers_taken_back(
    withdrawn: Collection[Invitation | Transfer], lowered: Collection[Invitation], by: User
) -> None:
    """Tell those who had sent what went with somebody's access, once for all of it; not `by`, who read it.

    Each time anew: what was lowered first may be withdrawn the next day.
    """
    sent: dict[User, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    first: dict[User, Invitation | Transfer] = {}
    for one in [*withdrawn, *lowered]:
        if one.invited_by != by and one.invited_by.is_active:
            kind = "transfers" if isinstance(one, Transfer) else "invitations"
            sent[one.invited_by][kind].append(one.pk)
            first.setdefault(one.invited_by, one)
    outbox.queue_all(
        "offers-taken-back",
        [
            {
                "key": f"offers-taken-back/{first[reader].nonce}/{reader.pk}/{uuid4().hex}",
                "address": reader.email,
                "language": reader.language,
                "recipient": reader,
                "about": first[reader].uuid,
                "by": by.pk,
                **theirs,
            }
            for reader, theirs in sent.items()
        ],
    )


@builds("offers-taken-back")
def offers_taken_back(row: OutgoingEmail) -> Message | None:
    """To whoever had invited somebody who was put out, or given a lower level, since."""
    invitations = Invitation.objects.with_all().filter(pk__in=row.details.get("invitations", []))
    transfers = Transfer.objects.with_all().filter(pk__in=row.details.get("transfers", []))
    facts = [*map(_what_became_of, invitations), *map(_what_became_of, transfers)]
    if not facts:
        return None
    person = User.objects.get(pk=row.details["by"])
    heading = ngettext(
        "An invitation of yours has changed", "{n} invitations of yours have changed", len(facts)
    ).format(n=len(facts))
    more = [(_("And"), _("{n} more, in the portal").format(n=len(facts) - NAMED))]
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} has ended or lowered the access of whom they were for. What would have given them "
                "more than they have now was withdrawn or lowered with it. You can invite them again."
            ).format(person=person),
        ),
        facts=(*facts[:NAMED], *(more if len(facts) > NAMED else [])),
        reason=_("You get this because you sent the invitation."),
    )


def _what_became_of(one: Invitation | Transfer) -> tuple[str, str]:
    if isinstance(one, Invitation) and one.state == Invitation.State.PENDING:
        became = _("gives {level} now").format(level=one.get_level_display())
    else:
        became = str(one.get_state_display())
    return one.recipient, f"{one.location.name}: {became}"


def queue_access_back(back: Iterable[tuple[Access, Collection[int]]], by: User) -> None:
    """Tell those who were told that it had ended that it was a mistake, once for all of it.

    Beside each access that is back stands who was told (primary keys), which `by`, who ended it, never is.
    """
    got: dict[User, list[Access]] = defaultdict(list)
    for access, told in back:
        for reader in holders(access):
            if reader.pk in told:
                got[reader].append(access)
    outbox.queue_all(
        "access-back", [_letter("access-back", reader, theirs, by) for reader, theirs in got.items()]
    )


@builds("access-back")
def access_back(row: OutgoingEmail) -> Message | None:
    """To whom access was taken from by mistake. Nothing to say once it has ended again."""
    access = Access.objects.live().with_parties().select_related("location").filter(uuid=row.about).first()
    if access is None:
        return None
    names = {"person": User.objects.get(pk=row.details["by"]), "location": access.location.name}
    heading = _("You have access to {location} again").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _("{person} has given your access back. The location is in your list as before.").format(**names),
        ),
        facts=(
            (_("Location"), access.location.name),
            (_("Who has access"), str(access.organisation) if access.organisation else _("You")),
        ),
        button=(
            _("Open {thing}").format(thing=names["location"]),
            absolute_url("locations:detail", access.location.uuid),
        ),
        reason=_("You get this because you were told that your access had ended."),
    )
