"""Codes and keys that are guessed: each counted once, before it is looked up, and in no transaction."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from locations.levels import Level
from portal import codes, limits
from portal.models import Throttle
from sharing.invitations import codes as invitations_codes
from tests.cast import Cast, make_cast
from tests.pages import signed_in


def code(client: Client, cast: Cast, text: str) -> None:
    client.post(reverse("sharing:add"), {"code": text}, follow=True)


def key_to_join(client: Client, cast: Cast, text: str) -> None:
    client.post(reverse("organisations:join"), {"key": text})


def key_to_share(client: Client, cast: Cast, text: str) -> None:
    data = {"kind": "organisation", "key": text, "level": "1"}
    client.post(reverse("sharing:invite", args=[cast.site.uuid]), data)


def by_support(client: Client, cast: Cast, text: str) -> None:
    signed_in(cast.support).post(reverse("support_find"), {"text": text})


Guess = Callable[[Client, Cast, str], None]


@pytest.mark.django_db(transaction=True)
def test_a_guess_is_counted_once_and_outside_of_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback must not un-count a wrong one; a right one, and looking at it again, costs nothing."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    attempt, seen = limits.attempt, []

    def watched(*counters: limits.Counter) -> limits.Attempt:
        seen.append(connection.in_atomic_block)
        return attempt(*counters)

    cast = make_cast()
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    right_code, right_key = made.code, cast.operators.key
    wrong_code = codes.derive(purpose="invitation-code", subject="x", nonce="x", length=12)
    wrong_key = codes.derive(purpose="organisation-key", subject="x", nonce="x", length=16)
    monkeypatch.setattr(limits, "attempt", watched)
    ways: list[tuple[Guess, str, str]] = [
        (code, right_code, wrong_code),
        (key_to_join, right_key, wrong_key),
        (key_to_share, right_key, wrong_key),
        (by_support, right_code, wrong_code),
        (by_support, right_key, wrong_key),
    ]
    for guess, right, wrong in ways:
        Throttle.objects.all().delete()
        client = signed_in(cast.installer)
        for _ in range(2):
            guess(client, cast, right)
        assert seen and not any(seen), guess
        assert not Throttle.objects.exists(), guess
        guess(client, cast, wrong)
        assert set(Throttle.objects.values_list("tries", flat=True)) == {1}, guess
        assert len(Throttle.objects.all()) == 2 and not any(seen), guess
        seen.clear()
