"""How often things may be tried. Each limit is a named policy, counted exactly across processes.

Counting is one upsert, outside the caller's business transaction: a rollback must not un-count a try. The
limits are for the one who tries too often; they never slow anybody else down (docs/decisions/0003-codes.md).

A guess is counted before it is looked at, and given back when it was right (`attempt`): of those that come at
the same moment, exactly as many are looked at as are left. Asking whether a limit is spent decides nothing.
"""

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Any

from django.db import connection, transaction
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
# Few where one network tries one account; in all enough to get nowhere, and too many for anybody's mistakes.
WRONG_PASSWORD_BY_ACCOUNT_AND_ADDRESS = Limit("wrong-password/account+address", 5, timedelta(minutes=5))
WRONG_PASSWORD_BY_ACCOUNT = Limit("wrong-password/account", 100, timedelta(hours=1))
WRONG_PASSWORD_BY_ADDRESS = Limit("wrong-password/address", 300, timedelta(hours=1))
# Instead of these three, on a device the person has signed in on before (portal.accounts.known_device).
WRONG_PASSWORD_BY_DEVICE = Limit("wrong-password/device", 10, timedelta(hours=1))
# A class of thirty behind one address makes its accounts in one lesson, mistakes included.
SIGN_UPS_BY_ADDRESS = Limit("sign-up/address", 100, timedelta(hours=1))
INVITATIONS_BY_ACCOUNT = Limit("invitations/account", 60, timedelta(hours=1))
MAIL_TO_ONE_RECIPIENT = Limit("invitations/recipient", 5, timedelta(days=1))
# One address, for however many locations and organisations: by one account, and by all together, so that
# nobody's letter box is filled by many accounts that are one person's.
MAIL_TO_ONE_PERSON = Limit("invitations/person", 60, timedelta(days=1))
MAIL_TO_ONE_ADDRESS = Limit("invitations/address", 100, timedelta(days=1))
# Removing somebody and undoing it writes to them and to whom they had invited, each time.
UNDOS_BY_ACCOUNT = Limit("undo/account", 30, timedelta(hours=1))
ORGANISATIONS_BY_ACCOUNT = Limit("organisations/account", 10, timedelta(days=1))
ASKING_FOR_ACCESS_BY_ACCOUNT = Limit("ask/access/account", 10, timedelta(hours=1))
ASKING_FOR_ACCESS_BY_ADDRESS = Limit("ask/access/address", 30, timedelta(hours=1))
# Each takes the place of the one before, and sends an e-mail there.
SIGNING_UP_WITH_ONE_ADDRESS = Limit("sign-up/one-address", 5, timedelta(hours=1))
ASKING_TO_JOIN = Limit("ask/join", 1, timedelta(days=1))
ASKING_FOR_A_NEW_ONE = Limit("ask/invitation", 1, timedelta(days=1))

Counter = tuple[Limit, object]

_UPSERT = """
    INSERT INTO portal_throttle AS kept (key, tries, ends_at) VALUES (%s, 1, %s)
    ON CONFLICT (key) DO UPDATE SET
        tries = CASE WHEN kept.ends_at <= %s THEN 1 ELSE kept.tries + 1 END,
        ends_at = CASE WHEN kept.ends_at <= %s THEN excluded.ends_at ELSE kept.ends_at END
"""
_COUNT = f"{_UPSERT} RETURNING tries"
# Writes nothing, and returns no row, where none is left.
_COUNT_IF_LEFT = f"{_UPSERT} WHERE kept.ends_at <= %s OR kept.tries < %s RETURNING tries, ends_at"
# Of the window it was counted in and no later one; never below zero. What counts nothing needs no row.
_FORGET = "DELETE FROM portal_throttle WHERE key = %s AND ends_at = %s AND tries <= 1"
_GIVE_BACK = "UPDATE portal_throttle SET tries = tries - 1 WHERE key = %s AND ends_at = %s AND tries > 0"


class Spent(Exception):
    """There are no tries left before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"spent until {until}")
        self.until = until

    @property
    def minutes(self) -> int:
        """How long to wait, in minutes, at least one."""
        return max(1, ceil((self.until - timezone.now()) / timedelta(minutes=1)))


class _Beyond(Exception):
    """One of the limits has none left: nothing of this try is counted."""


@dataclass
class Attempt:
    """One try that was counted, and in which windows."""

    _counted: list[tuple[str, Any]] = field(default_factory=list)

    def give_back(self) -> None:
        """The try was a right one, and counts nowhere any more. Once; again does nothing."""
        counted, self._counted = self._counted, []
        if not counted:
            return
        with _together(counted), connection.cursor() as cursor:
            for row in counted:
                cursor.execute(_FORGET, row)
                if not cursor.rowcount:
                    cursor.execute(_GIVE_BACK, row)


def attempt(*counters: Counter) -> Attempt:
    """Count one try under all of these at once, before looking whether it is right.

    Raises Spent where one of them has none left; then none of them has counted it, so that a try that is
    refused here costs nobody else behind the same address anything. Not for use in a transaction of the
    caller's, whose rollback would un-count it.
    """
    limits = {_name(limit, key): limit for limit, key in counters}
    made = Attempt()
    try:
        # In one order, so that two that share some of them wait and do not block each other.
        with _together(limits):
            for name in sorted(limits):
                made._counted.append((name, _count_if_left(name, limits[name])))
    except _Beyond:
        raise Spent(_until(limits)) from None
    return made


def count(limit: Limit, key: object) -> bool:
    """Count one try under `key`, whatever comes of it; whether it is still within the limit."""
    with connection.cursor() as cursor:
        end, now = _window(limit)
        cursor.execute(_COUNT, [_name(limit, key), end, now, now])
        (tries,) = cursor.fetchone()
    return bool(tries <= limit.tries)


def is_spent(limit: Limit, key: object) -> bool:
    """Whether all tries under `key` are used up, for a page that says so; counts nothing, decides nothing."""
    return Throttle.objects.filter(
        key=_name(limit, key), ends_at__gt=timezone.now(), tries__gte=limit.tries
    ).exists()


def forget_ended() -> int:
    """Delete the counters whose window is over; returns how many."""
    return Throttle.objects.filter(ends_at__lte=timezone.now()).delete()[0]


def _count_if_left(name: str, limit: Limit) -> Any:
    """Count one more; the end of the window it counts in, as the database writes it. Raises _Beyond."""
    end, now = _window(limit)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_IF_LEFT, [name, end, now, now, now, limit.tries])
        row = cursor.fetchone()
    if row is None or row[0] > limit.tries:
        raise _Beyond
    return row[1]


def _window(limit: Limit) -> tuple[Any, Any]:
    """The end of a window that begins now, and now."""
    now, adapt = timezone.now(), connection.ops.adapt_datetimefield_value
    return adapt(now + limit.period), adapt(now)


def _together(many: Collection[Any]) -> AbstractContextManager[Any]:
    """All or none; what is one statement needs no transaction."""
    return transaction.atomic() if len(many) > 1 else nullcontext()


def _until(limits: dict[str, Limit]) -> datetime:
    """When the last of these that are spent begins anew."""
    now = timezone.now()
    rows: Iterable[Throttle] = Throttle.objects.filter(key__in=limits, ends_at__gt=now)
    return max((row.ends_at for row in rows if row.tries >= limits[row.key].tries), default=now)


def _name(limit: Limit, key: object) -> str:
    name = f"{limit.name}/{key}"
    return name if len(name) <= 120 else f"{limit.name}/{sha256(name.encode()).hexdigest()}"
