"""The devices on which somebody has signed in before, so that others' wrong passwords never slow them down.

One on which they chose their password is known as well: they had typed the old one there, or read their
e-mail. A device is known by a cookie, signed with SECRET_KEY; the database holds nothing of it. It is good
for nothing but to be counted apart (`portal.accounts.guessing`): the password is asked as everywhere.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, get_random_string

from portal.models import User

LIVES = timedelta(days=180)
# Several people share a computer; of more than these the first to sign in are forgotten, as a cookie is sent
# with every request.
MOST_PEOPLE = 5
_SALT = "portal.known-device"
_BETWEEN = "~"


class _Mark(NamedTuple):
    """One person on this device, as it stands in the cookie."""

    user: int
    device: str
    # What becomes another with the password.
    session_hash: str


def of(request: HttpRequest, address: str) -> str | None:
    """What this device is called for the account that has confirmed `address`; None where it is not known."""
    marks = dict(_marks(request))
    user = User.objects.with_verified_address(address) if marks else None
    return _called(marks.values(), user) if user else None


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Let `response` make this device known to `user`, who has just signed in or chosen a password on it."""
    marks = dict(_marks(request))
    called = _called(marks.values(), user) or get_random_string(22)
    others = [text for text, mark in marks.items() if mark.user != user.pk]
    mine = signing.dumps(_Mark(user.pk, called, user.get_session_auth_hash()), salt=_SALT)
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        _BETWEEN.join([*others, mine][-MOST_PEOPLE:]),
        max_age=LIVES,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _marks(request: HttpRequest) -> Iterator[tuple[str, _Mark]]:
    """Those this browser shows that are ours and not too old, as written and as read."""
    for text in request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "").split(_BETWEEN)[:MOST_PEOPLE]:
        try:
            yield text, _Mark(*signing.loads(text, salt=_SALT, max_age=LIVES))
        except signing.BadSignature:
            continue


def _called(marks: Iterable[_Mark], user: User) -> str | None:
    """What the device is called for `user`, unless they have another password by now."""
    now = user.get_session_auth_hash()
    for mark in marks:
        if mark.user == user.pk and constant_time_compare(mark.session_hash, now):
            return mark.device
    return None
