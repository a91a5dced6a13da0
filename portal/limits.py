"""How often things may be tried. Each limit is a named policy, counted exactly across processes.

Counting is one upsert, outside the caller's business transaction: a rollback must not un-count a try. The
limits are for the one who tries too often; they never slow anybody else down (docs/decisions/0003-codes.md).
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from django.db import connection
from django.utils import timezone

from portal.models import Throttle


@dataclass(frozen=True)
class Limit:
    """At most `tries` in `period`, counted per key under `name`."""

    name: str
    tries: int
    period: timedelta


WRONG_CODE_BY_ACCOUNT = Limit("wrong-code/account", 10, timedelta(minutes=5))
WRONG_CODE_BY_ADDRESS = Limit("wrong-code/address", 30, timedelta(minutes=5))
WRONG_KEY_BY_ACCOUNT = Limit("wrong-key/account", 10, timedelta(hours=1))
WRONG_KEY_BY_ADDRESS = Limit("wrong-key/address", 30, timedelta(hours=1))
WRONG_REPORT_BY_ADDRESS = Limit("wrong-report/address", 30, timedelta(minutes=5))
# Beside allauth's limit per address and network; high, or anybody could lock a known person out.
WRONG_PASSWORD = Limit("wrong-password", 500, timedelta(hours=1))
INVITATIONS_BY_ACCOUNT = Limit("invitations/account", 60, timedelta(hours=1))
MAIL_TO_ONE_RECIPIENT = Limit("invitations/recipient", 5, timedelta(days=1))
# One address, for however many locations and organisations: by one account, and by all together, so that
# nobody's letter box is filled by many accounts that are one person's.
MAIL_TO_ONE_PERSON = Limit("invitations/person", 60, timedelta(days=1))
MAIL_TO_ONE_ADDRESS = Limit("invitations/address", 100, timedelta(days=1))
ORGANISATIONS_BY_ACCOUNT = Limit("organisations/account", 10, timedelta(days=1))
ASKING_FOR_ACCESS_BY_ACCOUNT = Limit("ask/access/account", 10, timedelta(hours=1))
ASKING_FOR_ACCESS_BY_ADDRESS = Limit("ask/access/address", 30, timedelta(hours=1))
ASKING_TO_JOIN = Limit("ask/join", 1, timedelta(days=1))
ASKING_FOR_A_NEW_ONE = Limit("ask/invitation", 1, timedelta(days=1))

_UPSERT = """
    INSERT INTO portal_throttle AS kept (key, tries, ends_at) VALUES (%s, 1, %s)
    ON CONFLICT (key) DO UPDATE SET
        tries = CASE WHEN kept.ends_at <= %s THEN 1 ELSE kept.tries + 1 END,
        ends_at = CASE WHEN kept.ends_at <= %s THEN excluded.ends_at ELSE kept.ends_at END
    RETURNING tries
"""


def count(limit: Limit, key: object) -> bool:
    """Count one try under `key`; whether it is still within the limit."""
    now = timezone.now()
    adapt = connection.ops.adapt_datetimefield_value
    moment, end = adapt(now), adapt(now + limit.period)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [_name(limit, key), end, moment, moment])
        (tries,) = cursor.fetchone()
    return bool(tries <= limit.tries)


def is_spent(limit: Limit, key: object) -> bool:
    """Whether all tries under `key` are used up; counts nothing."""
    return Throttle.objects.filter(
        key=_name(limit, key), ends_at__gt=timezone.now(), tries__gte=limit.tries
    ).exists()


def forget_ended() -> int:
    """Delete the counters whose window is over; returns how many."""
    return Throttle.objects.filter(ends_at__lte=timezone.now()).delete()[0]


def _name(limit: Limit, key: object) -> str:
    name = f"{limit.name}/{key}"
    return name if len(name) <= 120 else f"{limit.name}/{sha256(name.encode()).hexdigest()}"
