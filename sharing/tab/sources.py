"""By which ways people have access, which of several counts, and who an organisation's access means."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from locations.models import Access
from organisations.models import Membership
from sharing.models import Acceptance
from sharing.permissions import Viewer

_NEVER = datetime.max.replace(tzinfo=UTC)
# What stands for a person or an organisation in a mapping.
PartyKey = tuple[int | None, int | None]


def party_key(access: Access) -> PartyKey:
    """Whose access it is."""
    return access.user_id, access.organisation_id


def counting(viewer: Viewer, members: Iterable[Membership]) -> dict[PartyKey, list[Access]]:
    """Per party, all its ways that the viewer may know of, the one that counts first.

    A person's include those through an organisation they share with the viewer, of which `members` says who
    belongs to it. Of other organisations' people nobody is told.
    """
    ways: defaultdict[PartyKey, list[Access]] = defaultdict(list)
    for access in viewer.live:
        ways[party_key(access)].append(access)
    for membership in members:
        person = (membership.user_id, None)
        if person in ways:
            ways[person] += ways.get((None, membership.organisation_id), [])
    return {party: sorted(found, key=_strength, reverse=True) for party, found in ways.items()}


def _strength(access: Access) -> tuple[int, datetime]:
    """The higher level counts; of one level, what lasts longer."""
    return access.level, access.ends_at or _NEVER


def endings(viewer: Viewer) -> dict[int, str]:
    """Per access that came by a code, how the code ended; for those with Manage, and of dead codes alone.

    A code is never stored: it is derived again. A live one is shown in full on asking, which is on the
    record; part of it beside every name would not be.
    """
    by_code = [access.pk for access in viewer.live if access.reason == Access.Reason.CODE]
    if not by_code or not viewer.may_see_addresses:
        return {}
    used = Acceptance.objects.filter(access__in=by_code).select_related("invitation")
    return {one.access_id: one.invitation.code[-4:] for one in used if not one.invitation.is_live()}


def why(access: Access, endings: dict[int, str]) -> str:
    """Why they have it, in a few words."""
    if access.pk in endings:
        return _("by code ending …{ending}").format(ending=endings[access.pk])
    return str(Access.Reason(access.reason).label)
