"""One mailbox is one address in whatever spelling it is typed, and one password on whatever keyboard."""

import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django import forms
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, reverse

import locations
import organisations
import portal
import sharing
from locations.levels import Level
from organisations import inviting
from organisations.forms import AppointForm
from organisations.permissions import may_ask_to_join
from portal.accounts import deletion
from portal.accounts import urls as accounts_urls
from portal.activity.deleted_people import DeletedUsers, without_deleted
from portal.activity.record import record
from portal.failures import Failure
from portal.lib.forms import AddressField
from portal.mail import delivery, outbox
from portal.models import Activity, FormerAddress, OutgoingEmail, User
from portal.verbs import Verb
from sharing.invitations import services as invitations
from sharing.models import Invitation, Transfer
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import MEMBER, Cast, make_person
from tests.pages import PASSWORD, browser, letter, link_in, main_of, make_account, signed_in, text_of
from tests.tools import refused

pytestmark = pytest.mark.django_db

# The address as it is kept, and how the same mailbox may be typed.
SPELLINGS = {
    "bo@blåbær.dk": [
        "bo@xn--blbr-roah.dk",
        "BO@XN--BLBR-ROAH.DK",
        "Bo@BLÅBÆR.dk",
        "bo@bla\u030abær.dk",
        "  bo@blåbær.dk  ",
        "ｂｏ@ｂｌåｂær.dk",
        "bo@blåbær。dk",
    ],
    "bo@post.blåbær.strøm.dk": ["bo@post.xn--blbr-roah.strøm.dk", "BO@Post.xn--blbr-roah.xn--strm-ira.dk"],
    "bo@bücher.example": ["bo@xn--bcher-kva.example", "Bo@Bu\u0308cher.EXAMPLE"],
}
CASES = [(kept, typed) for kept, ways in SPELLINGS.items() for typed in [kept, *ways]]
EVERY_SPELLING = pytest.mark.parametrize(("kept", "typed"), CASES)
KEPT, CODED = "bo@blåbær.dk", "bo@xn--blbr-roah.dk"
AMBIGUOUS = "bo@straße.example"
NEXT = "et-helt-nyt-kodeord-9"


def post(client: Client, page: str, /, **data: str) -> Any:
    cache.clear()
    return client.post(reverse(page), data, follow=True)


def is_in(client: Client) -> bool:
    return client.get(reverse("locations:list")).status_code == 200


# --- The way in ---------------------------------------------------------------------------------


@EVERY_SPELLING
def test_signed_up_with_in_one_spelling_and_in_with_another(kept: str, typed: str) -> None:
    client = browser()
    post(client, "account_signup", name="Bo", email=typed, password1=PASSWORD)
    client.post(link_in(letter(address=kept), "/confirm-email/"))
    assert is_in(client) and User.objects.get().email == kept
    for spelling in (typed, kept):
        again = browser()
        post(again, "account_login", login=spelling, password=PASSWORD)
        assert is_in(again), spelling
    post(client, "account_reauthenticate", password=PASSWORD)
    assert client.session["account_authentication_methods"]


@EVERY_SPELLING
def test_a_new_password_is_asked_for_in_any_spelling(kept: str, typed: str) -> None:
    user = make_account(kept)
    post(browser(), "account_reset_password", email=typed)
    row = OutgoingEmail.objects.get()
    assert (row.recipient, row.address) == (user, kept) and "/reset/key/" in letter()


def test_signing_up_with_another_spelling_is_signing_up_again() -> None:
    make_account(KEPT)
    post(browser(), "account_signup", name="Eve", email=CODED, password1=PASSWORD)
    assert User.objects.count() == 1 and "You already have an account" in letter(address=KEPT)


def test_an_address_is_added_changed_and_removed_in_any_spelling() -> None:
    user, client = make_account(), browser()
    post(client, "account_login", login=user.email, password=PASSWORD)
    post(client, "account_reauthenticate", password=PASSWORD)
    post(client, "account_email", email=CODED, action_add="")
    assert EmailAddress.objects.filter(user=user, email=KEPT).count() == 1
    assert "errorlist" in main_of(post(client, "account_email", email=KEPT.upper(), action_add=""))
    EmailAddress.objects.filter(email=KEPT).update(verified=True)
    post(client, "account_email", email=CODED, action_primary="")
    user.refresh_from_db()
    assert user.email == KEPT
    post(client, "account_email", email=" KNOWN@test.example", action_remove="")
    assert list(EmailAddress.objects.values_list("email", flat=True)) == [KEPT]


def test_what_was_typed_is_shown_again() -> None:
    page = post(browser(), "account_signup", name="Bo", email="Bo@BLÅBÆR.dk ", password1="short")
    assert 'value="Bo@BLÅBÆR.dk ' in main_of(page)


def test_an_address_that_would_not_be_taken_today_still_signs_in() -> None:
    """Support staff are made by a command, which takes what it is given."""
    for email in ("root@localhost", AMBIGUOUS):
        make_account(email)
        client = browser()
        post(client, "account_login", login=email.upper().replace("SS", "ß"), password=PASSWORD)
        assert is_in(client), email


@EVERY_SPELLING
def test_people_are_made_and_found_by_any_spelling(kept: str, typed: str) -> None:
    user = make_person(typed)
    assert User.objects.get_by_natural_key(typed) == User.objects.get(email=kept) == user
    assert User.objects.with_verified_address(typed) == user
    assert EmailAddress.objects.get().email == kept


# --- Everywhere else an address is typed, compared or reported ----------------------------------


@EVERY_SPELLING
def test_a_location_is_handed_over_in_any_spelling(cast: Cast, kept: str, typed: str) -> None:
    found = transfers.start(location=cast.site, by=cast.installer, email=typed)
    assert found.email == kept
    assert transfers.start(location=cast.site, by=cast.installer, email=kept).pk == found.pk
    bo = make_person(kept)
    waiting = Transfer.objects.waiting_for(bo).get()
    assert transfers_accepting.accept(transfer=waiting, by=bo, nonce=waiting.nonce).user == bo


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (CODED, "That is your own address."),
        (AMBIGUOUS, "Enter the e-mail address of the new Owner."),
        ("bo", "Enter the e-mail address of the new Owner."),
    ],
)
def test_to_whom_a_location_is_not_handed_over(cast: Cast, typed: str, sentence: str) -> None:
    """Nor to oneself in another spelling; the page says it beside the field, with what was typed."""
    EmailAddress.objects.create(user=cast.installer, email=KEPT, verified=True)
    with refused(sentence, field="email"):
        transfers.start(location=cast.site, by=cast.installer, email=typed)
    page = signed_in(cast.installer).post(
        reverse("sharing:transfer", args=[cast.site.uuid]), {"email": typed, "message": "Tak"}
    )
    assert (
        page.status_code == 422 and sentence in text_of(page) and f'value="{typed}"' in page.content.decode()
    )


@EVERY_SPELLING
def test_somebody_is_invited_in_any_spelling(cast: Cast, kept: str, typed: str) -> None:
    bo = make_person(kept)
    sent = invitations.share_with_person(location=cast.site, by=cast.installer, email=typed, level=Level.VIEW)
    [answer] = inviting.invite(organisation=cast.firm, by=cast.installer, addresses=[typed], role=MEMBER)
    assert sent.email == answer.address == kept and Invitation.objects.waiting_for(bo).get() == sent


@EVERY_SPELLING
def test_support_appoints_and_finds_in_any_spelling(cast: Cast, kept: str, typed: str) -> None:
    bo = make_person(kept, "Bo Bille")
    transfers.start(location=cast.site, by=cast.installer, email=kept)
    cast.firm.memberships.all().delete()
    form = AppointForm({"email": typed, "reason": "Asked"}, organisation=cast.firm)
    assert form.is_valid() and form.cleaned_data["user"] == bo
    support = signed_in(cast.support)
    page = support.post(reverse("support_find"), {"text": typed})
    assert "Bo Bille" in text_of(page) and cast.site.name in text_of(page)
    rows = support.get(reverse("admin:portal_user_changelist"), {"q": typed}).context["cl"].result_list
    assert list(rows) == [bo]


def test_support_finds_by_a_piece_of_a_domain(cast: Cast) -> None:
    bo = make_person(KEPT)
    for piece in ("xn--blbr-roah", "@XN--BLBR-ROAH.dk", "bla\u030abær"):
        page = signed_in(cast.support).get(reverse("admin:portal_user_changelist"), {"q": piece})
        assert list(page.context["cl"].result_list) == [bo], piece


@EVERY_SPELLING
def test_a_domain_lets_ask_in_any_spelling(cast: Cast, kept: str, typed: str) -> None:
    bo = make_person(typed)
    cast.firm.join_domains = kept.rpartition("@")[2]
    assert may_ask_to_join(bo, cast.firm)
    cast.firm.join_domains = typed.strip().rpartition("@")[2]
    assert may_ask_to_join(bo, cast.firm)


@EVERY_SPELLING
def test_a_report_is_believed_in_any_spelling(kept: str, typed: str) -> None:
    """A provider reports what stood on the envelope."""
    outbox.queue("account", key="1", address=kept, language="da")
    OutgoingEmail.objects.update(status="sent", provider_id="x")
    Status = OutgoingEmail.Status
    assert delivery.note(provider_id="x", address=typed, status=Status.BOUNCED, failure=Failure.ADDRESS)
    assert OutgoingEmail.objects.get().status == Status.BOUNCED


def test_on_the_wire_the_domain_is_ascii(mailoutbox: list[Any]) -> None:
    outbox.queue("account-deleted", key="1", address="bo@post.blåbær.strøm.dk", language="da")
    assert outbox.deliver_due() == 1
    from django.core.mail.message import sanitize_address

    [email] = mailoutbox
    on_the_wire = "bo@post.xn--blbr-roah.xn--strm-ira.dk"
    assert email.message()["To"] == on_the_wire
    assert [sanitize_address(to, "utf-8") for to in email.recipients()] == [on_the_wire]


@pytest.mark.parametrize("recorded", [KEPT, CODED, "bo@bla\u030abær.dk"])
@pytest.mark.parametrize("kept_then", [KEPT, CODED, "bo@bla\u030abær.dk"])
def test_a_deleted_user_is_known_again_whatever_was_kept(recorded: str, kept_then: str) -> None:
    """The record cannot change, and digests of accounts deleted before cannot be read."""
    from portal import codes

    Activity.objects.create(verb=Verb.INVITED, party_address=recorded, via="test")
    bo = make_person(KEPT)
    deletion.close_account(user=bo)
    FormerAddress.objects.update(digest=codes.digest(kept_then, purpose="former-address"))
    entry = Activity.objects.get(verb=Verb.INVITED)
    assert DeletedUsers([entry]).party(entry) == "Deleted user"
    assert entry not in without_deleted(Activity.objects.all())


def test_activity_is_searched_in_the_spelling_of_its_time() -> None:
    for spelling in (KEPT, CODED):
        record(Verb.INVITED, by=None, party_address=spelling)
    for typed in (KEPT, CODED, "BO@BLÅBÆR.DK"):
        assert Activity.objects.all().about(typed, may_see_addresses=True).count() == 2, typed


# --- No form keeps an address as it was typed ---------------------------------------------------


def _modules() -> Iterator[Any]:
    for package in (portal, organisations, locations, sharing):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in found.name and not found.name.endswith("wsgi"):
                yield import_module(found.name)


def _all_forms(base: type = forms.BaseForm) -> Iterator[type]:
    for kind in base.__subclasses__():
        yield kind
        yield from _all_forms(kind)


def _forms_of_allauth() -> Iterator[forms.BaseForm]:
    """Every form that an address of the account's pages uses, as the settings have it."""
    patterns = [p for each in accounts_urls.urlpatterns for p in getattr(each, "url_patterns", [each])]
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        view = getattr(pattern.callback, "view_class", None)
        kind = getattr(view, "form_class", None)
        if kind is not None:
            # The view looks its form up in the settings, by the name it has there.
            with suppress(AttributeError):
                kind = view().get_form_class()
            try:
                yield kind()
            except (TypeError, KeyError):
                yield kind(user=User())


def test_every_field_for_an_address_is_an_address_field() -> None:
    list(_modules())
    fields: dict[str, forms.Field] = {}
    for kind in _all_forms():
        if kind.__module__.partition(".")[0] in ("portal", "organisations", "locations", "sharing"):
            inherits = any(base.__module__.startswith("allauth") for base in kind.__mro__)
            if not inherits:
                fields |= {f"{kind.__name__}.{name}": f for name, f in kind.base_fields.items()}
    for form in _forms_of_allauth():
        fields |= {f"{type(form).__name__}.{name}": f for name, f in form.fields.items()}
    addresses = {
        name: field
        for name, field in fields.items()
        if isinstance(field, forms.EmailField | AddressField)
        or getattr(field.widget, "input_type", "") == "email"
        or name.rpartition(".")[2] in ("email", "login", "address")
    }
    expected = {"LoginForm.login", "SignupForm.email", "AddEmailForm.email", "ResetPasswordForm.email"}
    expected |= {"TransferForm.email", "InviteForm.email", "AddressForm.email", "AppointForm.email"}
    assert expected <= set(addresses)
    assert [name for name, field in addresses.items() if not isinstance(field, AddressField)] == []


# --- Passwords ----------------------------------------------------------------------------------

COMPOSED = "rødgrød-på-æblegrød-7"
DECOMPOSED = "rødgrød-pa\u030a-æblegrød-7"


def set_before(user: User, password: str) -> None:
    """As it was kept before passwords were composed."""
    from django.contrib.auth.hashers import make_password

    User.objects.filter(pk=user.pk).update(password=make_password(password))
    user.refresh_from_db()


@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED])
def test_a_new_password_is_the_same_on_every_keyboard(chosen: str) -> None:
    client = browser()
    post(client, "account_signup", name="Bo", email="bo@test.example", password1=chosen)
    client.post(link_in(letter(address="bo@test.example"), "/confirm-email/"))
    for typed in (COMPOSED, DECOMPOSED):
        assert User.objects.get().check_password(typed)
        again = browser()
        post(again, "account_login", login="bo@test.example", password=typed)
        assert is_in(again)
        post(again, "account_change_password", oldpassword=typed, password1=NEXT, password2=NEXT)
        assert User.objects.get().check_password(NEXT)
        post(browser(), "account_reset_password", email="bo@test.example")
        form = browser()
        url = form.get(link_in(letter(kind="account"), "/reset/key/"), follow=True).redirect_chain[-1][0]
        form.post(url, {"password1": chosen, "password2": chosen})
        assert User.objects.get().check_password(typed)


def test_a_password_set_decomposed_before_signs_in_and_is_composed_then() -> None:
    """On a Mac, where it was set; from then on anywhere."""
    user = make_account()
    set_before(user, DECOMPOSED)
    elsewhere = browser()
    post(elsewhere, "account_login", login=user.email, password=COMPOSED)
    assert not is_in(elsewhere)
    mac = browser()
    post(mac, "account_login", login=user.email, password=DECOMPOSED)
    assert is_in(mac)
    post(elsewhere, "account_login", login=user.email, password=COMPOSED)
    assert is_in(elsewhere)


def test_asked_for_once_more_it_ends_no_session() -> None:
    """To keep it anew would sign them out in the middle of what they were about to do."""
    user = make_account()
    set_before(user, DECOMPOSED)
    client = signed_in(user)
    page = post(client, "account_reauthenticate", password=DECOMPOSED, next=reverse("account_email"))
    assert page.status_code == 200 and is_in(client)
    post(client, "delete_account", password=DECOMPOSED)
    user.refresh_from_db()
    assert user.deleted_at


def test_a_short_password_is_not_made_long_by_writing_it_in_pieces() -> None:
    page = post(browser(), "account_signup", name="Bo", email="bo@test.example", password1="a\u030a" * 7)
    assert "errorlist" in main_of(page) and not User.objects.exists()
