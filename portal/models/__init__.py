"""The ground floor: people, the mail that waits to be sent, the record of what happened, throttles."""

from portal.models.activity import Activity, ActivityQuerySet
from portal.models.email import OutgoingEmail
from portal.models.throttle import Throttle
from portal.models.user import FormerAddress, User, composed, digest_of, digests_of

__all__ = [
    "Activity",
    "ActivityQuerySet",
    "FormerAddress",
    "OutgoingEmail",
    "Throttle",
    "User",
    "composed",
    "digest_of",
    "digests_of",
]
