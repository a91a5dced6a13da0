"""Writing the record. Everything that changes something calls `record` in the same transaction."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from portal.models import Activity, User
from portal.verbs import Verb


@dataclass(frozen=True)
class Origin:
    """Through what, and from which network address, the acts of this moment come."""

    via: str = "system"
    address: str = ""


_SYSTEM = Origin()
_origin: ContextVar[Origin] = ContextVar("origin", default=_SYSTEM)


class Named(Protocol):
    """A thing the record refers to by id and name."""

    pk: Any
    name: Any


@contextmanager
def acting_from(origin: Origin) -> Iterator[None]:
    """While it lasts, entries are recorded as coming from `origin`."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def record(verb: Verb, **entry: Any) -> Activity:
    """Write one entry; what it takes stands at `unwritten`."""
    written = unwritten(verb, **entry)
    written.save()
    return written


def record_all(entries: Iterable[Activity]) -> None:
    """Write many entries at once, in their order."""
    Activity.objects.bulk_create(entries)


def unwritten(
    verb: Verb,
    *,
    by: User | None,
    location: Named | None = None,
    organisation: Named | None = None,
    party: str = "",
    party_address: str = "",
    **details: Any,
) -> Activity:
    """One entry, for `record_all`.

    `party` is whom it was done to; `details` is JSON and holds no code, key or PIN.
    """
    origin = _origin.get()
    return Activity(
        verb=verb,
        actor_id=by.pk if by else None,
        actor_name=str(by) if by else "",
        location_id=location.pk if location else None,
        location_name=location.name if location else "",
        organisation_id=organisation.pk if organisation else None,
        organisation_name=organisation.name if organisation else "",
        party_name=party,
        party_address=party_address,
        details=details,
        via=origin.via,
        address=origin.address,
    )
