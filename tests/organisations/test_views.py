"""The pages of organisations: who gets which, what they say, what they cost (product rule 1)."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from locations.levels import Level
from locations.models import Access
from locations.services import give_access
from organisations import inviting, joining, services, urls
from organisations.models import JoinRequest, Membership, Organisation
from portal import codes
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing.invitations import services as invitations
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_location, make_person, share
from tests.organisations.tools import (
    assert_sound,
    everything,
    forget_throttles,
    last_entry,
    membership,
    people,
    roles,
    seen,
)
from tests.pages import main_of, signed_in, text_of
from tests.tools import undone

pytestmark = pytest.mark.pages

VIEW, _, MANAGE = Level


@pytest.fixture
def company(cast: Cast) -> Cast:
    """The firm with a Member, an ex-member, somebody who asks and an invitation; the same elsewhere."""
    for organisation, by, asker, left in (
        (cast.firm, cast.installer, cast.contractor, cast.customer),
        (cast.elsewhere, cast.stranger, cast.support, cast.operator),
    ):
        joining.ask_to_join(organisation=organisation, by=asker, sentence="I am new")
        services.add_member(organisation=organisation, user=left, role=ADMINISTRATOR, by=by)
        services.end_membership(membership=membership(left, organisation), by=by)
        inviting.invite(organisation=organisation, by=by, addresses=["new@test.example"], role=MEMBER)
    forget_throttles()
    return cast


def sign_in(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def text(response: HttpResponse) -> str:
    """What a reader reads: no mark-up, no white space to speak of."""
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(plain).split())


def said(client: Client, response: HttpResponse) -> str:
    """The message after a redirect."""
    assert response.status_code == 302, response.content
    return text(client.get(response.url))


def place(user: User, organisation: Organisation) -> str:
    return str(membership(user, organisation).uuid)


# --- Every address × everybody × GET and POST ---------------------------------------------------

Args = Callable[[Cast, Organisation], list[Any]]
Data = dict[str, str]


def itself(cast: Cast, organisation: Organisation) -> list[Any]:
    return [organisation.uuid]


def somebody(cast: Cast, organisation: Organisation) -> list[Any]:
    """Another member: the firm's colleague, who is the Member of the table when it is theirs to lose."""
    other = organisation.memberships.exclude(user__in=[cast.installer]).order_by("pk").last()
    return [organisation.uuid, other.uuid]


def asking(cast: Cast, organisation: Organisation) -> list[Any]:
    return [organisation.uuid, organisation.join_requests.get().uuid]


def invited(cast: Cast, organisation: Organisation) -> list[Any]:
    return [organisation.uuid, organisation.member_invitations.get().uuid]


ROLES = ["anonymous", "stranger", "ex-member", "asker", "support", "member", "administrator"]
NO, ALL = 404, dict.fromkeys(ROLES[1:], 200)
MEMBERS = dict.fromkeys(ROLES[1:5], NO) | {"member": 200, "administrator": 200}
ADMINISTRATORS = MEMBERS | {"member": 403}
POST_ONLY = dict.fromkeys(ROLES[1:], 405)
# Support staff are given nothing, and see no form for it.
INSTALLERS = ALL | {"support": 302}
UNFILLED = dict.fromkeys(ROLES[1:], 422) | {"support": 302}

# name → arguments, GET, POST, what is posted
TABLE: dict[str, tuple[Args, dict[str, int], dict[str, int], Data]] = {
    "mine": (lambda c, o: [], ALL, POST_ONLY, {}),
    "new": (lambda c, o: [], INSTALLERS, UNFILLED, {"name": ""}),
    "join": (lambda c, o: [], INSTALLERS, UNFILLED, {"key": ""}),
    "detail": (itself, MEMBERS, POST_ONLY, {}),
    "activity": (itself, ADMINISTRATORS, POST_ONLY, {}),
    "activity_csv": (itself, ADMINISTRATORS, POST_ONLY, {}),
    "settings": (
        itself,
        ADMINISTRATORS,
        ADMINISTRATORS | {"administrator": 302},
        {"name": "Another", "country": "DK", "language": "da", "review_every": "6"},
    ),
    "replace_key": (itself, ADMINISTRATORS, ADMINISTRATORS | {"administrator": 302}, {}),
    "change_role": (
        somebody,
        POST_ONLY,
        ADMINISTRATORS | {"administrator": 302},
        {"role": "administrator"},
    ),
    "remove": (somebody, ADMINISTRATORS, ADMINISTRATORS | {"administrator": 302}, {}),
    "answer_request": (
        asking,
        POST_ONLY,
        ADMINISTRATORS | {"administrator": 302},
        {"answer": "administrator"},
    ),
    "invite": (
        itself,
        ADMINISTRATORS,
        ADMINISTRATORS | {"administrator": 302},
        {"addresses": "one@test.example", "role": "member"},
    ),
    "resend": (invited, POST_ONLY, ADMINISTRATORS | {"administrator": 302}, {}),
    "withdraw": (invited, POST_ONLY, ADMINISTRATORS | {"administrator": 302}, {}),
    # That the code was looked at is on the record.
    "show_code": (invited, POST_ONLY, ADMINISTRATORS, {}),
}


def everybody(cast: Cast) -> dict[str, User | None]:
    return {
        "anonymous": None,
        "stranger": cast.stranger,
        "ex-member": cast.customer,
        "asker": cast.contractor,
        "support": cast.support,
        "member": cast.colleague,
        "administrator": cast.installer,
    }


@pytest.fixture
def with_other(company: Cast) -> Cast:
    """One more member, so that the Member of the table acts on somebody else."""
    other = make_person("other@test.example", "Other")
    services.add_member(organisation=company.firm, user=other, role=MEMBER, by=company.installer)
    return company


def test_every_address_stands_in_the_table() -> None:
    """A new address without a row here fails (anchors.md, habit 15)."""
    assert {pattern.name for pattern in urls.urlpatterns} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_who_gets_what(with_other: Cast, name: str) -> None:
    """404 to strangers, 403 to Members, sign-in to the signed-out; only who is let in changes anything."""
    args, get, post, data = TABLE[name]
    url = reverse(f"organisations:{name}", args=args(with_other, with_other.firm))
    before = everything()
    for role, user in everybody(with_other).items():
        for method, expected in (("get", get), ("head", get), ("post", post)):
            with undone():
                client = sign_in(user)
                response = getattr(client, method)(url, data if method == "post" else {"all": ""})
                if role == "anonymous":
                    assert response.status_code == 302
                    assert response.url.startswith("/accounts/login/?next=/")
                else:
                    assert response.status_code == expected[role], (role, method)
                acts = method == "post" and role == "administrator" and post[role] in (200, 302)
                assert (everything() != before) == acts, (role, method)
                assert_sound()


@pytest.mark.parametrize("htmx", [False, True])
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row[1].get("stranger") == NO])
def test_what_does_not_exist_and_what_is_hidden_answer_alike(company: Cast, name: str, htmx: bool) -> None:
    """A stranger learns nothing about whether an organisation exists."""
    client = sign_in(company.installer)
    headers = {"HX-Request": "true"} if htmx else {}
    hidden, unknown = TABLE[name][0](company, company.elsewhere), [uuid4(), uuid4()]
    answers = []
    for args in (hidden, unknown[: len(hidden)]):
        response = client.get(reverse(f"organisations:{name}", args=args), headers=headers)
        answers.append((response.status_code, re.sub(r'(token|value|nonce)="[^"]+"', "", text(response))))
    assert answers[0] == answers[1]
    assert company.elsewhere.name not in answers[0][1]


@pytest.mark.parametrize(
    "name", ["change_role", "remove", "answer_request", "resend", "withdraw", "show_code"]
)
def test_another_organisations_people_cannot_be_reached_through_ones_own(company: Cast, name: str) -> None:
    """The id in the address is looked for within the organisation alone."""
    args, _, _, data = TABLE[name]
    theirs = args(company, company.elsewhere)[1]
    before = everything()
    response = sign_in(company.installer).post(
        reverse(f"organisations:{name}", args=[company.firm.uuid, theirs]), data
    )
    assert response.status_code == 404
    assert everything() == before


@pytest.mark.parametrize("name", TABLE)
def test_every_post_is_guarded_against_forgery(with_other: Cast, name: str) -> None:
    args, _, post, data = TABLE[name]
    client = Client(enforce_csrf_checks=True)
    client.force_login(with_other.installer)
    before = everything()
    response = client.post(reverse(f"organisations:{name}", args=args(with_other, with_other.firm)), data)
    assert response.status_code == (405 if post is POST_ONLY else 403) or response.status_code == 403
    assert everything() == before


def test_a_member_among_many_administrators_is_a_member(company: Cast) -> None:
    """The role that is asked about is one's own, whoever else is there (`get_visible`)."""
    people(3, company.firm, "administrator")
    url = reverse("organisations:settings", args=[company.firm.uuid])
    assert sign_in(company.colleague).get(url).status_code == 403
    many = people(3, company.operators, "member")
    url = reverse("organisations:settings", args=[company.operators.uuid])
    assert sign_in(company.operator2).get(url).status_code == 200
    assert sign_in(many[0]).get(url).status_code == 403


def test_who_is_removed_is_a_stranger_on_the_next_request(company: Cast) -> None:
    """In any open tab: the session stays, the organisation is gone."""
    client = sign_in(company.colleague)
    url = reverse("organisations:detail", args=[company.firm.uuid])
    assert client.get(url).status_code == 200
    services.end_membership(membership=membership(company.colleague, company.firm), by=company.installer)
    assert client.get(url).status_code == 404
    assert company.firm.name not in text(client.get("/organisations/?all"))


def test_who_is_demoted_is_a_member_on_the_next_request(cast: Cast) -> None:
    client = sign_in(cast.operator2)
    url = reverse("organisations:replace_key", args=[cast.operators.uuid])
    assert client.get(url).status_code == 200
    services.change_role(membership=membership(cast.operator2, cast.operators), by=cast.operator, role=MEMBER)
    before = everything()
    assert client.post(url).status_code == 403
    assert everything() == before


# --- The key ----------------------------------------------------------------------------------


def test_the_key_is_shown_to_administrators_alone(company: Cast) -> None:
    """Product rule 1. On no page of anybody else, and to Administrators on one page only."""
    key = company.firm.key
    shown = {}
    for role, user in everybody(company).items():
        for name, (args, _, _, _) in TABLE.items():
            url = reverse(f"organisations:{name}", args=args(company, company.firm))
            response = sign_in(user).get(url, follow=True)
            page = response.getvalue().decode()
            if key in page or codes.grouped(key) in page:
                shown[role, name] = text(response).count(codes.grouped(key))
    # "mine" leads to the only organisation.
    assert shown == {("administrator", "detail"): 1, ("administrator", "mine"): 1}


def test_the_key_can_be_copied_and_says_what_it_is_for(company: Cast) -> None:
    page = sign_in(company.installer).get(f"/organisations/{company.firm.uuid}/")
    assert f'data-copy="{codes.grouped(company.firm.key)}"' in page.content.decode()
    assert "the key alone lets nobody in" in text(page)
    assert "no-store" in page.headers["Cache-Control"]


def test_replacing_the_key_asks_first(company: Cast) -> None:
    client, old = sign_in(company.installer), company.firm.key
    url = reverse("organisations:replace_key", args=[company.firm.uuid])
    assert "The old key stops at once" in text(client.get(url))
    assert Organisation.objects.get(pk=company.firm.pk).key == old
    assert "The old one no longer works" in said(client, client.post(url))
    new = Organisation.objects.get(pk=company.firm.pk).key
    page = text(client.get(f"/organisations/{company.firm.uuid}/"))
    assert codes.grouped(new) in page
    assert codes.grouped(old) not in page


# --- Creating and settings --------------------------------------------------------------------


def test_creating_one_leads_to_it_with_its_key(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    form = {"name": " Ny & Sønner ", "country": "DK", "language": "en-gb"}
    page = said(client, client.post("/organisations/new/", form))
    made = Organisation.objects.get(name="Ny & Sønner")
    assert roles(made) == {"contractor": "administrator"}
    assert "Ny & Sønner was created." in page
    assert codes.grouped(made.key) in page
    assert_sound()


HOSTILE = [
    "",
    "   ",
    "x" * 121,
    "www.evil.example",
    "a@b.example",
    "a\u202eb",
    "http://x.example",
    "\u200b",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", ["new", "settings"])
def test_a_name_that_cannot_be_is_said_and_kept(cast: Cast, page: str, name: str) -> None:
    """Names stand in other people's e-mails: one line, no link, nothing hidden."""
    client = sign_in(cast.installer)
    args = [cast.firm.uuid] if page == "settings" else []
    before = everything()
    data = {"name": name, "country": "SE", "language": "da", "review_every": "12"}
    response = client.post(reverse(f"organisations:{page}", args=args), data)
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"name"}
    assert everything() == before
    assert response.context["form"]["country"].value() == "SE"


@pytest.mark.parametrize("field", ["country", "language"])
def test_a_choice_that_is_none_is_refused(cast: Cast, field: str) -> None:
    data = {"name": "N", "country": "DK", "language": "da", "review_every": "12"} | {field: "xx"}
    response = sign_in(cast.installer).post("/organisations/new/", data)
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}


def test_settings_rename_and_switch_incoming_shares(company: Cast) -> None:
    client = sign_in(company.installer)
    url = reverse("organisations:settings", args=[company.firm.uuid])
    assert "checked" in client.get(url).content.decode()
    form = {"name": "Strøm ApS", "country": "DK", "language": "en-gb", "review_every": "12"}
    assert "Saved." in said(client, client.post(url, form))
    company.firm.refresh_from_db()
    assert (company.firm.name, company.firm.accepts_shares) == ("Strøm ApS", False)
    sharer = sign_in(company.operator)
    theirs = make_location(company.operator, company.operators, "Theirs")
    data = {"kind": "organisation", "key": company.firm.key, "level": "1"}
    refused = sharer.post(f"/locations/{theirs.uuid}/permissions/invite/", data)
    assert "Strøm ApS does not take shared locations at the moment." in text(refused)
    firm = f"/organisations/{company.firm.uuid}/"
    assert "Sharing to the organisation is switched off" in text(client.get(firm))
    assert "Saved." in said(client, client.post(url, form | {"accepts_shares": "on"}))
    assert "switched off" not in text(client.get(firm))
    company.firm.refresh_from_db()
    assert company.firm.accepts_shares
    assert not theirs.invitations.exists()


# --- Joining ----------------------------------------------------------------------------------


def test_the_name_is_shown_before_anything_is_asked(cast: Cast) -> None:
    """Product rule 1: a signed-in person who enters a valid key sees the name before anything is sent."""
    client = sign_in(cast.colleague)  # who belongs to another
    form = {"key": codes.grouped(cast.operators.key).lower(), "sentence": "Hej"}
    before = everything()
    page = client.post("/organisations/join/", form)
    assert page.status_code == 200
    assert "Nordlys – this is the organisation with that key" in text(page)
    assert everything() == before
    confirmed = re.search(r'name="confirmed" value="([^"]+)"', page.content.decode())[1]
    assert confirmed == str(cast.operators.uuid)
    done = said(client, client.post("/organisations/join/", form | {"confirmed": confirmed}))
    assert "The Administrators of Nordlys have been asked." in done
    assert "Waiting for an answer 1" in done
    assert JoinRequest.objects.get().sentence == "Hej"


def test_what_was_confirmed_is_what_is_asked(cast: Cast) -> None:
    """Another key in the second step shows the other name first."""
    client = sign_in(cast.contractor)
    data = {"key": cast.firm.key, "confirmed": str(cast.operators.uuid)}
    assert "Strøm & Søn – this is" in text(client.post("/organisations/join/", data))
    assert not JoinRequest.objects.exists()


def test_a_key_replaced_between_the_steps_is_unknown(cast: Cast) -> None:
    client, data = sign_in(cast.contractor), {"key": cast.operators.key}
    client.post("/organisations/join/", data)
    services.replace_key(organisation=cast.operators, by=cast.operator)
    response = client.post("/organisations/join/", data | {"confirmed": str(cast.operators.uuid)})
    assert response.status_code == 422
    assert "No organisation has this key" in text(response)
    assert not JoinRequest.objects.exists()


def test_every_refusal_of_a_key_stands_beside_the_field(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    unknown = codes.derive(purpose="organisation-key", subject="x", nonce="y", length=16)
    invitation = codes.derive(purpose="x", subject="x", nonce="y", length=codes.INVITATION_CODE_LENGTH)
    for key, sentence in (
        ("", "Enter the Organisation Key"),
        ("AAAA-AAAA", "typing error"),
        (codes.grouped(invitation), "This is an invitation code. Enter it under Add a location."),
        (unknown, "No organisation has this key"),
    ):
        response = client.post("/organisations/join/", {"key": key, "sentence": "Kept"})
        assert response.status_code == 422
        assert sentence in response.context["form"].errors["key"][0]
        assert "Kept" in response.content.decode()
    for _ in range(9):
        client.post("/organisations/join/", {"key": unknown})
    response = client.post("/organisations/join/", {"key": cast.operators.key})
    assert "too many wrong keys" in text(response)
    assert cast.operators.name not in text(response)


def test_wrong_keys_are_counted_per_account_and_network(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    unknown = codes.derive(purpose="organisation-key", subject="x", nonce="y", length=16)
    client.post("/organisations/join/", {"key": unknown}, REMOTE_ADDR="192.0.2.7")
    assert dict(Throttle.objects.values_list("key", "tries")) == {
        f"wrong-key/account/{cast.contractor.pk}": 1,
        "wrong-key/address/192.0.2.7/32": 1,
    }


def test_a_member_who_asks_is_told(cast: Cast) -> None:
    data = {"key": cast.firm.key, "confirmed": str(cast.firm.uuid)}
    response = sign_in(cast.colleague).post("/organisations/join/", data)
    assert response.status_code == 422
    assert "You are a member of this organisation already." in text(response)


def test_administrators_see_who_asks_and_members_do_not(company: Cast) -> None:
    url = f"/organisations/{company.firm.uuid}/"
    page = text(sign_in(company.installer).get(url))
    assert "Asking to join 1" in page
    assert "contractor@test.example" in page
    assert "“I am new”" in page
    assert "contractor" not in text(sign_in(company.colleague).get(url)).lower()


@pytest.mark.parametrize(
    ("answer", "role", "sentence"),
    [
        ("member", "member", "Contractor is a member now."),
        ("administrator", "administrator", "Contractor is a member now."),
        ("refuse", None, "Contractor was refused and is told."),
        ("owner", None, "Choose one of the roles."),
        ("", None, "Choose one of the roles."),
    ],
)
def test_answering(company: Cast, answer: str, role: str | None, sentence: str) -> None:
    client = sign_in(company.installer)
    url = reverse("organisations:answer_request", args=asking(company, company.firm))
    assert sentence in said(client, client.post(url, {"answer": answer}))
    assert roles(company.firm).get("contractor") == role
    assert_sound()


def test_who_answers_second_reads_that_somebody_has(company: Cast) -> None:
    services.change_role(
        membership=membership(company.colleague, company.firm), by=company.installer, role="administrator"
    )
    url = reverse("organisations:answer_request", args=asking(company, company.firm))
    sign_in(company.installer).post(url, {"answer": "refuse"})
    before = everything()
    second = sign_in(company.colleague)
    assert "Somebody has answered this request meanwhile." in said(
        second, second.post(url, {"answer": "member"})
    )
    assert everything() == before


# --- Posting twice ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["settings", "change_role", "remove", "answer_request", "withdraw"])
def test_posting_twice_does_it_once(with_other: Cast, name: str) -> None:
    """A double click, or Back and again."""
    args, _, _, data = TABLE[name]
    url = reverse(f"organisations:{name}", args=args(with_other, with_other.firm))
    client = sign_in(with_other.installer)
    assert client.post(url, data).status_code == 302
    before = everything()
    # Who is removed is no longer there to be removed.
    assert client.post(url, data).status_code == (404 if name == "remove" else 302)
    assert everything() == before


def test_asking_twice_and_leaving_twice_is_once(company: Cast) -> None:
    client = sign_in(company.customer)
    data = {"key": company.operators.key, "confirmed": str(company.operators.uuid)}
    assert client.post("/organisations/join/", data).status_code == 302
    before = everything()
    assert client.post("/organisations/join/", data).status_code == 302
    assert everything() == before
    client = sign_in(company.colleague)
    url = reverse("organisations:remove", args=[company.firm.uuid, place(company.colleague, company.firm)])
    assert client.post(url).url == "/organisations/"
    before = everything()
    assert client.post(url).status_code == 404
    assert everything() == before


# --- Roles, leaving, removing -------------------------------------------------------------------


def test_changing_a_role_says_so(company: Cast) -> None:
    client = sign_in(company.installer)
    url = reverse(
        "organisations:change_role", args=[company.firm.uuid, place(company.colleague, company.firm)]
    )
    assert "Colleague: Administrator." in said(client, client.post(url, {"role": "administrator"}))
    for role in ("owner", "", "Administrator"):
        assert "Choose one of the roles." in said(client, client.post(url, {"role": role}))
    assert roles(company.firm)["colleague"] == "administrator"


def test_the_last_administrator_reads_why_not(cast: Cast) -> None:
    client = sign_in(cast.installer)
    args = [cast.firm.uuid, place(cast.installer, cast.firm)]
    before = everything()
    for name, data in (("change_role", {"role": "member", "confirmed": "yes"}), ("remove", {})):
        response = client.post(reverse(f"organisations:{name}", args=args), data)
        assert "There must be at least one Administrator." in said(client, response)
    assert everything() == before


def test_a_member_leaves_and_is_led_away(company: Cast) -> None:
    client = sign_in(company.colleague)
    url = reverse("organisations:remove", args=[company.firm.uuid, place(company.colleague, company.firm)])
    assert "Leave Strøm & Søn?" in text(client.get(url))
    page = said(client, client.post(url))
    assert "You have left Strøm & Søn." in page
    assert "You do not belong to an organisation." in page
    assert seen(company.colleague) == set()
    assert_sound()


def test_an_administrator_removes_a_member(company: Cast) -> None:
    client = sign_in(company.installer)
    url = reverse("organisations:remove", args=[company.firm.uuid, place(company.colleague, company.firm)])
    assert "Remove Colleague?" in text(client.get(url))
    assert "Colleague is no longer a member." in said(client, client.post(url))
    assert seen(company.colleague) == set()
    assert seen(company.installer) == {company.site}


def preview(client: Client, user: User, organisation: Organisation) -> str:
    url = reverse("organisations:remove", args=[organisation.uuid, place(user, organisation)])
    return text(client.get(url))


@pytest.fixture
def ways(cast: Cast) -> Cast:
    """Operator2 has locations through Nordlys alone, through another organisation too, and personally."""
    by, one, org = cast.operator, cast.operator2, cast.operators
    second = services.create_organisation(name="Second", by=one)
    for number in range(4):
        make_location(by, org, f"Alone {number}")
    both = make_location(by, org, "Through both")
    give_access(location=both, party=second, level=MANAGE, reason=Access.Reason.ORGANISATION, by=by)
    personal = make_location(by, org, "Personal too")
    give_access(location=personal, party=one, level=VIEW, reason=Access.Reason.EMAIL, by=by)
    share(cast.site, cast.installer, one)
    make_location(one, None, "Private house")
    for location in (*org.accesses.order_by("pk"), *one.accesses.order_by("pk")):
        forget_throttles()
        here = location.location
        if here.name != "Alone 3":
            invitations.share_with_person(location=here, by=one, email="guest@x.example", level=VIEW)
    make_location(cast.stranger, cast.elsewhere, "Alone 4")
    return cast


@pytest.mark.parametrize("leaves", [True, False])
def test_the_preview_says_what_then_happens(ways: Cast, leaves: bool) -> None:
    """A preview of what ends, true to the number."""
    one, by = ways.operator2, ways.operator2 if leaves else ways.operator
    client = sign_in(by)
    before, mine = seen(one), list(one.invitations_sent.filter(state="pending"))
    page = preview(client, one, ways.operators)
    services.end_membership(membership=membership(one, ways.operators), by=by)
    lost = before - seen(one)
    assert {location.name for location in lost} == {"Alone 0", "Alone 1", "Alone 2", "Alone 3"}
    assert f"{'You lose' if leaves else 'Operator2 loses'} 4 locations that Nordlys gives access to." in page
    withdrawn = [i for i in mine if type(i).objects.get(pk=i.pk).state == "withdrawn"]
    assert {i.location.name for i in withdrawn} == {"Alone 0", "Alone 1", "Alone 2", "Personal too"}
    assert "4 open invitations are withdrawn." in page


def test_who_leaves_reads_all_that_stays(ways: Cast) -> None:
    page = preview(sign_in(ways.operator2), ways.operator2, ways.operators)
    assert "What was given personally stays: Havnevej 2, Personal too, Private house" in page


def test_who_removes_reads_only_of_locations_they_may_see(ways: Cast) -> None:
    """What somebody was given elsewhere is not told to their organisation (product rule 4: strangers)."""
    page = preview(sign_in(ways.operator), ways.operator2, ways.operators)
    assert "What was given personally stays: Personal too" in page
    assert "Havnevej 2" not in page
    assert "Private house" not in page


def test_a_preview_of_nothing_says_nothing_of_invitations(cast: Cast) -> None:
    page = preview(sign_in(cast.operator), cast.operator2, cast.operators)
    assert "Remove Operator2? Nothing else ends with it." in page
    assert "locations that Nordlys" not in page and "stays" not in page


def test_one_is_said_in_the_singular(cast: Cast) -> None:
    page = preview(sign_in(cast.installer), cast.colleague, cast.firm)
    assert "1 location that Strøm & Søn gives access to." in page


# --- Fragments, and without JavaScript ----------------------------------------------------------


@pytest.mark.parametrize("name", ["replace_key", "remove"])
def test_the_dialog_gets_the_sheet_and_others_the_page(company: Cast, name: str) -> None:
    """The same form either way; without JavaScript the page is what the link opens."""
    url = reverse(f"organisations:{name}", args=TABLE[name][0](company, company.firm))
    client = sign_in(company.installer)
    whole = client.get(url).content.decode()
    sheet = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole
    assert "<html" not in sheet
    assert "<nav" not in sheet
    for part in (f'action="{url}"', "csrfmiddlewaretoken", 'type="submit"', 'class="sheet-head"'):
        assert part in whole
        assert part in sheet


def forms_of(page: str) -> list[str]:
    main = page.partition('<main id="main"')[2].partition("</main>")[0]
    return re.findall(r"<form.*?</form>", main, re.DOTALL)


@pytest.mark.parametrize(
    "name", [name for name, row in TABLE.items() if row[1] is not POST_ONLY and name != "activity_csv"]
)
def test_every_form_works_without_javascript(company: Cast, name: str) -> None:
    """A real method, a token, a button that submits, and no script in the mark-up."""
    page = sign_in(company.installer).get(
        reverse(f"organisations:{name}", args=TABLE[name][0](company, company.firm)) + "?q=o", follow=True
    )
    html = page.content.decode()
    assert not re.search(r"\son\w+=|href=\"javascript:|hx-(get|post|delete|put)=", html)
    forms = forms_of(html)
    assert forms
    for form in forms:
        assert 'type="submit"' in form
        assert ('method="post"' in form) == ("csrfmiddlewaretoken" in form)
        assert 'method="post"' in form or 'role="search"' in form


def test_every_field_has_a_label(company: Cast) -> None:
    client = sign_in(company.installer)
    for name in ("new", "join", "settings", "detail"):
        url = reverse(f"organisations:{name}", args=TABLE[name][0](company, company.firm))
        html = client.get(url + "?q=o").content.decode()
        for form in forms_of(html):
            fields = re.findall(r"<(?:input|select|textarea)\b(?![^>]*type=\"hidden\")[^>]*>", form)
            for field in fields:
                id = re.search(r'\bid="([^"]+)"', field)
                assert id, field
                assert f'for="{id[1]}"' in form, field


# --- Members: search, pages, cost ---------------------------------------------------------------


def names(client: Client, organisation: Organisation, **query: Any) -> list[str]:
    response = client.get(f"/organisations/{organisation.uuid}/", query)
    assert response.status_code == 200
    return [str(one.user) for one in response.context["page"]]


def test_members_are_shown_with_what_administrators_need(company: Cast) -> None:
    """Name, address, role, since when, by whom, last seen; members see less of each other."""
    url = f"/organisations/{company.firm.uuid}/"
    page = text(sign_in(company.installer).get(url))
    row = page.partition("colleague@test.example")[2]
    assert "since" in row
    assert "by Installer" in row
    assert "has not signed in yet" in row
    page = text(sign_in(company.colleague).get(url))
    assert "installer@test.example · Administrator · since" in page
    assert "by Installer" not in page
    assert "signed in" not in page


def test_members_page_has_no_buttons_but_ones_own_leave(company: Cast) -> None:
    html = sign_in(company.colleague).get(f"/organisations/{company.firm.uuid}/").content.decode()
    assert html.count("/remove/") == 1
    assert place(company.colleague, company.firm) in html
    for other in ("/role/", "/key/", "/requests/", "/settings/", "/activity/"):
        assert f"{company.firm.uuid}{other}" not in html


def test_search_by_words_of_name_or_address(cast: Cast) -> None:
    for email, name in (
        ("aase@x.example", "Åse Østergård"),
        ("bo@x.example", "Bo 100%_Berg"),
        ("ida@special.example", ""),
    ):
        services.add_member(
            organisation=cast.firm, user=make_person(email, name), role=MEMBER, by=cast.installer
        )
    client = sign_in(cast.installer)

    def found(query: str) -> list[str]:
        return names(client, cast.firm, q=query)

    assert found("åse") == found("ÅSE") == found("øster åse") == ["Åse Østergård"]
    assert found("BO") == found("%_") == found("bo x.example") == ["Bo 100%_Berg"]
    assert found("special") == ["ida@special.example"]
    assert found("colleague@") == ["Colleague"]
    assert found("bo special") == found("stranger") == found("'; --") == []
    assert len(found("   ")) == len(found("")) == 5
    assert "Nobody found for “stranger”." in text(client.get(f"/organisations/{cast.firm.uuid}/?q=stranger"))


@pytest.mark.parametrize("query", ["\x00", "a\x00b", "x" * 5000, "a " * 3000, "é" * 200, "å ø " * 50])
def test_search_bears_anything(cast: Cast, query: str) -> None:
    """PostgreSQL takes no NUL; SQLite no expression without end."""
    names(sign_in(cast.installer), cast.firm, q=query)


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", "\x00", "1e3", "٣"])
def test_page_numbers_bear_anything(cast: Cast, page: str) -> None:
    assert names(sign_in(cast.installer), cast.firm, page=page) == ["Colleague", "Installer"]


def test_fifty_to_a_page_and_each_member_once(cast: Cast) -> None:
    people(120, cast.firm)
    client = sign_in(cast.installer)
    pages = [names(client, cast.firm, page=number) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 50, 22]
    everyone = [name for page in pages for name in page]
    assert everyone == sorted(everyone)
    assert len(set(everyone)) == 122
    html = client.get(f"/organisations/{cast.firm.uuid}/?q=person&page=2").content.decode()
    assert "q=person&amp;page=1" in html
    assert "q=person&amp;page=3" in html
    assert "Members 120" in text(client.get(f"/organisations/{cast.firm.uuid}/?q=person"))


def test_five_thousand_members_are_paged_and_searched(cast: Cast) -> None:
    """The pages hold the right people, and neither they nor a search take more queries than for three."""
    people(4998, cast.firm)
    client, url = sign_in(cast.installer), f"/organisations/{cast.firm.uuid}/"
    numbers = [f"{n:03}" for n in range(1, 4999)]
    everybody = sorted(["Installer", "Colleague", *(f"Person {number}" for number in numbers)])
    cost(client, url)
    for page in (1, 50, 100):
        with CaptureQueriesContext(connection) as queries:
            assert names(client, cast.firm, page=page) == everybody[page * 50 - 50 : page * 50]
        assert len(queries) == ADMINISTRATOR_QUERIES["detail"]
    found = sorted(f"Person {number}" for number in numbers if "498" in number)
    assert names(client, cast.firm, q="pers 498") == found
    assert names(client, cast.firm, q="PERSON4321@crowd") == ["Person 4321"]
    assert names(client, cast.firm, q="stranger") == []
    assert cost(client, f"{url}?q=person4321") == ADMINISTRATOR_QUERIES["detail"]
    assert "Members 5000" in text(client.get(url))


# Session and person, the organisation with one's role; then what each page needs.
ADMINISTRATOR_QUERIES = {"detail": 8, "activity": 6, "settings": 6, "replace_key": 4, "remove": 10, "mine": 7}
MEMBER_QUERIES = {"detail": 6, "remove": 8, "mine": 7}


def cost(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("role", ["administrator", "member"])
def test_what_pages_cost_does_not_grow_with_members(cast: Cast, role: str, count: int) -> None:
    """Literally, and the same for 3 and 300 members."""
    crowd = people(count - 2, cast.firm)
    JoinRequest.objects.bulk_create(
        JoinRequest(organisation=cast.firm, user=make_person(f"asks{n}@x.example")) for n in range(count // 3)
    )
    Activity.objects.bulk_create(
        Activity(
            verb=Verb.MEMBER_JOINED,
            organisation_id=cast.firm.pk,
            actor_id=cast.installer.pk,
            party_name=user.name,
            via="test",
        )
        for user in crowd
    )
    by, expected = {
        "administrator": (cast.installer, ADMINISTRATOR_QUERIES),
        "member": (cast.colleague, MEMBER_QUERIES),
    }[role]
    client = sign_in(by)
    gone = crowd[0] if role == "administrator" else by
    args = {"mine": [], "remove": [cast.firm.uuid, place(gone, cast.firm)]}
    addresses = {
        name: reverse(f"organisations:{name}", args=args.get(name, [cast.firm.uuid])) + "?all"
        for name in expected
    }
    cost(client, addresses["detail"])  # what a process keeps from its first request on
    assert {name: cost(client, addresses[name]) for name in expected} == expected


def test_the_list_of_organisations_does_not_cost_by_their_number(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    costs = []
    for count in (3, 30):
        for number in range(count):
            made = services.create_organisation(name=f"O{count}-{number:02}", by=cast.stranger)
            services.add_member(organisation=made, user=cast.contractor, role=MEMBER, by=cast.stranger)
        costs.append(cost(client, "/organisations/?all"))
    assert costs == [7, 7]
    page = text(client.get("/organisations/"))
    assert page.index("O3-00") < page.index("O3-01") < page.index("O30-00"[:6])


# --- Activity ---------------------------------------------------------------------------------


def test_activity_tells_everything_that_happened(company: Cast) -> None:
    """Renaming is told too, under the organisation's own field names."""
    services.change_organisation(
        organisation=company.firm, by=company.installer, name="Strøm", accepts_shares=False, language="da"
    )
    services.change_role(
        membership=membership(company.colleague, company.firm), by=company.installer, role=ADMINISTRATOR
    )
    services.replace_key(organisation=company.firm, by=company.colleague)
    joining.refuse(request=company.firm.join_requests.get(), by=company.colleague)
    inviting.withdraw(invitation=company.firm.member_invitations.get(), by=company.colleague)
    services.end_membership(membership=membership(company.installer, company.firm), by=company.installer)
    page = text(sign_in(company.colleague).get(reverse("organisations:activity", args=[company.firm.uuid])))
    for line in (
        "Installer created the organisation",
        "Installer changed the organisation",
        "name: Strøm & Søn → Strøm",
        "accepts shared locations: Yes → No",
        "Installer changed the role of a member: Colleague",
        "role: Member → Administrator",
        "Colleague replaced the Organisation Key",
        "Contractor asked to join",
        "Installer became a member · Administrator",
        "Installer let in a new member: Customer · Administrator",
        "Colleague refused a request to join: Contractor",
        "Installer removed a member: Customer",
        "Installer left the organisation",
        "Installer invited a new member: new@test.example",
        "Colleague withdrew the invitation to become a member: new@test.example",
    ):
        assert line in page, line
    assert "asked to join:" not in page and "left the organisation:" not in page
    assert "Vestkysten" not in page
    assert "Stranger" not in page
    assert company.firm.key not in page


def test_activity_says_whence(company: Cast) -> None:
    """Who, when, through what, from where (product rule 6)."""
    url = reverse("organisations:replace_key", args=[company.firm.uuid])
    sign_in(company.installer).post(url, REMOTE_ADDR="192.0.2.7")
    entry = last_entry(company.firm)
    assert (entry.verb, entry.via, entry.address) == (Verb.KEY_REPLACED, "web", "192.0.2.7")


# --- Whose organisations --------------------------------------------------------------------------


def test_the_only_organisation_opens_at_once_and_several_are_listed(company: Cast) -> None:
    client = sign_in(company.colleague)
    assert client.get("/organisations/").url == f"/organisations/{company.firm.uuid}/"
    services.add_member(
        organisation=company.operators, user=company.colleague, role=MEMBER, by=company.operator
    )
    page = text(client.get("/organisations/"))
    assert "Nordlys" in page
    assert "Strøm & Søn" in page
    assert "Vestkysten" not in page


def test_in_none_one_can_use_the_portal(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    page = text(client.get("/organisations/"))
    assert "You can use the whole portal without one." in page
    make_location(cast.contractor, None, "Alone")
    assert "Alone" in text(client.get("/locations/"))


def test_hostile_names_are_escaped_everywhere(cast: Cast) -> None:
    evil = '<img src=x onerror="x">{{ 7|add:7 }}'
    User.objects.filter(pk__in=[cast.colleague.pk, cast.contractor.pk]).update(name=evil)
    Organisation.objects.filter(pk=cast.firm.pk).update(name=evil)
    joining.ask_to_join(
        organisation=Organisation.objects.get(pk=cast.firm.pk),
        by=User.objects.get(pk=cast.contractor.pk),
        sentence=evil,
    )
    client = sign_in(cast.installer)
    for name in ("mine", "detail", "activity", "settings", "replace_key", "remove"):
        url = reverse(f"organisations:{name}", args=TABLE[name][0](cast, cast.firm))
        html = client.get(url + "?all").content.decode()
        assert "<img" not in html, name
        assert "&lt;img src=x" in html, name
    joined = sign_in(cast.operator).post("/organisations/join/", {"key": cast.firm.key}).content.decode()
    assert "<img" not in joined
    assert OutgoingEmail.objects.filter(kind="join-asked").count() == 1
    assert Membership.objects.filter(organisation=cast.firm).count() == 2


# --- Giving up what cannot be taken back ------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_who_stops_being_administrator_is_asked_first(company: Cast, htmx: bool) -> None:
    """It says what ends; only the confirmed answer does it."""
    company_of = company.operators
    inviting.invite(organisation=company_of, by=company.operator, addresses=["x@test.example"], role=MEMBER)
    inviting.invite(organisation=company_of, by=company.operator2, addresses=["y@test.example"], role=MEMBER)
    client = sign_in(company.operator)
    own = reverse("organisations:change_role", args=[company_of.uuid, place(company.operator, company_of)])
    before = everything()
    asked = client.post(own, {"role": "member"}, headers={"HX-Request": "true"} if htmx else {})
    assert everything() == before
    assert ("<html" in asked.content.decode()) != htmx
    assert "only another Administrator can undo this" in text(asked)
    assert "1 open invitation you sent to become a member is withdrawn" in text(asked)
    page = said(client, client.post(own, {"role": "member", "confirmed": "yes"}))
    assert "Operator: Member." in page
    assert codes.grouped(company_of.key) not in page
    assert [one.email for one in inviting.pending(company_of)] == ["y@test.example"]


@pytest.mark.parametrize("name", ["change_role", "remove"])
def test_the_last_administrator_is_offered_what_is_possible(company: Cast, name: str) -> None:
    """No button that would only be refused."""
    url = reverse(f"organisations:{name}", args=[company.firm.uuid, place(company.installer, company.firm)])
    client = sign_in(company.installer)
    response = client.get(url) if name == "remove" else client.post(url, {"role": "member"})
    assert "You are the last Administrator." in text(response)
    assert reverse("sharing:delete_organisation", args=[company.firm.uuid]) in response.content.decode()
    assert "button-danger" not in response.content.decode()


def test_the_organisation_page_shows_members_and_roles(cast: Cast) -> None:
    page = text_of(signed_in(cast.colleague).get(reverse("organisations:detail", args=[cast.firm.uuid])))
    assert "Strøm & Søn" in page and "Installer" in page and "Administrator" in page and "Member" in page


def test_somebody_of_two_organisations_chooses(cast: Cast) -> None:
    second = services.create_organisation(name="Anden El", by=cast.installer)
    page = signed_in(cast.installer).get(reverse("organisations:mine"))
    assert reverse("organisations:detail", args=[second.uuid]) in main_of(page)
    assert reverse("organisations:detail", args=[cast.firm.uuid]) in main_of(page)
    assert "Vestkysten" not in main_of(page)


def test_somebody_of_none_is_told_what_to_do(cast: Cast) -> None:
    page = signed_in(cast.contractor).get(reverse("organisations:mine"))
    assert "You do not belong to an organisation." in text_of(page)


def test_one_who_becomes_a_member_sees_the_page_at_once_and_the_key_not(cast: Cast) -> None:
    person = make_person("late@test.example", "Sen")
    client = signed_in(person)
    url = reverse("organisations:detail", args=[cast.firm.uuid])
    assert client.get(url).status_code == 404
    services.add_member(organisation=cast.firm, user=person, role=MEMBER, by=cast.installer)
    page = client.get(url)
    assert page.status_code == 200 and "Organisation Key" not in page.content.decode()
