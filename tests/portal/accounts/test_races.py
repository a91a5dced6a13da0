"""Real races on PostgreSQL: what is locked while an address is confirmed, and in which order."""

import threading
import time

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.db import connection, transaction
from django.urls import reverse

from locations.levels import Level
from locations.models import Access
from locations.services import give_access, lock_location
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
        browser().post(reverse("account_signup"), {"name": "Eve", "email": WANTED, "password1": PASSWORD})
        confirmer = receiver = User.objects.get(email=WANTED)
        client = browser()
    else:
        confirmer, receiver = make_person("vera@test.example"), cast.customer
        EmailAddress.objects.filter(user=receiver).update(email=WANTED, verified=False)
        User.objects.filter(pk=receiver.pk).update(email=WANTED)
        EmailAddress.objects.create(user=confirmer, email=WANTED)
        client = signed_in(confirmer)
    address = EmailAddress.objects.get(user=confirmer, email=WANTED)
    link = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    statuses: list[int] = []

    def confirm() -> None:
        try:
            statuses.append(client.post(link, {"name": "Vera", "password1": NEXT}).status_code)
        finally:
            connection.close()

    confirming = threading.Thread(target=confirm, daemon=True)
    with transaction.atomic():
        site = lock_location(cast.site)
        confirming.start()
        _wait_until_somebody_waits_for_us()
        give_access(
            location=site, party=receiver, level=Level.MANAGE, reason=Access.Reason.CODE, by=cast.installer
        )
    confirming.join(20)
    assert statuses == [302]
    assert User.objects.with_verified_address(WANTED) == confirmer
    sent.refresh_from_db()
    assert sent.state == ("withdrawn" if whose == "new" else "pending")


def _wait_until_somebody_waits_for_us() -> None:
    """For a lock of this transaction. `pg_stat_activity` stands still within one."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waits for the lock on the location")
