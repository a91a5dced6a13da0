"""The record of activity, put into words for one reader."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, DateTimeField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.activity.deleted_people import DeletedUsers
from portal.lib.humanize import last_day, masked
from portal.models import Activity
from portal.verbs import Verb

# What happens by itself, or is done by nobody known, is a sentence of its own.
_BY_NOBODY: dict[str, Any] = {
    Verb.ACCESS_CHANGED: gettext_lazy("An earlier access of {party} was replaced"),
    Verb.ACCESS_ENDED: gettext_lazy("The access of {party} ended"),
    Verb.INVITATION_EXPIRED: gettext_lazy("The invitation to {party} expired"),
    Verb.INVITATION_WITHDRAWN: gettext_lazy("{party} has it another way, so the invitation was withdrawn"),
    Verb.MEMBER_INVITATION_WITHDRAWN: gettext_lazy("{party} is a member, so the invitation was withdrawn"),
    Verb.REQUEST_SETTLED: gettext_lazy("{party} has it another way and no longer asks for access"),
    Verb.APPROVAL_REFUSED: gettext_lazy("The invitation that {party} asked to use can no longer be used"),
    Verb.INVITATION_DELIVERED: gettext_lazy("The invitation to {party} was delivered"),
    Verb.INVITATION_UNDELIVERED: gettext_lazy("The invitation to {party} could not be delivered"),
    Verb.MEMBER_INVITATION_EXPIRED: gettext_lazy("The invitation of {party} to become a member expired"),
    Verb.TRANSFER_EXPIRED: gettext_lazy("The invitation of {party} to become Owner expired"),
    Verb.WRONG_CODE: gettext_lazy("Somebody tried a code that had ended"),
}
# What one does to oneself names one person, not the same one twice.
_ALWAYS_ONESELF = {Verb.JOIN_ASKED, Verb.MEMBER_LEFT}
_BECAME_MEMBER = gettext_lazy("became a member")
_CODE_EXPIRED = gettext_lazy("The invitation code expired")
# Whose fields an entry tells of. By name: the record stands on the ground floor, these do not.
_CHANGED: dict[str, str] = {
    Verb.LOCATION_CHANGED: "locations.Location",
    Verb.ACCESS_CHANGED: "locations.Access",
    Verb.ORGANISATION_CHANGED: "organisations.Organisation",
    Verb.ROLE_CHANGED: "organisations.Membership",
}


@dataclass(frozen=True)
class Line:
    """One entry: who did what to whom, when and where; and what changed from what to what.

    `level` is the access, or the role, that it was about.
    `actor` is empty where nobody did it; `what` is a sentence then, with the party in it.
    """

    at: datetime
    actor: str
    what: str
    party: str
    location: str
    level: str
    because: str
    changes: list[tuple[str, str, str]]

    def __str__(self) -> str:
        """Whom the line is about: whose mark stands before it."""
        return self.actor or self.party


def lines(entries: Iterable[Activity], *, may_see_addresses: bool) -> list[Line]:
    """The entries for a reader. Addresses are for those who manage the thing."""
    entries = list(entries)
    deleted = DeletedUsers(entries)
    return [_line(entry, deleted, may_see_addresses) for entry in entries]


def _line(entry: Activity, deleted: DeletedUsers, may_see_addresses: bool) -> Line:
    actor = deleted.actor(entry) or _shown(entry.actor_name, may_see_addresses)
    party = deleted.party(entry) or _shown(entry.party_name or entry.party_address, may_see_addresses)
    sentence = "" if entry.actor_name else _by_nobody(entry, party)
    became = entry.verb == Verb.MEMBER_JOINED and entry.actor_name == entry.party_name
    changed = entry.details.get("changes", {})
    return Line(
        at=entry.at,
        actor="" if sentence else actor or _("The portal"),
        what=sentence or (str(_BECAME_MEMBER) if became else entry.get_verb_display()),
        party="" if became or entry.verb in _ALWAYS_ONESELF else party,
        location=entry.location_name,
        level="" if "level" in changed else _offered(entry.details),
        because=entry.details.get("because", ""),
        changes=[_change(entry.verb, name, before, after) for name, (before, after) in changed.items()],
    )


def _by_nobody(entry: Activity, party: str) -> str:
    if entry.verb == Verb.INVITATION_EXPIRED and not party:
        return str(_CODE_EXPIRED)
    return str(_BY_NOBODY.get(entry.verb, "")).format(party=party)


def _change(verb: str, name: str, before: str, after: str) -> tuple[str, str, str]:
    """What a field is called and its two values, in the reader's language. The record keeps them as text,
    and outlives the field."""
    try:
        field = apps.get_model(_CHANGED[verb])._meta.get_field(name)
    except (LookupError, FieldDoesNotExist):
        return name, before, after
    return str(field.verbose_name), _value(field, before), _value(field, after)


def _offered(details: dict[str, Any]) -> str:
    for name, model in (("level", "locations.Access"), ("role", "organisations.Membership")):
        if value := details.get(name):
            return _value(apps.get_model(model)._meta.get_field(name), str(value))
    return ""


def _value(field: Any, text: str) -> str:
    if isinstance(field, DateTimeField):
        return last_day(datetime.fromisoformat(text)) if text else ""
    if isinstance(field, BooleanField):
        return {"True": _("Yes"), "False": _("No")}.get(text, text)
    return str({str(value): label for value, label in field.flatchoices}.get(text, text))


def _shown(name: str, may_see_addresses: bool) -> str:
    """A person without a name is known by the address."""
    return masked(name) if "@" in name and not may_see_addresses else name
