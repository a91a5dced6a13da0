""" "Invite partner": three ways on one form; errors beside the field, nothing typed is lost (ux.md)."""

import re
from datetime import datetime, timedelta

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from organisations.models import Membership
from portal import codes
from portal.models import Activity, OutgoingEmail, Throttle
from portal.verbs import Verb
from sharing.invitations import services as invitations
from sharing.invitations.forms import InviteForm
from sharing.models import Invitation
from tests.cast import Cast, accept, make_owner, share
from tests.pages import (
    Scene,
    grouped,
    main_of,
    make_code,
    said,
    signed_in,
    text_of,
    whole_database,
    wrong_codes,
)
from tests.tools import in_days

pytestmark = pytest.mark.pages


def url_of(cast: Cast) -> str:
    return reverse("sharing:invite", args=[cast.site.uuid])


def post(cast: Cast, **data: str) -> HttpResponse:
    return signed_in(cast.installer).post(url_of(cast), {"level": "3"} | data, follow=True)


def error_beside(page: HttpResponse, field: str) -> str:
    """The error drawn in the same group as the field of this name."""
    for group in main_of(page).split('<div class="field">')[1:]:
        if f'name="{field}"' in group:
            found = re.search(r'<ul class="errorlist".*?</ul>', group, re.DOTALL)
            return re.sub(r"<[^>]+>", "", found[0]).strip() if found else ""
    return ""


def typed(page: HttpResponse, field: str) -> str:
    """What stands in the field."""
    found = re.search(rf'<input[^>]*name="{field}"[^>]*>', main_of(page))
    value = re.search(r'value="([^"]*)"', found[0]) if found else None
    area = re.search(rf'<textarea[^>]*name="{field}"[^>]*>(.*?)</textarea>', main_of(page), re.DOTALL)
    return (value[1] if value else "") or (area[1].strip() if area else "")


def wrong_key() -> str:
    return codes.derive(purpose="t", subject="t", nonce="t", length=codes.ORGANISATION_KEY_LENGTH)


def test_manage_is_preselected(cast: Cast) -> None:
    """As if they had installed it themselves."""
    main = main_of(signed_in(cast.installer).get(url_of(cast)))
    assert re.search(r'name="level" value="3"[^>]*checked', main)
    for way in ("Individual", "Organisation", "Share via invitation code"):
        assert way in main


def test_a_person_is_invited(cast: Cast) -> None:
    """Success says what and whom; the row is on the tab; the e-mail is queued to them alone."""
    page = post(cast, kind="person", email="New.One@Test.Example", level="2", message="Hej")
    assert page.redirect_chain[-1][0] == reverse("sharing:permissions", args=[cast.site.uuid])
    assert "Invitation sent to new.one@test.example. It is valid until " in said(page)
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.level, invitation.message) == ("new.one@test.example", 2, "Hej")
    assert [row.address for row in OutgoingEmail.objects.all()] == ["new.one@test.example"]


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("", "Enter the e-mail address of the person you want to share with."),
        ("not-an-address", "Enter the e-mail address of the person you want to share with."),
        ("installer@test.example", "That is your own address."),
        ("INSTALLER@Test.Example", "That is your own address."),
        ("colleague@test.example", "already has access."),
        ("contractor@test.example", "contractor@test.example already has access."),
    ],
)
def test_errors_of_an_address(cast: Cast, email: str, says: str) -> None:
    """Beside the field, with what was typed."""
    access = share(cast.site, cast.installer, cast.contractor)
    page = post(cast, kind="person", email=email, message="Min besked")
    assert page.status_code == 422 and says in error_beside(page, "email")
    assert typed(page, "email") == email and typed(page, "message") == "Min besked"
    assert 'aria-invalid="true"' in main_of(page)
    if email.startswith("contractor"):
        assert f"#access-{access.uuid}" in main_of(page)
    assert Invitation.objects.filter(state="pending").count() == 0


def test_nothing_is_told_of_another_organisations_people(cast: Cast) -> None:
    """An address that has access through its organisation, one with an account, one without: one answer."""
    invitation = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="t", level=Level.MANAGE
    )
    accept(invitation, cast.operator)
    answers = set()
    for email in ("operator2@test.example", "stranger@test.example", "nobody@test.example"):
        page = post(cast, kind="person", email=email)
        answers.add((page.status_code, said(page).replace(email, "*")))
    assert len(answers) == 1


def test_inviting_again_renews_the_one_there_is(cast: Cast) -> None:
    """Never a second row; it says that the earlier code is dead."""
    post(cast, kind="person", email="new@test.example")
    first = grouped(Invitation.objects.get())
    page = post(cast, kind="person", email="NEW@test.example", level="1")
    assert "replaces the earlier one" in said(page)
    assert Invitation.objects.get().level == 1 and grouped(Invitation.objects.get()) != first


def test_an_accepted_invitation_is_not_said_to_be_replaced(cast: Cast) -> None:
    """More is offered to somebody who has accepted: what they have stays, and no living code ends."""
    post(cast, kind="person", email=cast.contractor.email, level="1")
    accept(Invitation.objects.get(), cast.contractor)
    page = post(cast, kind="person", email=cast.contractor.email, level="3")
    assert "Invitation sent to contractor@test.example." in said(page)
    assert "replaces the earlier one" not in said(page)


def test_a_double_submit_makes_one_invitation(cast: Cast) -> None:
    """Double click, Back and again: one row, one live letter."""
    from portal.mail import outbox

    for _ in range(3):
        post(cast, kind="person", email="new@test.example")
    assert Invitation.objects.count() == 1
    rows = OutgoingEmail.objects.filter(kind="invitation")
    assert sum(outbox.render(row) is not None for row in rows) == 1


def test_a_key_is_checked_first_and_then_sent(cast: Cast) -> None:
    """The organisation's name is shown before anything is sent."""
    key = codes.grouped(cast.operators.key).lower()
    page = post(cast, kind="organisation", key=key, message="Hej", level="1")
    assert page.status_code == 200 and "Nordlys" in main_of(page) and "Send invitation" in main_of(page)
    assert typed(page, "key") == key and typed(page, "message") == "Hej"
    assert re.search(r'name="level" value="1"[^>]*checked', main_of(page))
    assert not Invitation.objects.exists() and not OutgoingEmail.objects.exists()
    sent = post(
        cast, kind="organisation", key=key, message="Hej", level="1", confirmed=str(cast.operators.uuid)
    )
    assert "Invitation sent to the Administrators of Nordlys." in said(sent)
    addresses = {row.address for row in OutgoingEmail.objects.all()}
    assert addresses == {"operator@test.example", "operator2@test.example"}
    assert Invitation.objects.get().level == 1


def test_what_was_confirmed_is_the_organisation_of_this_key(cast: Cast) -> None:
    """The key changed after the check: the name is shown anew, nothing goes to the wrong company."""
    page = post(cast, kind="organisation", key=cast.elsewhere.key, confirmed=str(cast.operators.uuid))
    assert "Vestkysten" in main_of(page) and not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "Enter the Organisation Key"),
        ("ABCD", "typing error in this key"),
        ("wrong", "No organisation has this key."),
        ("own", "That is your own organisation."),
        ("closed", "does not take shared locations"),
        ("empty", "has no Administrator at the moment"),
        ("has", "already has access"),
        ("has for as long", "already has access"),
    ],
)
def test_errors_of_a_key(cast: Cast, key: str, says: str) -> None:
    """Beside the field, with what was typed, and nothing sent."""
    typed_key = {"wrong": wrong_key(), "own": cast.firm.key}.get(key, key)
    if key in ("closed", "empty", "has", "has for as long"):
        typed_key = cast.operators.key
    if key == "closed":
        type(cast.operators).objects.filter(pk=cast.operators.pk).update(accepts_shares=False)
    if key == "empty":
        Membership.objects.filter(organisation=cast.operators).update(role="member")
    if key == "has":
        accept(by_key(cast, typed_key), cast.operator)
    if key == "has for as long":
        # As whoever shares has it: this is told before anything is to be confirmed.
        until = in_days(3)
        accept(by_key(cast, typed_key, until), cast.operator)
        Access.objects.filter(location=cast.site, reason="installed").update(ends_at=until)
    page = post(cast, kind="organisation", key=typed_key)
    assert page.status_code == 422 and says in error_beside(page, "key")
    assert typed(page, "key") == typed_key
    assert not Invitation.objects.filter(state="pending").exists()


def by_key(cast: Cast, key: str, until: datetime | None = None) -> Invitation:
    return invitations.share_with_organisation(
        location=cast.site,
        by=cast.installer,
        key=key,
        network="t",
        level=Level.MANAGE,
        access_ends_at=until,
    )


def test_wrong_keys_are_throttled_and_right_ones_are_not_counted(cast: Cast) -> None:
    """Ten an account and hour; typing errors cost nothing; a colleague goes on."""
    for _ in range(12):
        post(cast, kind="organisation", key=cast.operators.key)
        post(cast, kind="organisation", key="ABCD")
    assert not Throttle.objects.filter(key__startswith="wrong-key").exists()
    for _ in range(10):
        assert "No organisation" in error_beside(post(cast, kind="organisation", key=wrong_key()), "key")
    refused = post(cast, kind="organisation", key=cast.operators.key)
    assert "too many wrong keys" in error_beside(refused, "key")
    colleague = signed_in(cast.colleague).post(
        url_of(cast), {"kind": "organisation", "key": cast.operators.key, "level": "3"}
    )
    assert colleague.status_code == 200 and "Nordlys" in main_of(colleague)


def test_the_key_is_in_no_row(cast: Cast) -> None:
    post(cast, kind="organisation", key=cast.operators.key, confirmed=str(cast.operators.uuid))
    everything = whole_database()
    assert cast.operators.key not in everything
    assert codes.grouped(cast.operators.key) not in everything


def test_a_code_is_made_and_shown(cast: Cast) -> None:
    """Code, link, picture, end; nobody is written to."""
    page = post(cast, kind="code", works_once="on", level="1")
    code = Invitation.objects.get()
    body = page.content.decode()
    assert page.status_code == 200 and grouped(code) in body and "<svg" in body
    assert "It works once." in text_of(page) and "Valid until" in text_of(page)
    assert (code.level, code.works_once) == (1, True)
    assert not OutgoingEmail.objects.exists()


def test_the_live_code_is_shown_instead_of_a_second_one(cast: Cast) -> None:
    """One live code per location; a double click, another colleague or another tab get that one."""
    code = make_code(cast.site, cast.installer)
    form = signed_in(cast.installer).get(url_of(cast))
    assert "There is a code already" in text_of(form) and "Show code" in text_of(form)
    for user in (cast.installer, cast.installer, cast.colleague):
        page = signed_in(user).post(url_of(cast), {"kind": "code", "level": "3"})
        assert grouped(code) in page.content.decode() and "exists already" in text_of(page)
    assert Invitation.objects.count() == 1
    assert Activity.objects.filter(verb=Verb.CODE_CREATED).count() == 1
    assert Activity.objects.filter(verb=Verb.CODE_SHOWN).count() == 3


OTHER_MODES = {"email": "half@typ", "key": "ABCD-12", "message": "En lang besked"}


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_what_was_typed_for_another_way_is_neither_lost_nor_found_wrong(cast: Cast, kind: str) -> None:
    """The drop-down may be changed back: each text is still there."""
    page = post(cast, kind=kind, access_ends="2001-01-01", **OTHER_MODES)
    assert page.status_code == 422
    for field, text in OTHER_MODES.items():
        assert typed(page, field) == text, field
    own = {"person": "email", "organisation": "key"}.get(kind)
    for field in ("email", "key"):
        if field != own:
            assert error_beside(page, field) == "", field


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_fields_of_another_way_do_not_stop_this_one(cast: Cast, kind: str) -> None:
    """An over-long key or message typed under another way is ignored where it is not asked for."""
    data = {"email": "x" * 400, "key": "y" * 100, "message": "z" * 2000}
    data |= {"person": {"email": "a@test.example", "message": ""}}.get(kind, {})
    data |= {"organisation": {"key": cast.operators.key, "message": ""}}.get(kind, {})
    page = post(cast, kind=kind, **data)
    assert page.status_code == 200, error_beside(page, "message")


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2001-01-01", "This day has passed."),
        ("9999-12-31", "within the next fifty years"),
        ("31-12", "Enter a date"),
    ],
)
def test_errors_of_the_end_date(cast: Cast, day: str, says: str) -> None:
    """Beside the field, which is unfolded."""
    page = post(cast, kind="person", email="a@test.example", access_ends=day)
    assert page.status_code == 422 and says in error_beside(page, "access_ends")
    assert "open><summary>" in main_of(page) and not Invitation.objects.exists()


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_access_may_end_on_a_day(cast: Cast, kind: str) -> None:
    """The last day counts whole, in every way."""
    day = timezone.localdate() + timedelta(days=20)
    data = {"email": "a@test.example", "key": cast.operators.key, "confirmed": str(cast.operators.uuid)}
    post(cast, kind=kind, access_ends=day.isoformat(), **data)
    end = Invitation.objects.get().access_ends_at
    assert end is not None
    local = timezone.localtime(end)
    assert local.date() == day + timedelta(days=1) and (local.hour, local.minute) == (0, 0)


def test_the_end_date_is_kept_through_the_check_of_the_key(cast: Cast) -> None:
    day = (timezone.localdate() + timedelta(days=20)).isoformat()
    page = post(cast, kind="organisation", key=cast.operators.key, access_ends=day)
    assert typed(page, "access_ends") == day


@pytest.mark.parametrize("kind", ["", "nonsense"])
def test_a_way_that_is_none_is_refused(cast: Cast, kind: str) -> None:
    page = post(cast, kind=kind, email="a@test.example")
    assert page.status_code == 422 and not Invitation.objects.exists()


@pytest.mark.parametrize("level", ["", "0", "4", "x"])
def test_a_level_that_is_none_is_refused(cast: Cast, level: str) -> None:
    page = post(cast, kind="person", email="a@test.example", level=level)
    assert page.status_code == 422 and not Invitation.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "configurer"])
def test_who_may_not_share_gets_no_form(scene: Scene, role: str) -> None:
    """403 with a page that says why, and no name more than they know."""
    page = signed_in(scene.people[role]).get(url_of(scene.cast))  # type: ignore[arg-type]
    assert page.status_code == 403 and "You cannot do this" in text_of(page)


def test_many_invitations_are_throttled_by_sender(cast: Cast) -> None:
    """Sixty an hour; the same address five a day; a colleague goes on."""
    make_owner(cast.site, cast.customer, cast.installer)
    for _ in range(5):
        assert "sent" in said(post(cast, kind="person", email="often@test.example"))
    page = post(cast, kind="person", email="often@test.example")
    assert page.status_code == 422 and "invited them several times today" in text_of(page)
    other = signed_in(cast.colleague).post(
        url_of(cast), {"kind": "person", "email": "often@test.example", "level": "1"}
    )
    assert other.status_code == 302


def test_wrong_codes_and_wrong_keys_are_counted_apart(cast: Cast) -> None:
    """Ten wrong codes do not close the form for keys."""
    client = signed_in(cast.installer)
    for code in wrong_codes(11):
        client.get(reverse("sharing:open", args=[code]), follow=True)
    page = client.post(url_of(cast), {"kind": "organisation", "key": cast.operators.key, "level": "3"})
    assert page.status_code == 200 and "Nordlys" in main_of(page)


@pytest.mark.django_db
def test_the_form_cleans_the_message() -> None:
    form = InviteForm(
        {"kind": "person", "email": "a@b.example", "level": "1", "message": "\u202eHej\n\n\n\n\nIb"}
    )
    assert form.is_valid(), form.errors
    assert form.cleaned_data["message"] == "Hej\n\n\nIb"
