"""How what happens to access is recorded."""

from typing import Any

from locations.models import Access
from portal.activity.record import unwritten
from portal.models import Activity, User
from portal.verbs import Verb


def of_party(verb: Verb, access: Access, by: User | None, /, **details: Any) -> Activity:
    """One entry about whoever has this access, unwritten."""
    party = access.party
    return unwritten(
        verb,
        by=by,
        location=access.location,
        organisation=access.organisation,
        party=str(party),
        party_address=party.email if isinstance(party, User) else "",
        **details,
    )


def of_access(verb: Verb, access: Access, by: User | None, /, **details: Any) -> Activity:
    """The record of access replays to the live access exactly: each entry says what holds from then on."""
    return of_party(
        verb,
        access,
        by,
        access=str(access.uuid),
        user=access.user_id,
        organisation_id=access.organisation_id,
        level=access.level,
        reason=access.reason,
        ends_at=access.ends_at.isoformat() if access.ends_at else None,
        ended=access.ended_at is not None,
        **details,
    )
