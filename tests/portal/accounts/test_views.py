"""The way in through allauth: mails by the outbox, no token in any row, nothing told of accounts."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.formats import date_format

from portal.accounts.adapter import GO_ON
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from tests.cast import Cast
from tests.pages import (
    PASSWORD,
    browser,
    letter,
    link_in,
    main_of,
    make_account,
    said,
    signed_in,
    text_of,
    whole_database,
    without_nonces,
)

pytestmark = pytest.mark.pages

NEW = "new@test.example"
NEXT = "et-helt-nyt-kodeord-9"


def sign_up(client: Client, email: str = NEW, **data: str) -> HttpResponse:
    cache.clear()
    fields = {"name": "Nina", "email": email, "password1": PASSWORD} | data
    return client.post(reverse("account_signup"), fields, follow=True)


def sign_up_at_once(client: Client, email: str) -> HttpResponse:
    """While allauth still holds back e-mails to the address."""
    fields = {"name": "Nina", "email": email, "password1": PASSWORD}
    return client.post(reverse("account_signup"), fields, follow=True)


def sign_in(client: Client, email: str, password: str = PASSWORD) -> HttpResponse:
    cache.clear()
    return client.post(reverse("account_login"), {"login": email, "password": password}, follow=True)


def is_in(client: Client) -> bool:
    return client.get(reverse("locations:list")).status_code == 200


def token_of(link: str) -> str:
    """The secret part of a link."""
    return link.rstrip("/").rpartition("/")[2]


def answer_of(page: HttpResponse, email: str) -> tuple[int, list[str], str]:
    """What somebody sees, with the address they typed taken out."""
    return page.status_code, [to for to, _ in page.redirect_chain], without_nonces(page).replace(email, "*")


# --- Sign-up ------------------------------------------------------------------------------------


def test_sign_up_confirm_and_in(db: None) -> None:
    """Nobody is in before the address is confirmed; the link opens a page, its button confirms."""
    client = browser()
    page = sign_up(client, "New@Test.Example")
    assert page.status_code == 200 and not is_in(client)
    user = User.objects.get(email=NEW)
    assert user.name == "Nina" and user.language == "en-gb"
    link = link_in(letter(kind="account", address=NEW), "/confirm-email/")
    assert client.get(link).status_code == 200 and not is_in(client)
    done = client.post(link, follow=True)
    assert done.redirect_chain[-1][0] == reverse("locations:list") and is_in(client)
    assert NEW not in main_of(client.get(reverse("account_email_verification_sent")))
    assert EmailAddress.objects.get(user=user).verified


def test_the_link_in_another_browser_asks_for_name_and_password_anew(db: None) -> None:
    """Whoever signed up elsewhere may be somebody else: nothing they typed is left, nor shown."""
    squatter = browser(headers={"Accept-Language": "da"})
    sign_up(squatter, name="Eve")
    link, owner = link_in(letter(kind="account", address=NEW), "/confirm-email/"), browser()
    page = owner.get(link)
    assert "Eve" not in text_of(page) and 'name="password1"' in main_of(page)
    assert f"You, or somebody else, signed up with {NEW} in another browser." in text_of(page)
    assert f'name="username" autocomplete="username" value="{NEW}" readonly hidden>' in main_of(page)
    refused = owner.post(link, {"name": "", "password1": "short"})
    assert refused.status_code == 422 and main_of(refused).count("errorlist") == 2
    assert not EmailAddress.objects.get(email=NEW).verified and not is_in(owner)
    fields = {"name": "Nina", "password1": NEXT, "username": "eve@test.example"}
    done = owner.post(link, fields, follow=True)
    assert done.redirect_chain[-1][0] == reverse("locations:list") and is_in(owner)
    user = User.objects.get(email=NEW)
    assert (user.name, user.language) == ("Nina", "en-gb") and user.check_password(NEXT)
    sign_in(squatter, NEW)
    squatter.post(link, follow=True)
    assert not is_in(squatter) and not User.objects.get(email=NEW).check_password(PASSWORD)


def test_the_password_counts_where_it_was_typed_at_sign_in_too(db: None) -> None:
    """Signed up on the computer, signed in and confirmed on the telephone."""
    sign_up(browser())
    phone = browser()
    sign_in(phone, NEW)
    phone.post(link_in(letter(kind="account", address=NEW), "/confirm-email/"), follow=True)
    assert is_in(phone) and User.objects.get(email=NEW).name == "Nina"


def test_confirming_in_another_browser_leads_on(db: None) -> None:
    """To the invitation one came for, in the browser in which one came."""
    sign_up(browser())
    other = browser()
    sign_up(other)
    session = other.session
    session[GO_ON] = "/add/"
    session.save()
    sign_up(browser(), name="Eve")
    link = link_in(letter(kind="account", address=NEW), "/confirm-email/")
    done = other.post(link, {"name": "Nina", "password1": NEXT}, follow=True)
    assert done.redirect_chain[-1][0] == "/add/" and User.objects.get(email=NEW).name == "Nina"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("email", ""),
        ("email", "x"),
        ("password1", ""),
        ("password1", "short"),
        ("password1", "q1w2e3r4t5y6"),
    ],
)
def test_a_bad_field_says_so_and_keeps_the_rest(db: None, field: str, value: str) -> None:
    page = sign_up(
        browser(), **({field: value} if field != "email" else {}), email=value if field == "email" else NEW
    )
    assert "errorlist" in main_of(page) and not User.objects.exists()
    if field != "name":
        assert 'value="Nina"' in main_of(page)


def test_a_password_like_the_name_is_refused(db: None) -> None:
    """The validators know who it is."""
    page = sign_up(browser(), name="Rasmus Sologvind", password1="rasmus sologvind")
    assert not User.objects.exists() and "errorlist" in main_of(page)


def test_sign_up_tells_nothing_of_known_addresses(db: None) -> None:
    """Known, known and unconfirmed, and unknown: one answer, again and again; the mail tells its owner."""
    user = make_account("known@test.example")
    EmailAddress.objects.create(user=user, email="added@test.example")
    sign_up(browser(), "half@test.example")
    emails = ("known@test.example", "half@test.example", "added@test.example", NEW)
    answers = set()
    for email in emails:
        for sign in (sign_up, sign_up_at_once):
            page = sign(browser(), email)
            assert f"We have sent an e-mail to {email} " in text_of(page)
            answers.add(repr(answer_of(page, email)))
    assert len(answers) == 1
    assert User.objects.count() == 4
    assert "You already have an account" in letter(address="known@test.example")
    assert "/confirm-email/" in letter(address=NEW)


# --- Sign-in ------------------------------------------------------------------------------------


def test_sign_in_by_any_verified_address_in_any_case(db: None) -> None:
    user = make_account("known@test.example")
    EmailAddress.objects.create(user=user, email="second@test.example", verified=True)
    for email in ("known@test.example", "KNOWN@test.example", "Second@Test.Example"):
        client = browser()
        sign_in(client, email)
        assert is_in(client), email


def test_sign_in_leads_support_staff_to_the_admin(db: None) -> None:
    """There is no location for them to see."""
    user = make_account("staff@test.example")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    page = sign_in(browser(), "staff@test.example")
    assert page.redirect_chain == [(reverse("admin:index"), 302)] and page.status_code == 200


def test_sign_in_tells_nothing_of_known_addresses(db: None) -> None:
    """Wrong password, no account, closed account with a wrong password: one answer."""
    make_account("known@test.example")
    closed = make_account("closed@test.example")
    User.objects.filter(pk=closed.pk).update(is_active=False)
    emails = ("known@test.example", "closed@test.example", "nobody@test.example")
    answers = {email: answer_of(sign_in(browser(), email, "wrong-password-1"), email) for email in emails}
    assert len({repr(answer) for answer in answers.values()}) == 1


def test_an_unconfirmed_account_is_sent_a_new_link(db: None) -> None:
    """And is not in."""
    sign_up(browser())
    OutgoingEmail.objects.all().delete()
    client = browser()
    page = sign_in(client, NEW.upper())
    assert not is_in(client) and "/confirm-email/" in letter(address=NEW)
    assert f"We have sent an e-mail to {NEW} " in text_of(page)


def test_wrong_passwords_are_throttled(db: None) -> None:
    """Guessing one account's password stops after a few tries; another account goes on."""
    make_account("known@test.example")
    make_account("other@test.example")
    client = browser()
    cache.clear()
    for _ in range(6):
        page = client.post(reverse("account_login"), {"login": "known@test.example", "password": "wrong-1"})
    right = browser()
    right.post(reverse("account_login"), {"login": "known@test.example", "password": PASSWORD})
    assert not is_in(right) and page.status_code in (200, 429)
    other = browser(REMOTE_ADDR="10.7.7.7")
    other.post(reverse("account_login"), {"login": "other@test.example", "password": PASSWORD})
    assert is_in(other)


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "/%09/evil.example",
        "http://testserver.evil.example/",
    ],
)
def test_sign_in_leads_to_no_other_site(db: None, to: str) -> None:
    make_account("known@test.example")
    data = {"login": "known@test.example", "password": PASSWORD, "next": to}
    page = browser().post(reverse("account_login"), data)
    assert page.status_code == 302
    location = page["Location"]
    assert location.startswith("/") and not re.match(r"/[/\\]", location), location


def test_sign_out_is_a_button(cast: Cast) -> None:
    """GET asks, POST does, and the old session is dead."""
    client = signed_in(cast.installer)
    key = client.cookies["session"].value
    assert client.get(reverse("account_logout")).status_code == 200 and is_in(client)
    client.post(reverse("account_logout"))
    old = browser()
    old.cookies["session"] = key
    assert not is_in(client) and not is_in(old)


def test_the_session_gets_a_new_key_at_sign_in(db: None) -> None:
    """A session planted before is worth nothing."""
    make_account("known@test.example")
    client = browser()
    client.post(reverse("sharing:add"), {"code": "7QKM-3RXD-9HFA"})
    client.get(reverse("sharing:add") + "check/")
    before = client.cookies["session"].value if "session" in client.cookies else "none"
    sign_in(client, "known@test.example")
    assert client.cookies["session"].value != before


# --- Reset --------------------------------------------------------------------------------------


def ask_for_reset(email: str) -> HttpResponse:
    cache.clear()
    return browser().post(reverse("account_reset_password"), {"email": email}, follow=True)


def test_a_new_password_by_e_mail(db: None) -> None:
    """Once; the old password is dead, sessions elsewhere end, the owner is told."""
    user = make_account("known@test.example")
    elsewhere = browser()
    sign_in(elsewhere, user.email)
    assert ask_for_reset(user.email).status_code == 200
    link = link_in(letter(kind="account"), "/reset/key/")
    client = browser()
    form = client.get(link, follow=True)
    url = form.redirect_chain[-1][0]
    assert token_of(link).partition("-")[2] not in form.content.decode()
    done = client.post(url, {"password1": NEXT, "password2": NEXT}, follow=True)
    assert text_of(done).count("is changed") == 1 and "<p" not in said(done)
    assert not is_in(elsewhere)
    fresh, old = browser(), browser()
    sign_in(fresh, user.email, "et-helt-nyt-kodeord-9")
    sign_in(old, user.email)
    assert is_in(fresh) and not is_in(old)
    assert "Your password was changed" in letter(kind="account", address=user.email)
    again = browser().get(link, follow=True)
    assert "password1" not in main_of(again)


def test_reset_tells_nothing_of_known_addresses(db: None) -> None:
    """Known, confirmed or not: one page; the mail tells its reader."""
    user = make_account("known@test.example")
    EmailAddress.objects.create(user=user, email="added@test.example")
    sign_up(browser(), "half@test.example")
    emails = ("known@test.example", "nobody@test.example", "added@test.example", "half@test.example")
    answers = {repr(answer_of(ask_for_reset(email), email)) for email in emails}
    assert len(answers) == 1
    assert "/reset/key/" in letter(address="known@test.example")
    assert "The link works for 3 days." in letter(address="known@test.example")
    for email in ("nobody@test.example", "added@test.example", "half@test.example"):
        assert "There is no account" in letter(address=email), email
        assert "If you have just signed up, open the link in that e-mail first." in letter(address=email)


# --- No token in any row ------------------------------------------------------------------------


def test_no_row_holds_a_token(db: None) -> None:
    """Confirmation and reset links are made at the moment of sending: a copy of the database gives none."""
    client = browser()
    sign_up(client)
    confirm = link_in(letter(kind="account", address=NEW), "/confirm-email/")
    client.get(confirm)
    user = make_account("known@test.example")
    ask_for_reset(user.email)
    reset = link_in(letter(kind="account", address=user.email), "/reset/key/")
    secrets = [token_of(confirm), token_of(reset), token_of(reset).partition("-")[2]]
    assert all(len(secret) > 20 for secret in secrets)
    everything = whole_database()
    for secret in secrets:
        assert secret not in everything
    for row in OutgoingEmail.objects.all():
        assert set(row.details) <= {"template", "at"}, row.details
    # The signed part of the confirmation link is made of nothing that stands in the row either.
    outbox.deliver_due()
    assert all(secret not in whole_database() for secret in secrets)


def test_every_mail_of_the_way_in_goes_through_the_outbox(db: None, mailoutbox: list[Any]) -> None:
    """Nothing is sent while somebody waits for a page."""
    sign_up(browser())
    ask_for_reset("nobody@test.example")
    assert mailoutbox == []
    assert OutgoingEmail.objects.filter(kind="account", status="queued").count() == 2
    while outbox.deliver_due():
        pass
    assert sorted(message.to[0] for message in mailoutbox) == [NEW, "nobody@test.example"]
    assert all(message.alternatives for message in mailoutbox)


# --- Addresses ----------------------------------------------------------------------------------


@pytest.fixture
def own(db: None) -> tuple[Client, User]:
    """Somebody signed in, who has entered the password once more."""
    user = make_account("known@test.example")
    client = browser()
    sign_in(client, user.email)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client, user


def test_addresses_are_changed_after_entering_the_password_once_more(db: None) -> None:
    """A browser left open is not enough; with the password what was asked for is done."""
    user = make_account("known@test.example")
    client = browser()
    sign_in(client, user.email)
    page = change(client, "second@test.example", "action_add")
    assert "Is it you?" in text_of(page) and not EmailAddress.objects.filter(email="second@test.example")
    here = page.redirect_chain[-1][0]
    assert client.post(here, {"password": "wrong", "next": reverse("account_email")}).status_code == 200
    assert not EmailAddress.objects.filter(email="second@test.example")
    client.post(here, {"password": PASSWORD, "next": reverse("account_email")})
    assert EmailAddress.objects.filter(email="second@test.example", verified=False).exists()


def change(client: Client, email: str, action: str) -> HttpResponse:
    cache.clear()
    return client.post(reverse("account_email"), {"email": email, action: ""}, follow=True)


def test_a_second_address_counts_once_it_is_confirmed(own: tuple[Client, User]) -> None:
    client, user = own
    change(client, "second@test.example", "action_add")
    other = browser()
    sign_in(other, "second@test.example")
    assert not EmailAddress.objects.filter(email="second@test.example", verified=True).exists()
    client.post(link_in(letter(address="second@test.example"), "/confirm-email/"), follow=True)
    assert EmailAddress.objects.get(email="second@test.example").verified
    change(client, "second@test.example", "action_primary")
    user.refresh_from_db()
    assert user.email == "second@test.example"
    assert "main address" in letter(address="known@test.example").lower()


def test_adding_tells_nothing_of_known_addresses(own: tuple[Client, User]) -> None:
    """Somebody else's address or nobody's: the same answer."""
    client, _ = own
    make_account("other@test.example")
    answers = set()
    for email in ("other@test.example", "nobody@test.example"):
        page = change(client, email, "action_add")
        answers.add((page.status_code, "errorlist" in main_of(page)))
        change(client, email, "action_remove")
    assert len(answers) == 1
    assert not EmailAddress.objects.filter(
        email="other@test.example", user__email="known@test.example", verified=True
    )


@pytest.mark.parametrize(
    ("action", "name", "sentence"),
    [
        ("add", "second", "We have sent a confirmation e-mail to second@test.example."),
        ("add", "known", "This e-mail address is already in your account."),
        ("remove", "known", "known@test.example is your main address, which cannot be removed."),
        ("remove", "spare", "spare@test.example is removed from your account."),
        ("primary", "spare", "Your main address is changed."),
    ],
)
def test_what_is_said_of_addresses(own: tuple[Client, User], action: str, name: str, sentence: str) -> None:
    """In the words of the page, not in allauth's."""
    client, user = own
    EmailAddress.objects.create(user=user, email="spare@test.example", verified=True)
    assert sentence in text_of(change(client, f"{name}@test.example", f"action_{action}"))


def test_every_field_is_called_as_elsewhere(own: tuple[Client, User]) -> None:
    """A capital letter at the beginning alone."""
    client, user = own
    sign_up(browser())
    ask_for_reset(user.email)
    pages = [browser().get(reverse(f"account_{name}")) for name in ("login", "signup", "reset_password")]
    names = ("account_email", "account_change_password", "account_reauthenticate", "delete_account")
    pages += [client.get(reverse(name)) for name in names]
    links = [(NEW, "/confirm-email/"), (user.email, "/reset/key/")]
    pages += [browser().get(link_in(letter(address=to), part), follow=True) for to, part in links]
    for page in pages:
        found = re.findall(r"<label[^>]*>([^<]+)<", main_of(page))
        assert found, text_of(page)
        found += re.findall(r'placeholder="([^"]+)"', main_of(page))
        assert found == [label.capitalize() for label in found]


def test_at_most_five_addresses(own: tuple[Client, User]) -> None:
    client, user = own
    for number in range(7):
        change(client, f"a{number}@test.example", "action_add")
    assert EmailAddress.objects.filter(user=user).count() == 5


def test_the_main_address_cannot_be_removed(own: tuple[Client, User]) -> None:
    client, user = own
    change(client, user.email, "action_remove")
    assert EmailAddress.objects.filter(user=user, email=user.email).exists()


def test_nobody_touches_another_persons_address(own: tuple[Client, User]) -> None:
    client, _ = own
    other = make_account("other@test.example")
    for action in ("action_remove", "action_primary", "action_send"):
        change(client, other.email, action)
    assert EmailAddress.objects.filter(user=other, verified=True, primary=True).count() == 1
    assert not OutgoingEmail.objects.filter(address=other.email).exists()


def test_changing_the_password_signs_out_everywhere(own: tuple[Client, User]) -> None:
    client, user = own
    elsewhere = browser()
    sign_in(elsewhere, user.email)
    cache.clear()
    fields = {"oldpassword": PASSWORD, "password1": NEXT, "password2": NEXT}
    page = client.post(reverse("account_change_password"), fields, follow=True)
    assert not is_in(elsewhere) and not is_in(client)
    assert page.redirect_chain == [(reverse("account_login"), 302)]
    assert "Your password is changed. Sign in with it." in said(page) and said(page).count("<p") == 1


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("wrong", "That is not your current password."), ("", "This field is required.")],
)
def test_the_wrong_old_password_changes_nothing(own: tuple[Client, User], typed: str, sentence: str) -> None:
    client, user = own
    cache.clear()
    fields = {"oldpassword": typed, "password1": NEXT, "password2": NEXT}
    page = client.post(reverse("account_change_password"), fields)
    assert main_of(page).count("errorlist") == 1 and sentence in text_of(page)
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


# --- Language -----------------------------------------------------------------------------------


def language_of(page: HttpResponse) -> tuple[str, str]:
    found = re.search(r'<html[^>]* lang="([^"]+)"', page.content.decode())
    return (found[1] if found else "", page.headers["Content-Language"])


def test_the_switcher_signed_out_is_kept_by_the_browser(db: None) -> None:
    client = browser()
    assert language_of(client.get(reverse("sharing:add"))) == ("en-gb", "en-gb")
    page = client.post(reverse("set_language"), {"language": "da", "next": "/add/"}, follow=True)
    assert page.redirect_chain[-1][0] == "/add/" and language_of(page) == ("da", "da")


def test_the_language_of_the_account_wins(cast: Cast) -> None:
    """Over cookie and browser."""
    client = signed_in(cast.installer, headers={"Accept-Language": "en-gb"})
    client.post(reverse("set_language"), {"language": "da"})
    cast.installer.refresh_from_db()
    assert cast.installer.language == "da"
    client.cookies["django_language"] = "en-gb"
    assert language_of(client.get(reverse("locations:list"))) == ("da", "da")
    assert language_of(client.get("/no/such/page/")) == ("da", "da")


def test_the_browsers_language_counts_for_whom_we_do_not_know(db: None) -> None:
    page = browser(headers={"Accept-Language": "da, en;q=0.5"}).get(reverse("sharing:add"))
    assert language_of(page) == ("da", "da")
    page = browser(headers={"Accept-Language": "fr"}).get(reverse("sharing:add"))
    assert language_of(page) == ("en-gb", "en-gb")


@pytest.mark.parametrize("language", ["", "xx", "de", "DA", "da;", "../da"])
def test_a_language_we_do_not_speak_changes_nothing(cast: Cast, language: str) -> None:
    client = signed_in(cast.installer)
    client.post(reverse("set_language"), {"language": language})
    cast.installer.refresh_from_db()
    assert cast.installer.language == "en-gb"


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_the_switcher_leads_to_no_other_site(db: None, to: str) -> None:
    page = browser().post(reverse("set_language"), {"language": "da", "next": to})
    assert page["Location"] == "/"


def test_sign_up_in_danish_makes_a_danish_account_and_letter(db: None) -> None:
    """E-mail is in the reader's language."""
    client = browser(headers={"Accept-Language": "da"})
    sign_up(client)
    assert User.objects.get().language == "da"
    assert OutgoingEmail.objects.get().language == "da"
    assert '<html lang="da"' in letter(address=NEW)


@pytest.mark.parametrize("language", ["da", "en-gb"])
def test_every_way_in_speaks_the_language(cast: Cast, language: str) -> None:
    for name in ("account_login", "account_signup", "account_reset_password", "sharing:add"):
        page = browser(headers={"Accept-Language": language}).get(reverse(name))
        assert language_of(page) == (language, language), name


def test_dates_are_written_as_the_language_does(cast: Cast) -> None:
    """By the formats of the language, never by a pattern of ours."""
    from django.utils import timezone, translation

    created = Activity.objects.get(location_id=cast.site.pk, verb=Verb.LOCATION_CREATED)
    for language in ("da", "en-gb"):
        User.objects.filter(pk=cast.installer.pk).update(language=language)
        page = signed_in(cast.installer).get(reverse("locations:activity", args=[cast.site.uuid]))
        with translation.override(language):
            assert date_format(timezone.localdate(created.at), "DATE_FORMAT") in text_of(page)


# --- Deleting the account -------------------------------------------------------------------------


def test_the_account_is_deleted_with_the_password(db: None) -> None:
    """A wrong one changes nothing; the right one ends every session, and the address can sign up anew."""
    user, here, elsewhere = make_account(), browser(), browser()
    for client in (here, elsewhere):
        sign_in(client, user.email)
    page = here.get(reverse("account_email"))
    assert reverse("delete_account") in page.content.decode()
    for password, sentence in (("", "Enter your password."), ("something else", "")):
        refused = here.post(reverse("delete_account"), {"password": password})
        assert refused.status_code == 422 and "aria-invalid" in refused.content.decode()
        assert sentence in text_of(refused)
    assert User.objects.get(pk=user.pk).is_active and is_in(here)
    done = here.post(reverse("delete_account"), {"password": PASSWORD}, follow=True)
    assert "Your account was deleted." in text_of(done)
    assert not is_in(here) and not is_in(elsewhere)
    back = browser()
    sign_in(back, user.email)
    assert not is_in(back)
    assert OutgoingEmail.objects.get(kind="account-deleted").address == "known@test.example"
    assert "make a new account; it starts empty" in letter(kind="account-deleted")
    again = browser()
    sign_up(again, user.email)
    confirm = link_in(letter(kind="account", address=user.email), "/confirm-email/")
    again.post(confirm, follow=True)
    assert is_in(again)
    assert User.objects.filter(emailaddress__email=user.email).exclude(pk=user.pk).exists()


def test_what_stands_in_the_way_is_said_first(cast: Cast) -> None:
    """With the way to where it is settled; there is no password to enter, and posting one does nothing."""
    client = signed_in(cast.installer)
    page = client.get(reverse("delete_account"))
    assert "You are the last Administrator of Strøm & Søn." in text_of(page)
    assert reverse("organisations:detail", args=[cast.firm.uuid]) in page.content.decode()
    assert 'type="password"' not in main_of(page)
    assert client.post(reverse("delete_account"), {"password": PASSWORD}).status_code == 422
    assert is_in(client)


def test_guessing_the_password_is_limited(db: None) -> None:
    """Somebody at a browser left open does not get to try for ever."""
    user, client = make_account(), browser()
    client.force_login(user)
    for _ in range(12):
        client.post(reverse("delete_account"), {"password": "wrong"})
    refused = client.post(reverse("delete_account"), {"password": PASSWORD})
    assert refused.status_code == 422 and is_in(client)
