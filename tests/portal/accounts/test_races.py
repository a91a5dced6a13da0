"""Real races on PostgreSQL: what is locked while an address is confirmed, and in which order."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from locations.levels import Level
from locations.models import Access
from locations.services import give_access, lock_location
from portal.accounts.deletion import lock_person
from portal.models import User
from sharing.invitations import services as invitations
from tests.cast import Cast, make_cast, make_person
from tests.pages import PASSWORD, browser, signed_in

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
WANTED = "vera@corp.example"
NEXT = "et-helt-nyt-kodeord-9"


@pytest.fixture
def cast(monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, committed; nobody nudges a worker there is not."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    return make_cast()


@pytest.mark.parametrize("whose", ["new", "lost"])
def test_confirming_an_address_while_its_person_is_given_access(cast: Cast, whose: str) -> None:
    """What waits at the address is settled under the locks on its locations, which come before those on
    people: on whoever confirms it, and on who had it unconfirmed and loses it. The other way round each waits
    for the other, and the database ends one of them.
    """
    sent = invitations.share_with_person(
        location=cast.site, by=cast.installer, email=WANTED, level=Level.VIEW
    )
    if whose == "new":
        client, confirmer = browser(), sign_up()
        receiver = confirmer
    else:
        confirmer, receiver = make_person("vera@test.example"), cast.customer
        hold_unconfirmed(receiver)
        EmailAddress.objects.create(user=confirmer, email=WANTED)
        client = signed_in(confirmer)
    terms = {"level": Level.MANAGE, "reason": Access.Reason.CODE, "by": cast.installer}
    press_while(
        client,
        confirmer,
        locked=lambda: lock_location(cast.site),
        then=lambda: give_access(location=cast.site, party=receiver, **terms),
    )
    sent.refresh_from_db()
    assert sent.state == ("withdrawn" if whose == "new" else "pending")


def test_confirming_an_address_locks_people_by_number(cast: Cast) -> None:
    """As whatever locks several people does: whoever had it unconfirmed, too, and not once they lose it."""
    hold_unconfirmed(cast.installer)
    confirmer = sign_up()
    assert cast.installer.pk < confirmer.pk
    press_while(
        browser(), confirmer, locked=lambda: lock_person(cast.installer), then=lambda: lock_person(confirmer)
    )


def sign_up() -> User:
    browser().post(reverse("account_signup"), {"name": "Eve", "email": WANTED, "password1": PASSWORD})
    return User.objects.get(name="Eve")


def hold_unconfirmed(user: User) -> None:
    """As the main address of an account in use."""
    EmailAddress.objects.filter(user=user).update(email=WANTED, verified=False)
    User.objects.filter(pk=user.pk).update(email=WANTED)
    user.refresh_from_db()


def press_while(client: Client, confirmer: User, locked: Callable[[], Any], then: Callable[[], Any]) -> None:
    """Somebody presses the button of the link and waits for what `locked` locks; then `then` goes on, in the
    same transaction. In the end the address is theirs.
    """
    address = EmailAddress.objects.get(user=confirmer, email=WANTED)
    link = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    statuses: list[int] = []

    def press() -> None:
        try:
            statuses.append(client.post(link, {"name": "Vera", "password1": NEXT}).status_code)
        finally:
            connection.close()

    pressing = threading.Thread(target=press, daemon=True)
    with transaction.atomic():
        locked()
        pressing.start()
        _wait_until_somebody_waits_for_us()
        then()
    pressing.join(20)
    assert statuses == [302]
    assert User.objects.with_verified_address(WANTED) == confirmer


def _wait_until_somebody_waits_for_us() -> None:
    """For a lock of this transaction. `pg_stat_activity` stands still within one."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for what is locked")
