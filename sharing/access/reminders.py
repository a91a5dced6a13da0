"""Reminders that access is about to end, to those who lose it and to whoever gave it (product rule 3)."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from locations.emails import holders
from locations.models import Access, Location
from locations.services import lock_location
from portal.lib.humanize import last_day
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.permissions import Viewer

KIND = "access-ends"
# How long before the end, longest first. Access given for less than that is not reminded of then.
BEFORE = {"week": timedelta(days=7), "day": timedelta(days=1)}
SWEPT_AT_ONCE = 500


def remind_of_ends() -> int:
    """Queue the reminders that are due, each once for each end date; returns of how many accesses.

    Two queries find them, by index; each is looked at again under the lock of its location.
    """
    return sum(_remind(pk) for pk in _not_reminded_of()[:SWEPT_AT_ONCE])


def _not_reminded_of() -> list[int]:
    soon = list(Access.objects.ending_by(timezone.now() + max(BEFORE.values())))
    told = OutgoingEmail.objects.filter(kind=KIND, about__in=[access.uuid for access in soon])
    known = set(told.values_list("about", "version"))
    due = [access for access in soon if _reminder_due(access)]
    return [access.pk for access in due if (access.uuid, _version(access)) not in known]


def _reminder_due(access: Access) -> str:
    """The one to send now, "" for none. Of two that are due, the worker having stood still, the later one."""
    left, given_for = access.ends_at - timezone.now(), access.ends_at - access.since
    due = [which for which, before in BEFORE.items() if left <= before]
    return due[-1] if due and given_for >= BEFORE[due[-1]] else ""


@transaction.atomic
def _remind(pk: int) -> bool:
    """Tell both sides, under the lock: the end may just be being changed."""
    location_id = Access.objects.values_list("location_id", flat=True).get(pk=pk)
    location = lock_location(Location(pk=location_id))
    soon = Access.objects.ending_by(timezone.now() + max(BEFORE.values())).with_parties()
    access = soon.filter(pk=pk).first()
    if access is None or not _reminder_due(access):
        return False
    readers = [reader for reader in holders(access) if reader.is_active]
    giver = access.given_by
    if giver and giver not in readers and Viewer.of(giver, location).may_change(access):
        readers.append(giver)
    for reader in readers:
        _queue(access, reader)
    return bool(readers)


def _queue(access: Access, reader: User) -> None:
    version = _version(access)
    outbox.queue(
        KIND,
        key=f"{KIND}/{access.uuid}/{version}/{reader.pk}",
        address=reader.email,
        language=reader.language,
        recipient=reader,
        about=access.uuid,
        version=version,
    )


def _version(access: Access) -> str:
    return f"{_reminder_due(access)}/{access.ends_at.isoformat()}"


@builds(KIND)
def access_ends(row: OutgoingEmail) -> Message | None:
    """To a holder, or to whoever gave it. Nothing to say once it has ended or ends at another time."""
    end = datetime.fromisoformat(row.version.partition("/")[2])
    live = Access.objects.live().with_parties().select_related("location")
    found = live.filter(uuid=row.about, ends_at=end).first()
    if found is None:
        return None
    names = {
        "party": found.party,
        "location": found.location.name,
        "day": last_day(end),
        "giver": found.given_by or _("whoever gave it"),
    }
    heading, paragraph, label, reason = _to_holder() if row.recipient in holders(found) else _to_giver()
    tab = absolute_url("sharing:permissions", found.location.uuid)
    return Message(
        subject=heading.format(**names),
        heading=heading.format(**names),
        paragraphs=(paragraph.format(**names),),
        facts=(
            (_("Location"), found.location.name),
            (_("Who has access"), str(found.organisation) if found.organisation else str(found.user)),
            (_("Access until"), names["day"]),
        ),
        button=(label, f"{tab}#access-{found.uuid}"),
        reason=reason,
    )


def _to_holder() -> tuple[str, str, str, str]:
    return (
        _("Access to {location} ends soon"),
        _("The access of {party} lasts until {day}. If it is needed for longer, ask {giver} to extend it."),
        _("Open Permissions"),
        _("You get this because you can see this location in the portal."),
    )


def _to_giver() -> tuple[str, str, str, str]:
    return (
        _("The access of {party} to {location} ends soon"),
        _("The access you gave {party} lasts until {day}. One click on the Permissions tab extends it."),
        _("Extend on the Permissions tab"),
        _("You get this because you gave this access."),
    )
