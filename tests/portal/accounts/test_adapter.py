"""Addresses others signed up with, accounts nobody confirmed, ended sessions, the reader's language."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from portal import tasks
from portal.accounts import adapter as accounts_adapter
from portal.models import OutgoingEmail, User
from tests.cast import Cast
from tests.pages import PASSWORD, browser, letter, link_in, make_account

pytestmark = pytest.mark.django_db
WANTED = "wanted@test.example"


def squat(email: str = WANTED) -> User:
    """Somebody signs up with an address that is not theirs."""
    cache.clear()
    browser().post(reverse("account_signup"), {"name": "Eve", "email": email, "password1": PASSWORD})
    return User.objects.get(email=email)


def signed_in_again(email: str) -> Client:
    cache.clear()
    client = browser()
    client.post(reverse("account_login"), {"login": email, "password": PASSWORD})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def change(client: Client, action: str) -> int:
    cache.clear()
    return client.post(reverse("account_email"), {"email": WANTED, action: ""}, follow=True).status_code


def test_an_address_somebody_else_signed_up_with_can_be_confirmed_and_made_main() -> None:
    """Whoever reads the mailbox has the address, whoever came first."""
    user = make_account()
    squatter = squat()
    client = signed_in_again(user.email)
    change(client, "action_add")
    EmailAddress.objects.get(user=user, email=WANTED)
    link = link_in(letter(address=WANTED, recipient=user), "/confirm-email/")
    assert client.post(link, follow=True).status_code == 200
    assert change(client, "action_primary") == 200
    user.refresh_from_db()
    assert user.email == WANTED
    assert not User.objects.filter(pk=squatter.pk).exists()


def test_an_address_confirmed_before_can_be_made_main() -> None:
    user = make_account()
    EmailAddress.objects.create(user=user, email=WANTED, verified=True)
    User.objects.create_user(WANTED, PASSWORD)
    client = signed_in_again(user.email)
    assert change(client, "action_primary") == 200
    user.refresh_from_db()
    assert user.email == WANTED


def test_an_account_in_use_loses_the_address_and_stays(cast: Cast) -> None:
    """Nobody's rights vanish by what another person confirms."""
    old = cast.installer.email
    EmailAddress.objects.filter(user=cast.installer).update(verified=False)
    EmailAddress.objects.create(user=cast.stranger, email=old, verified=True)
    cast.installer.refresh_from_db()
    assert cast.installer.email.endswith(".invalid")
    assert not EmailAddress.objects.filter(user=cast.installer, email=old).exists()
    assert cast.installer.memberships.exists()


def test_who_confirmed_an_address_keeps_it() -> None:
    """Against whoever else says so: the database refuses it, and nothing has changed by then."""
    from django.db import IntegrityError, transaction

    owner, other = make_account(WANTED), make_account("other@test.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        EmailAddress.objects.create(user=other, email=WANTED, verified=True)
    owner.refresh_from_db()
    assert owner.email == WANTED


def test_sign_ups_nobody_confirmed_are_forgotten_after_a_week(cast: Cast) -> None:
    """Nobody else: not the confirmed, not those with rights, not support staff."""
    kept = set(User.objects.values_list("pk", flat=True))
    old, young = squat("old@test.example"), squat("young@test.example")
    staff = User.objects.create_superuser("staff@test.example", PASSWORD)
    long_ago = timezone.now() - accounts_adapter.UNCONFIRMED_LIVES - timedelta(minutes=1)
    User.objects.exclude(pk=young.pk).update(date_joined=long_ago)
    EmailAddress.objects.filter(user=cast.installer).update(verified=False)
    tasks.forget_unconfirmed_accounts()
    assert set(User.objects.values_list("pk", flat=True)) == kept | {young.pk, staff.pk}
    assert not User.objects.filter(pk=old.pk).exists()


def test_sessions_that_are_over_are_forgotten() -> None:
    for email in ("a@test.example", "b@test.example"):
        make_account(email)
        signed_in_again(email)
    first = Session.objects.earliest("expire_date")
    Session.objects.filter(pk=first.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    kept = Session.objects.count() - 1
    tasks.forget_ended_sessions()
    assert Session.objects.count() == kept and not Session.objects.filter(pk=first.pk).exists()


def test_both_are_asked_for_every_hour() -> None:
    from django.conf import settings

    for name in ("forget_ended_sessions", "forget_unconfirmed_accounts"):
        entry = settings.CELERY_BEAT_SCHEDULE[f"portal.tasks.{name}"]
        assert entry["schedule"].run_every == timedelta(hours=1)


@pytest.mark.parametrize("address", ["known@test.example", "second@test.example"])
def test_a_known_person_is_written_to_in_their_language(address: str) -> None:
    """Whoever asks for it: somebody signs up with the address in English."""
    user = make_account()
    EmailAddress.objects.create(user=user, email="second@test.example", verified=True)
    User.objects.update(language="da")
    cache.clear()
    with override("en-gb"):
        data = {"name": "Eve", "email": address, "password1": PASSWORD}
        browser(headers={"Accept-Language": "en-gb"}).post(reverse("account_signup"), data)
    row = OutgoingEmail.objects.get()
    assert (row.language, row.recipient, row.address) == ("da", user, address)


def test_an_unknown_person_is_written_to_in_the_language_of_the_page() -> None:
    cache.clear()
    client = browser(headers={"Accept-Language": "da"})
    client.post(reverse("account_reset_password"), {"email": "nobody@test.example"})
    assert OutgoingEmail.objects.get().language == "da"


def guess(client: Client, email: str, times: int = 1, password: str = f"not {PASSWORD}") -> None:
    for _ in range(times):
        client.post(reverse("account_login"), {"login": email, "password": password})


def is_in(client: Client) -> bool:
    return client.get(reverse("locations:list")).status_code == 200


def test_guessing_locks_out_the_guesser_and_not_the_owner() -> None:
    """Whoever knows an address could else keep its owner out for good."""
    user = make_account()
    cache.clear()
    guesser = browser(REMOTE_ADDR="192.0.2.66")
    guess(guesser, user.email, 6)
    guess(guesser, user.email, password=PASSWORD)
    assert not is_in(guesser)
    owner = browser(REMOTE_ADDR="198.51.100.7")
    guess(owner, user.email, password=PASSWORD)
    assert is_in(owner)
