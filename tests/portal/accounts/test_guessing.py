"""How often a password may be guessed: exactly, in whatever way, and to nobody else's harm."""

import ast
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal import limits
from portal.accounts import known_device
from portal.limits import Limit
from portal.models import OutgoingEmail, Throttle, User
from tests.cast import Cast
from tests.pages import PASSWORD, browser, letter, link_in, make_account, signed_in, text_of
from tests.serving import ROOT
from tests.test_architecture import APPS, modules

pytestmark = pytest.mark.django_db

WRONG = f"not {PASSWORD}"
NEXT = "et-helt-nyt-kodeord-9"
TOO_MANY = "There were too many wrong passwords."
DEVICE = settings.DEVICE_COOKIE_NAME
HOUR = timedelta(hours=1)
HERE, ELSEWHERE = "192.0.2.66", "198.51.100.7"


def sign_in(
    email: str, password: str = PASSWORD, client: Client | None = None, at: str = HERE
) -> HttpResponse:
    data = {"login": email, "password": password}
    return (client or browser()).post(reverse("account_login"), data, REMOTE_ADDR=at)


def is_in(client: Client) -> bool:
    return client.get(reverse("locations:list")).status_code == 200


def gets_in(email: str, client: Client | None = None, at: str = HERE, password: str = PASSWORD) -> bool:
    client = client or browser()
    sign_in(email, password, client, at)
    return is_in(client)


def known(email: str) -> Client:
    """A browser in which they have signed in before, and out again."""
    client = browser()
    assert gets_in(email, client, at="203.0.113.1")
    client.post(reverse("account_logout"))
    return client


def counted() -> dict[str, int]:
    """How many tries there are by name of the limit, all keys together."""
    found: dict[str, int] = {}
    for key, tries in Throttle.objects.values_list("key", "tries"):
        name = next(each.name for each in vars(limits).values() if _is(each, key))
        found[name.removeprefix("wrong-password/")] = tries + found.get(name, 0)
    return found


def _is(each: object, key: str) -> bool:
    return isinstance(each, Limit) and key.startswith(f"{each.name}/")


def login(client: Client, user: User, password: str) -> HttpResponse:
    return sign_in(user.email, password)


def reauthenticate(client: Client, user: User, password: str) -> HttpResponse:
    return client.post(reverse("account_reauthenticate"), {"password": password}, REMOTE_ADDR=HERE)


def change(client: Client, user: User, password: str) -> HttpResponse:
    data = {"oldpassword": password, "password1": NEXT, "password2": NEXT}
    return client.post(reverse("account_change_password"), data, REMOTE_ADDR=HERE)


def delete(client: Client, user: User, password: str) -> HttpResponse:
    return client.post(reverse("delete_account"), {"password": password}, REMOTE_ADDR=HERE)


Way = Callable[[Client, User, str], HttpResponse]
# Wherever a password is asked for, and what stands beside it where it is wrong.
WAYS: dict[Way, str] = {
    login: "is not correct",
    reauthenticate: "Incorrect password",
    change: "That is not your current password.",
    delete: "Incorrect password",
}


@pytest.mark.parametrize("way", WAYS)
def test_five_wrong_passwords_exactly_in_every_way(way: Way) -> None:
    """The sixth is not looked at, and neither is the right one; nothing is counted for it."""
    user = make_account()
    client = signed_in(user)
    for _ in range(5):
        assert WAYS[way] in text_of(way(client, user, WRONG))
    for password in (WRONG, PASSWORD):
        assert f"{TOO_MANY} Try again in 5 minutes." in text_of(way(client, user, password))
    assert counted() == {"account+address": 5, "account": 5, "address": 5}
    user.refresh_from_db()
    assert user.check_password(PASSWORD) and user.is_active and not is_in(browser())


@pytest.mark.parametrize("way", WAYS)
def test_right_passwords_cost_nothing_in_any_way(way: Way) -> None:
    user = make_account()
    assert way(signed_in(user), user, PASSWORD).status_code == 302
    assert counted() == {}


def test_all_ways_count_together() -> None:
    """Or an account could be guessed at as often as there are ways."""
    user = make_account()
    client = signed_in(user)
    for way in [*WAYS, login]:
        assert WAYS[way] in text_of(way(client, user, WRONG))
    for way in WAYS:
        assert TOO_MANY in text_of(way(client, user, PASSWORD))


def test_guessing_locks_nobody_else_out(cast: Cast) -> None:
    """Nor right passwords behind the same address, support staff's included; nor the owner anywhere else."""
    victim, colleague = make_account(), make_account("other@test.example")
    support = make_account("support2@test.example")
    User.objects.filter(pk=support.pk).update(is_staff=True)
    for _ in range(10):
        sign_in(victim.email, WRONG)
    assert not gets_in(victim.email)
    assert gets_in(victim.email, at=ELSEWHERE) and gets_in(colleague.email)
    client = browser(REMOTE_ADDR=HERE)
    way = client.get(reverse("admin:index"), follow=True).redirect_chain[-1][0]
    page = client.post(way, {"login": support.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("admin:index") and page.status_code == 200


def test_all_networks_together_have_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one spelling of the address that was typed; in the same words whether anybody has it or not."""
    monkeypatch.setattr(limits, "WRONG_PASSWORD_BY_ACCOUNT", Limit("wrong-password/account", 6, HOUR))
    known_one, nobody = make_account("known@rødgrød.example"), "nobody@rødgrød.example"
    answers = []
    for email in (known_one.email, nobody):
        spelt = [email.upper(), f" {email} ", email.replace("rødgrød", "xn--rdgrd-vuad"), email] * 2
        pages = [sign_in(each, WRONG, at=f"192.0.2.{n}") for n, each in enumerate(spelt)]
        assert [TOO_MANY in text_of(page) for page in pages] == [False] * 6 + [True] * 2
        answers.append([(page.status_code, text_of(page).replace(email, "*")) for page in pages[3::4]])
        assert not gets_in(email, at=ELSEWHERE)
    assert "Try again in an hour." in answers[0][1][1] and answers[0] == answers[1]


def test_one_network_has_three_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries many accounts from one place is stopped, too."""
    monkeypatch.setattr(limits, "WRONG_PASSWORD_BY_ADDRESS", Limit("wrong-password/address", 8, HOUR))
    user = make_account()
    pages = [sign_in(f"p{number}@test.example", WRONG) for number in range(9)]
    assert [TOO_MANY in text_of(page) for page in pages] == [False] * 8 + [True]
    assert not gets_in(user.email) and gets_in(user.email, at=ELSEWHERE)


def test_the_limits_are_those_that_were_decided() -> None:
    minutes = timedelta(minutes=5)
    by_name = {
        each.name: (each.tries, each.period) for each in vars(limits).values() if isinstance(each, Limit)
    }
    assert {name: limit for name, limit in by_name.items() if "password" in name or "sign-up" in name} == {
        "wrong-password/account+address": (5, minutes),
        "wrong-password/account": (100, HOUR),
        "wrong-password/address": (300, HOUR),
        "wrong-password/device": (10, HOUR),
        "sign-up/address": (100, HOUR),
        "sign-up/one-address": (5, HOUR),
    }


# --- A known device -----------------------------------------------------------------------------


def test_on_a_known_device_others_wrong_passwords_slow_nobody_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each of the other limits spent; and what is wrong there counts there alone."""
    user = make_account()
    client, strange = known(user.email), browser()
    for name in ("ACCOUNT_AND_ADDRESS", "ACCOUNT", "ADDRESS"):
        limit = getattr(limits, f"WRONG_PASSWORD_BY_{name}")
        monkeypatch.setattr(limits, f"WRONG_PASSWORD_BY_{name}", Limit(limit.name, 0, limit.period))
    assert not gets_in(user.email, strange)
    for _ in range(10):
        assert WAYS[login] in text_of(sign_in(user.email.upper(), WRONG, client))
    assert counted() == {"device": 10}
    page = sign_in(user.email, PASSWORD, client)
    assert f"{TOO_MANY} Try again in an hour." in text_of(page) and not is_in(client)
    Throttle.objects.all().delete()
    assert gets_in(user.email, client) and not counted()


def test_a_device_is_known_in_every_way_a_password_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_account()
    client = browser()
    assert gets_in(user.email, client)
    for way in (reauthenticate, change, delete):
        way(client, user, WRONG)
    assert counted() == {"device": 3}


def test_the_cookie_of_a_device(settings: Any) -> None:
    """Out of reach of scripts and other sites, half a year, and set by no sign-in but a whole one."""
    settings.SESSION_COOKIE_SECURE = True
    user = make_account()
    half = User.objects.create_user("half@test.example", PASSWORD)
    for email, password in ((user.email, WRONG), (half.email, PASSWORD), ("nobody@test.example", WRONG)):
        client = browser()
        sign_in(email, password, client)
        assert not is_in(client) and DEVICE not in client.cookies
    morsel = sign_in(user.email).cookies[DEVICE]
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "Lax")
    assert (morsel["max-age"], morsel["path"]) == (180 * 24 * 3600, "/")
    assert user.email not in morsel.value and user.password not in morsel.value


def test_a_device_is_known_to_one_account_until_its_password_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    user, other = make_account(), make_account("other@test.example")
    client = known(user.email)
    request = _request(client)
    name = known_device.of(request, user.email)
    assert name and known_device.of(request, other.email) is None
    assert known_device.of(request, "nobody@test.example") is None
    other.emailaddress_set.create(email="mine@test.example", verified=False)
    assert known_device.of(request, "mine@test.example") is None
    assert known_device.of(_request(known(user.email)), user.email) != name, "another device"
    sign_in(user.email, PASSWORD, client)
    assert known_device.of(_request(client), user.email) == name, "the same one, and no more tries"
    with monkeypatch.context() as later:
        later.setattr(known_device, "LIVES", timedelta(seconds=-1))
        assert known_device.of(_request(client), user.email) is None
    user.set_password(NEXT)
    user.save()
    assert known_device.of(_request(client), user.email) is None


def test_an_address_one_has_not_confirmed_is_not_guessed_at_from_ones_own_device() -> None:
    """Whoever adds somebody's address to their account gains no tries at that person's password."""
    victim, guesser = make_account("victim@test.example"), make_account()
    client = known(guesser.email)
    guesser.emailaddress_set.create(email="victim2@test.example", verified=False)
    victim.emailaddress_set.create(email="victim2@test.example", verified=True)
    for email in (victim.email, "victim2@test.example"):
        for _ in range(5):
            sign_in(email, WRONG, client)
        assert TOO_MANY in text_of(sign_in(email, WRONG, client))
    assert "device" not in counted()


def test_a_cookie_somebody_made_up_makes_no_device_known() -> None:
    user = make_account()
    mine = [user.pk, "x", user.get_session_auth_hash()]
    for value in (
        "",
        "~~~",
        "x",
        signing.dumps(mine),
        signing.dumps(mine, key="k", salt="portal.known-device"),
    ):
        client = browser()
        client.cookies[DEVICE] = value
        assert known_device.of(_request(client), user.email) is None
        assert gets_in(user.email, client) and known_device.of(_request(client), user.email)


def test_whoever_chose_a_password_by_e_mail_is_in_at_once() -> None:
    """After too many wrong ones, in that browser: no other account is, no other browser, and nobody who only
    opened the link.
    """
    user, other = make_account(), make_account("other@test.example")
    client = browser()
    for email in (user.email, other.email):
        for _ in range(6):
            page = sign_in(email, WRONG, client)
        assert TOO_MANY in text_of(page)
    cache.clear()
    client.post(reverse("account_reset_password"), {"email": user.email})
    form = client.get(link_in(letter(address=user.email), "/reset/key/"))["Location"]
    assert client.post(form, {"password1": NEXT, "password2": PASSWORD}).status_code == 200
    assert DEVICE not in client.cookies
    client.post(form, {"password1": NEXT, "password2": NEXT})
    assert not gets_in(other.email, client) and not gets_in(user.email, browser(), password=NEXT)
    assert gets_in(user.email, client, password=NEXT)
    client.post(reverse("account_logout"))
    sign_in(user.email, WRONG, client)
    assert counted()["device"] == 1


def test_others_wrong_passwords_keep_nobody_out_who_has_just_changed_theirs() -> None:
    user = make_account()
    client = signed_in(user)
    change(client, user, PASSWORD)
    for _ in range(6):
        sign_in(user.email, WRONG)
    assert not gets_in(user.email, password=NEXT) and gets_in(user.email, client, password=NEXT)


def test_five_people_share_a_computer() -> None:
    """And the sixth does not make its cookie longer."""
    client = browser()
    people = [make_account(f"p{number}@test.example") for number in range(6)]
    for person in people:
        assert gets_in(person.email, client)
        client.post(reverse("account_logout"))
    known_to = [bool(known_device.of(_request(client), person.email)) for person in people]
    assert known_to == [False] + [True] * 5
    assert len(client.cookies[DEVICE].value) < 1500


def _request(client: Client) -> Any:
    return client.get(reverse("account_login")).wsgi_request


# --- Signing up ---------------------------------------------------------------------------------


def sign_up(email: str, **data: str) -> HttpResponse:
    return sign_up_in(browser(), email, **data)


def sign_up_in(client: Client, email: str, **data: str) -> HttpResponse:
    fields = {"name": "Nina", "email": email, "password1": PASSWORD} | data
    return client.post(reverse("account_signup"), fields, REMOTE_ADDR=HERE)


def test_a_class_of_thirty_behind_one_address_signs_up_and_in() -> None:
    """In one minute, each having mistyped the password once."""
    cache.clear()
    for number in range(30):
        email = f"pupil{number}@test.example"
        client = browser(REMOTE_ADDR=HERE)
        assert sign_up_in(client, email, password1="short").status_code == 200
        assert sign_up_in(client, email).status_code == 302
        link = link_in(letter(address=email), "/confirm-email/")
        assert client.post(link, follow=True).status_code == 200
        sign_in(email, WRONG, client)
        assert gets_in(email, client)
        page = client.post(reverse("account_reset_password"), {"email": email})
        assert page.status_code == 302


@pytest.mark.parametrize("email", ["new@test.example", "known@test.example"])
def test_sign_ups_are_limited_by_network_exactly(monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    """Whether the address has an account or not; what was typed stays."""
    monkeypatch.setattr(limits, "SIGN_UPS_BY_ADDRESS", Limit("sign-up/address", 3, HOUR))
    make_account()
    assert [sign_up(f"p{number}@test.example").status_code for number in range(3)] == [302] * 3
    page = sign_up(email)
    assert "Very many accounts have been made from your network. Try again in an hour." in text_of(page)
    assert f'value="{email}"' in page.content.decode()
    assert User.objects.count() == 4
    Throttle.objects.update(ends_at=timezone.now())
    assert sign_up(email).status_code == 302


# --- One way to change a password ---------------------------------------------------------------


def test_support_staff_change_their_password_as_everybody_does(cast: Cast) -> None:
    client = signed_in(cast.support)
    for name in ("admin:password_change", "admin:password_change_done"):
        for answer in (client.get(reverse(name)), client.post(reverse(name), {"old_password": PASSWORD})):
            assert answer["Location"] == reverse("account_change_password")
    cast.support.set_password(PASSWORD)
    cast.support.save()
    cast.support.emailaddress_set.update_or_create(
        email=cast.support.email, defaults={"verified": True, "primary": True}
    )
    client = signed_in(cast.support)
    about = OutgoingEmail.objects.filter(recipient=cast.support)
    assert change(client, cast.support, WRONG).status_code == 200 and not about.exists()
    assert change(client, cast.support, PASSWORD)["Location"] == reverse("account_login")
    assert about.get().details["template"] == "password_changed"
    assert not is_in(client) and gets_in(cast.support.email, password=NEXT)


# --- What holds it ------------------------------------------------------------------------------


LOOKS = {
    *{"check_password", "acheck_password", "_check_password"},
    *{"authenticate", "aauthenticate", "clean_oldpassword"},
}
# What the adapter asks once it has counted.
COUNTED_BEFORE = {
    "portal/accounts/backend.py": {
        "AuthenticationBackend.authenticate",
        "AuthenticationBackend._authenticate_by_email",
        "_compose",
    },
    "portal/models/user.py": {"User.check_password"},
}


def test_nothing_looks_at_a_password_that_does_not_count_it() -> None:
    """What asks for one asks `guessing`, by allauth's adapter or by itself; allauth's own limits are off."""
    uncounted = {str(path): look_uncounted(ast.parse((ROOT / path).read_text())) for path in modules(*APPS)}
    assert {path: names for path, names in uncounted.items() if names} == COUNTED_BEFORE
    for action in ("login", "login_failed", "reauthenticate", "change_password", "signup"):
        assert settings.ACCOUNT_RATE_LIMITS[action] is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("count_password(); user.check_password()", set()),
        ("guessing.count_password(); super().authenticate()", set()),
        ("user.check_password(); count_password()", {"asks"}),
        ("return check_password(typed, kept)", {"asks"}),
        ("return any(map(user.acheck_password, typed))", {"asks"}),
        ("count_password(); later = lambda: user.check_password()", set()),
        ("count_password()\n  def within(): user.check_password()", {"asks.within"}),
        ("pass\nuser.check_password()", {""}),
    ],
)
def test_which_functions_look_at_a_password_uncounted(body: str, found: set[str]) -> None:
    """Each is asked for itself, whatever others in its file do."""
    other = "def counts(): count_password(); user.check_password()"
    assert look_uncounted(ast.parse(f"{other}\ndef asks():\n  {body}")) == found


def look_uncounted(tree: ast.AST, scope: str = "") -> set[str]:
    """The functions and classes in it that look at a password before they count it; "" is outside them."""
    found: set[str] = set()
    looks, counts, waiting = [], [], list(ast.iter_child_nodes(tree))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= look_uncounted(node, f"{scope}.{node.name}".lstrip("."))
            continue
        waiting += ast.iter_child_nodes(node)
        if _name(node) in LOOKS:
            looks.append(_place(node))
        elif _name(node) == "count_password":
            counts.append(_place(node))
    if looks and not (counts and min(counts) < min(looks)):
        found.add(scope)
    return found


def _name(node: ast.AST) -> str:
    """What is used there: `a.name` or `name`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _place(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


@pytest.mark.django_db(transaction=True)
def test_a_password_is_counted_outside_of_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback must not un-count a wrong one."""
    attempt, seen = limits.attempt, []

    def watched(*counters: limits.Counter) -> limits.Attempt:
        seen.append(connection.in_atomic_block)
        return attempt(*counters)

    monkeypatch.setattr(limits, "attempt", watched)
    user = make_account()
    for way in WAYS:
        way(signed_in(user), user, WRONG)
    assert seen == [False] * len(WAYS)
    assert counted()["account"] == len(WAYS)
