"""Who is told of what becomes of a location."""

from locations.models import Access
from portal.models import User


def holders(access: Access) -> list[User]:
    """Who is told of what becomes of an access: the person, or the organisation's Administrators."""
    if access.user:
        return [access.user]
    administrators = access.organisation.memberships.administrators().by_name()
    return [membership.user for membership in administrators]
