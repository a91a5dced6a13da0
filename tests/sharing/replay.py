"""Rebuilding who has access from the record alone (quality.md, "record").

`replay` reads nothing but Activity entries, oldest first; `as_it_is` reads the live Access rows. Both say the
same at any moment, whatever happened. The stateful tests compare them after each step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from locations.models import Access, Location
from portal.models import Activity
from portal.verbs import VERBS_OF, Kind, Verb

ACCESS_VERBS = tuple(verb for verb in VERBS_OF[Kind.ACCESS] if verb.value.startswith("access_"))


@dataclass(frozen=True)
class Held:
    """Whose access it is, to what, how much, why, by whom and until when."""

    location: int
    user: int | None
    organisation: int | None
    level: int
    reason: str
    given_by: int | None
    ends_at: str | None


def replay(entries: Iterable[Activity] | None = None) -> dict[str, Held]:
    """The live access these entries tell of, by the id of the access; without any, all there are.

    Raises AssertionError for a record that cannot be true: something ends, or changes, that nobody was given.
    """
    state: dict[str, Held] = {}
    for entry in record_of() if entries is None else entries:
        if entry.verb not in ACCESS_VERBS:
            continue
        _apply(state, entry)
    return state


def _apply(state: dict[str, Held], entry: Activity) -> None:
    details = entry.details
    name = details["access"]
    given = entry.verb == Verb.ACCESS_GIVEN
    assert given != (name in state), f"{entry.verb} of {name}: given {given}, known {name in state}"
    if details["ended"]:
        assert not given
        del state[name]
        return
    assert given or entry.verb == Verb.ACCESS_CHANGED, entry.verb
    held = Held(
        location=entry.location_id or 0,
        user=details["user"],
        organisation=details["organisation_id"],
        level=details["level"],
        reason=details["reason"],
        given_by=entry.details.get("given_by", entry.actor_id) if given else state[name].given_by,
        ends_at=details["ends_at"],
    )
    if not given:
        _check_change(state[name], held, details["changes"])
    state[name] = held


def _check_change(before: Held, after: Held, changes: dict[str, list[str]]) -> None:
    """The values before, which the entry tells of, are those that held."""
    for name, (old, new) in changes.items():
        assert str(getattr(before, name) or "") == old and str(getattr(after, name) or "") == new, name
    same = set(Held.__annotations__) - set(changes)
    assert all(getattr(before, name) == getattr(after, name) for name in same)


def record_of(location: Location | None = None) -> Iterable[Activity]:
    """The entries, oldest first; of one location, or of all."""
    entries: Any = Activity.objects.order_by("pk")
    return entries.filter(location_id=location.pk) if location else entries  # type: ignore[no-any-return]


def as_it_is(location: Location | None = None) -> dict[str, Held]:
    """The Access rows that have not ended, in the same words."""
    rows = Access.objects.filter(ended_at=None)
    return {
        str(row.uuid): Held(
            location=row.location_id,
            user=row.user_id,
            organisation=row.organisation_id,
            level=row.level,
            reason=row.reason,
            given_by=row.given_by_id,
            ends_at=row.ends_at.isoformat() if row.ends_at else None,
        )
        for row in (rows.filter(location=location) if location else rows)
    }
