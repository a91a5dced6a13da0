"""An address nobody has confirmed is nobody's: it opens no account, blocks nobody and gets nobody's mail."""

import os
import re
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.hashers import MD5PasswordHasher, PBKDF2PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from portal import limits
from portal.accounts import deletion, views
from portal.accounts.adapter import forget_unconfirmed
from portal.accounts.tokens import ResetTokens
from portal.activity.deleted_people import DeletedUsers, without_deleted
from portal.activity.record import record
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from tests.cast import Cast, make_person
from tests.pages import PASSWORD, browser, letter, link_in, main_of, make_account, signed_in, text_of

pytestmark = pytest.mark.django_db
WANTED = "vera@corp.example"
NEXT = "et-helt-nyt-kodeord-9"


def sign_up(client: Client | None = None, email: str = WANTED, name: str = "Vera") -> Client:
    cache.clear()
    client = client or browser()
    client.post(reverse("account_signup"), {"name": name, "email": email, "password1": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get(reverse("locations:list")).status_code == 200


def confirm(client: Client, **fields: str) -> None:
    client.post(link_in(letter(address=WANTED), "/confirm-email/"), fields)


def ask_for_reset(email: str) -> None:
    cache.clear()
    browser().post(reverse("account_reset_password"), {"email": email})


def send_all() -> None:
    while outbox.deliver_due():
        pass


# --- Choosing a new password --------------------------------------------------------------------


def test_an_address_added_and_not_confirmed_opens_no_account() -> None:
    """A slip of the keyboard would give the account to whoever reads that mailbox."""
    user = make_account()
    EmailAddress.objects.create(user=user, email=WANTED)
    ask_for_reset(WANTED)
    row = OutgoingEmail.objects.get()
    assert row.details["template"] == "unknown_account" and row.recipient is None


def test_an_address_confirmed_no_longer_gets_no_link() -> None:
    """The worker asks again: minutes may lie between."""
    user = make_account()
    ask_for_reset(user.email)
    EmailAddress.objects.filter(user=user).update(verified=False)
    send_all()
    assert OutgoingEmail.objects.get().status == OutgoingEmail.Status.OBSOLETE


def test_links_made_before_the_upgrade_are_dead() -> None:
    user = make_account()
    works = {}
    for tokens in (EmailAwarePasswordResetTokenGenerator(), ResetTokens()):
        url = reverse(
            "account_reset_password_from_key", args=[user_pk_to_url_str(user), tokens.make_token(user)]
        )
        page = browser().get(url, follow=True)
        works[type(tokens)] = "password1" in main_of(page)
    assert works == {EmailAwarePasswordResetTokenGenerator: False, ResetTokens: True}


def test_a_link_dies_with_the_address_it_was_sent_to() -> None:
    user = make_account()
    EmailAddress.objects.create(user=user, email=WANTED, verified=True)
    token = ResetTokens().make_token(user)
    EmailAddress.objects.filter(email=WANTED).delete()
    assert not ResetTokens().check_token(user, token)


# --- Signing up ---------------------------------------------------------------------------------


def test_somebody_elses_unconfirmed_row_blocks_no_sign_up(cast: Cast) -> None:
    """Theirs goes when it is confirmed, and everything else of theirs stays."""
    EmailAddress.objects.create(user=cast.installer, email=WANTED)
    client = sign_up()
    confirm(client)
    assert is_in(client)
    assert list(User.objects.filter(emailaddress__email=WANTED).values_list("name", flat=True)) == ["Vera"]
    cast.installer.refresh_from_db()
    assert cast.installer.memberships.exists() and not cast.installer.email.endswith(".invalid")


def test_an_account_in_use_keeps_its_unconfirmed_main_address_until_somebody_confirms_it(cast: Cast) -> None:
    """Then its further confirmed address is its main one."""
    EmailAddress.objects.filter(user=cast.installer).delete()
    User.objects.filter(pk=cast.installer.pk).update(email=WANTED)
    EmailAddress.objects.create(user=cast.installer, email="other@corp.example", verified=True)
    client = sign_up()
    cast.installer.refresh_from_db()
    assert cast.installer.email == WANTED
    confirm(client)
    cast.installer.refresh_from_db()
    assert is_in(client) and cast.installer.email == "other@corp.example"
    assert User.objects.get(email=WANTED).name == "Vera"


def test_signing_up_again_takes_the_place_of_who_signed_up_before() -> None:
    """Name, password, links: nothing of the first is left."""
    squatter = sign_up(name="Eve")
    first = link_in(letter(address=WANTED), "/confirm-email/")
    owner = sign_up()
    assert User.objects.get(email=WANTED).name == "Vera"
    assert squatter.post(first).status_code == 404
    confirm(owner)
    assert is_in(owner) and not is_in(squatter)


def test_the_e_mail_is_sent_again_at_once() -> None:
    """Though allauth holds back a second one for some minutes: the first link is dead."""
    sign_up()
    browser().post(reverse("account_signup"), {"name": "Vera", "email": WANTED, "password1": PASSWORD})
    send_all()
    assert OutgoingEmail.objects.get(address=WANTED).status == OutgoingEmail.Status.SENT


def test_nobody_keeps_an_address_from_its_owner_by_signing_up_with_it_for_ever() -> None:
    """After some times the last one waits, so that its link can be used; the page answers as ever."""
    for _ in range(limits.SIGNING_UP_WITH_ONE_ADDRESS.tries):
        sign_up(name="Eve")
    last = User.objects.get(email=WANTED)
    sent = OutgoingEmail.objects.count()
    page = browser().post(reverse("account_signup"), {"name": "Eve", "email": WANTED, "password1": PASSWORD})
    assert page["Location"] == reverse("account_email_verification_sent")
    assert User.objects.get(email=WANTED) == last and OutgoingEmail.objects.count() == sent
    owner = browser()
    confirm(owner, name="Vera", password1=NEXT)
    assert is_in(owner)


def test_an_account_only_signed_up_for_goes_when_another_confirms_the_address() -> None:
    user = make_account()
    sign_up(name="Eve")
    row = EmailAddress.objects.create(user=user, email=WANTED)
    row.set_verified()
    assert list(User.objects.values_list("pk", flat=True)) == [user.pk]


def test_what_stands_in_for_an_address_is_none() -> None:
    """allauth would make a row of it, list it, and send a confirmation there."""
    user = make_account()
    EmailAddress.objects.all().delete()
    User.objects.update(email=user.address_of_nobody)
    client = browser()
    client.force_login(user)
    assert "Your account has no address" in main_of(client.get(reverse("account_email")))
    assert not EmailAddress.objects.exists()


def test_sign_ups_are_forgotten_with_whatever_address(cast: Cast) -> None:
    """Also one that waits for an address another account holds unconfirmed."""
    EmailAddress.objects.filter(user=cast.installer).delete()
    sign_up(email=cast.installer.email)
    User.objects.update(date_joined="2020-01-01T00:00Z")
    assert forget_unconfirmed() == 1
    assert User.objects.filter(pk=cast.installer.pk).exists()


# --- Mail ---------------------------------------------------------------------------------------


def test_an_unconfirmed_main_address_gets_no_mail_meant_for_the_account() -> None:
    """An account that support made has one, until it is confirmed."""
    user = make_person("ana@firm.example")
    rows = {"language": "en-gb", "recipient": user}
    outbox.queue("account", key="1", address=user.email, template="password_changed", **rows)
    EmailAddress.objects.update(verified=False)
    outbox.queue("account", key="2", address=user.email, template="email_confirmation", **rows)
    send_all()
    status = dict(OutgoingEmail.objects.values_list("key", "status"))
    assert status == {"1": OutgoingEmail.Status.OBSOLETE, "2": OutgoingEmail.Status.SENT}


# --- Nothing is told by the time it takes -------------------------------------------------------


@pytest.mark.parametrize("password", ["wrong-password", "pa\u030askelilje-og-a\u030al"])
@pytest.mark.parametrize("way", ["sign-up", "sign-in"])
def test_every_answer_takes_as_many_hashes(way: str, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take nearly all the time; a decomposed password is tried twice, whoever is asked for."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, *args: str) -> str:
        hashed.append("")
        return encode(self, *args)

    user = make_account("known@test.example")
    for other in (user, make_account("other@test.example")):
        EmailAddress.objects.create(user=other, email="added@test.example")
    sign_up(email="half@test.example")
    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    counts = {}
    for email in ("known", "half", "added", "nobody"):
        cache.clear()
        hashed.clear()
        _WAYS[way](browser(), f"{email}@test.example", password)
        counts[email] = len(hashed)
    assert len(set(counts.values())) == 1 and counts["known"] > 0, counts


class AsDear(PBKDF2PasswordHasher):
    """A quarter of what a hash costs: still nearly all the time of an answer."""

    iterations = PBKDF2PasswordHasher.iterations // (1 if "ROUNDS" in os.environ else 4)


@pytest.mark.heavy
@pytest.mark.parametrize("way", ["sign-up", "sign-in", "reset"])
def test_no_answer_tells_by_its_time(way: str, settings: Any) -> None:
    """Medians of thirty, and twice more before it counts as a difference: a fifth by hand (ROUNDS=1), on a
    quiet machine. Elsewhere what other work takes is more than that, and a hash that is missing more still.
    """
    most = 1.2 if "ROUNDS" in os.environ else 1.8
    settings.PASSWORD_HASHERS = [f"{__name__}.AsDear"]
    make_account("known@test.example")
    sign_up(email="half@test.example")
    emails = ("known@test.example", "half@test.example", "nobody@test.example")
    for _ in range(3):
        medians = _medians(way, emails)
        if max(medians) <= most * min(medians):
            return
    raise AssertionError(medians)


def _medians(way: str, emails: tuple[str, ...]) -> list[float]:
    taken: dict[str, list[float]] = {email: [] for email in emails}
    for _ in range(30):
        for email in emails:
            client = browser()
            cache.clear()
            Throttle.objects.all().delete()
            if email.startswith("nobody"):
                User.objects.filter(email=email).delete()
            begun = time.perf_counter()
            _WAYS[way](client, email, PASSWORD if way == "sign-up" else "wrong-password")
            taken[email].append(time.perf_counter() - begun)
    return [median(times) for times in taken.values()]


_WAYS: dict[str, Callable[[Client, str, str], object]] = {
    "sign-up": lambda client, email, password: client.post(
        reverse("account_signup"), {"name": "Nina", "email": email, "password1": password}
    ),
    "sign-in": lambda client, email, password: client.post(
        reverse("account_login"), {"login": email, "password": password}
    ),
    "reset": lambda client, email, _password: client.post(
        reverse("account_reset_password"), {"email": email}
    ),
}


def test_a_further_address_is_confirmed_by_whoever_is_signed_in_to_the_account() -> None:
    """Else whoever adds somebody's address waits for their click. Opening the link signs nobody out."""
    eve = make_account("eve@test.example")
    address = EmailAddress.objects.create(user=eve, email="vera@corp.example", verified=False)
    link = f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/"
    vera = make_account("vera@test.example")
    for client in (browser(), signed_in(vera)):
        assert "Sign in to that account to confirm it" in text_of(client.get(link))
        assert client.post(link).status_code == 403
        address.refresh_from_db()
        assert not address.verified
    assert is_in(client)
    signed_in(eve).post(link)
    address.refresh_from_db()
    assert address.verified


def test_from_the_wrong_account_one_button_leads_to_the_right_one_and_back() -> None:
    """Signed in as somebody else: the address to come back to outlives the sign-out."""
    eve = make_account("eve@test.example")
    address = EmailAddress.objects.create(user=eve, email=WANTED)
    link = f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/"
    client = signed_in(make_account("vera@test.example"))
    action, button = re.findall(
        r'<form method="post"[^>]* action="([^"]+)">.*?<button type="submit" ([^>]*)>Use another account<',
        main_of(client.get(link)),
    )[0]
    name, value = re.findall(r'name="(\w+)" value="(\w+)"', button)[0]
    assert client.post(action, {name: value})["Location"] == reverse("account_login") and not is_in(client)
    page = client.post(reverse("account_login"), {"login": eve.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == action and f"Is {WANTED} the address of" in text_of(page)
    client.post(link)
    address.refresh_from_db()
    assert address.verified


@pytest.mark.parametrize("email", ["known@test.example", "fresh@test.example", "a\0b@x.example"])
def test_an_unconfirmed_address_does_not_become_the_main_one(settings: Any, email: str) -> None:
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = False
    make_account("known@test.example")
    eve = make_account("eve@test.example")
    EmailAddress.objects.create(user=eve, email=email.replace("\0", ""), verified=False)
    answer = signed_in(eve).post(reverse("account_email"), {"action_primary": "", "email": email})
    assert answer.status_code == 302 and answer["Location"] == reverse("account_email")
    eve.refresh_from_db()
    assert eve.email == "eve@test.example"


def test_whoever_signed_up_again_meanwhile_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sign-up may be replaced while their browser waits for the locks."""
    sign_up()
    monkeypatch.setattr(views, "lock_holders", lambda email: User.objects.get(email=email).delete())
    link = link_in(letter(address=WANTED), "/confirm-email/")
    answer = browser().post(link, {"name": "Vera", "password1": NEXT})
    assert answer.status_code == 422 and not User.objects.exists()


# --- Deleting an account ------------------------------------------------------------------------


@pytest.mark.parametrize("confirmed", ["other@corp.example", ""])
def test_deleting_an_account_hides_nobody_whose_address_it_held_unconfirmed(confirmed: str) -> None:
    """In the record it stays theirs; who deleted the account is hidden, whatever they had confirmed."""
    user = make_account("eve@test.example")
    EmailAddress.objects.filter(user=user).delete()
    User.objects.filter(pk=user.pk).update(email=WANTED)
    EmailAddress.objects.create(user=user, email=WANTED)
    if confirmed:
        EmailAddress.objects.create(user=user, email=confirmed, verified=True)
    user.refresh_from_db()
    about_vera = record(Verb.INVITED, by=None, party_address=WANTED)
    about_eve = record(Verb.INVITED, by=user, party_address=confirmed)
    deletion.close_account(user=user)
    hidden = DeletedUsers([about_vera, about_eve])
    assert hidden.party(about_vera) == "" and hidden.actor(about_eve) == "Deleted user"
    assert hidden.party(about_eve) == ("Deleted user" if confirmed else "")
    assert about_vera in without_deleted(Activity.objects.all())
