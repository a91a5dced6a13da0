"""Who is told of what becomes of a location, and the e-mails about archiving it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from locations.models import Access, Location
from locations.permissions import level_of
from organisations.models import Membership
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User


def holders(access: Access) -> list[User]:
    """Who is told of what becomes of an access: the person, or the organisation's Administrators."""
    if access.user:
        return [access.user]
    administrators = access.organisation.memberships.administrators().by_name()
    return [membership.user for membership in administrators]


def holders_of(accesses: QuerySet[Any]) -> QuerySet[User]:
    """The same for many, each person once, who can sign in."""
    administrators = Membership.objects.administrators().filter(
        organisation__in=accesses.values("organisation")
    )
    concerned = Q(pk__in=accesses.values("user")) | Q(pk__in=administrators.values("user"))
    return User.objects.filter(concerned, is_active=True).order_by("pk")


def queue_archived(location: Location, by: User) -> None:
    """Tell everybody who loses it, but for the one who did it, once each."""
    if location.archived_at:  # never otherwise: it has just been set
        _queue_all("location-archived", location, by, since=location.archived_at)


def queue_restored(location: Location, by: User, since: datetime) -> None:
    """Tell everybody who has it again. It had been archived `since` then."""
    _queue_all("location-restored", location, by, since=since)


@builds("location-archived")
def location_archived(row: OutgoingEmail) -> Message | None:
    """To whoever has access: it was put away. Nothing to say once it is back, or they have no access left."""
    location = _location(row)
    if location is None or _since(location) != row.details["since"]:
        return None
    names = {"person": _person(row), "location": location.name}
    heading = _("{location} has been archived").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} has archived the location. It has left everybody's list, and cannot be changed or "
                "shared. Nothing was deleted: you find it under Archived locations."
            ).format(**names),
            _(
                "Its Owner and whoever installed it can restore it. If this is a mistake, ask {person}."
            ).format(**names),
        ),
        facts=_facts(location),
        button=_button(location),
        reason=_you_see_it(),
    )


@builds("location-restored")
def location_restored(row: OutgoingEmail) -> Message | None:
    """To whoever has access: it is back. Nothing to say to who was never told that it had gone, once it is
    gone again, or they have no access left."""
    location = _location(row)
    gone = _key("location-archived", row.about, row.details["since"], row.recipient_id)
    untold = OutgoingEmail.objects.filter(key=gone, status=OutgoingEmail.Status.OBSOLETE)
    if location is None or location.archived_at or untold.exists():
        return None
    names = {"person": _person(row), "location": location.name}
    heading = _("{location} is in use again").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} has restored the location. It is in your list again, and you can do there what "
                "you could before."
            ).format(**names),
        ),
        facts=_facts(location),
        button=_button(location),
        reason=_you_see_it(),
    )


def _queue_all(kind: str, location: Location, by: User, *, since: datetime) -> None:
    held = Access.objects.live().filter(location=location)
    letters = [
        {
            "key": _key(kind, location.uuid, since.isoformat(), reader.pk),
            "address": reader.email,
            "language": reader.language,
            "recipient": reader,
            "about": location.uuid,
            "by": by.pk,
            "since": since.isoformat(),
        }
        for reader in holders_of(held).exclude(pk=by.pk)
    ]
    outbox.queue_all(kind, letters)


def _key(kind: str, location: UUID | None, since: str, reader: int | None) -> str:
    return f"{kind}/{location}/{since}/{reader}"


def _location(row: OutgoingEmail) -> Location | None:
    """What it is about, as long as the reader may know of it."""
    location: Location | None = Location.objects.filter(uuid=row.about).first()
    if location is None or row.recipient is None or level_of(row.recipient, location) is None:
        return None
    return location


def _since(location: Location) -> str:
    return location.archived_at.isoformat() if location.archived_at else ""


def _person(row: OutgoingEmail) -> User:
    return User.objects.get(pk=row.details["by"])


def _facts(location: Location) -> tuple[tuple[str, str], ...]:
    return ((_("Location"), f"{location.name}, {location.address}"),)


def _button(location: Location) -> tuple[str, str]:
    return _("Open the location"), absolute_url("locations:detail", location.uuid)


def _you_see_it() -> str:
    return _("You get this because you can see this location in the portal.")
