"""To whom nothing is given: support staff, and whose account is closed (product rule 1).

The walk is over every kind of invitation, every request and every verb that gives; and over the code, where
what writes an access or a membership without asking fails.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse

from locations import handover
from locations.levels import Level
from locations.models import Access
from locations.services import give_access
from organisations import acceptance as membership
from organisations import appointing, joining
from organisations import services as organisations
from organisations.models import JoinRequest, Membership, Organisation
from portal.accounts.receiving import CANNOT_RECEIVE, NOT_FOR_SUPPORT
from portal.errors import Refusal
from portal.models import User
from sharing import kinds
from sharing.access import changing, removing
from sharing.bulk import jobs, offers
from sharing.invitations import accepting as invitations_accepting
from sharing.models import AccessRequest, BulkJob, Invitation, Offer
from sharing.requests import services as requests
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import (
    ADMINISTRATOR,
    MEMBER,
    Cast,
    invite,
    invite_operators,
    make_location,
    make_person,
    share,
)
from tests.organisations.tools import membership as place_of
from tests.pages import grouped, invite_member, main_of, make_code, make_offer, said, signed_in, text_of
from tests.tools import in_days

VIEW, CONFIGURE, MANAGE = Level


def make_staff(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.refresh_from_db()


def close(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    user.refresh_from_db()


def held(user: User) -> set[Any]:
    """What they have, personally and through organisations of theirs, and as what."""
    accesses = Access.objects.live().reaching(user)
    return {
        *accesses.values_list("location", "organisation", "reason", "level", "ends_at"),
        *Membership.objects.filter(user=user).values_list("organisation", "role"),
    }


@pytest.fixture
def eva(cast: Cast) -> User:
    """Administrator of the operators, with an access of her own; she had both before."""
    eva = make_person("eva@test.example", "Eva")
    organisations.add_member(organisation=cast.operators, user=eva, role=ADMINISTRATOR, by=cast.operator)
    share(make_location(cast.installer, cast.firm, "Before"), cast.installer, eva, access_ends_at=in_days(5))
    return eva


# --- Invitations of every kind ------------------------------------------------------------------


def to_organisation(cast: Cast, eva: User) -> Invitation:
    return invite_operators(cast)


def offer_to_organisation(cast: Cast, eva: User) -> Offer:
    terms = {"organisation": cast.operators, "key_version": cast.operators.key_version}
    job = BulkJob(by=cast.installer, act="share", level=VIEW, language="en-gb", **terms)
    jobs.confirm(job=jobs.draft(job, [cast.site]), by=cast.installer)
    jobs.work_off()
    found: Offer = Offer.objects.with_all().get(jobs=job)
    return found


OFFERED: dict[str, Callable[[Cast, User], Any]] = {
    "to a location": lambda cast, eva: invite(cast.site, cast.installer, eva),
    "to an organisation of theirs": to_organisation,
    "by code": lambda cast, eva: make_code(cast.site, cast.installer),
    "into an organisation": lambda cast, eva: invite_member(cast.firm, cast.installer, eva.email),
    "to become Owner": lambda cast, eva: transfers.start(
        location=cast.site, by=cast.installer, email=eva.email
    ),
    "to many": lambda cast, eva: make_offer(cast.site, cast.installer, eva.email),
    "to many, for an organisation of theirs": offer_to_organisation,
}
ACCEPT: dict[str, Callable[[Any, User], Any]] = {
    "Invitation": lambda one, by: invitations_accepting.accept(invitation=one, by=by, nonce=one.nonce),
    "MemberInvitation": lambda one, by: membership.accept(invitation=one, by=by, nonce=one.nonce),
    "Transfer": lambda one, by: transfers_accepting.accept(transfer=one, by=by, nonce=one.nonce),
    "Offer": lambda one, by: offers.accept(offer=one, by=by, nonce=one.nonce),
}


def test_every_kind_of_invitation_is_tried(cast: Cast, eva: User) -> None:
    assert {type(make(cast, eva)) for make in OFFERED.values()} == set(kinds.KINDS)
    assert set(ACCEPT) == {kind.__name__ for kind in kinds.KINDS}


@pytest.mark.parametrize("kind", OFFERED)
def test_support_staff_accept_nothing(cast: Cast, eva: User, kind: str) -> None:
    """Refused in words, by service and page; the invitation is not used up and waits for another account.

    Inviting them goes as for anybody: nobody learns who works for support.
    """
    make_staff(eva)
    invitation, before = OFFERED[kind](cast, eva), held(eva)
    with pytest.raises(Refusal) as caught:
        ACCEPT[type(invitation).__name__](invitation, eva)
    assert str(caught.value) == NOT_FOR_SUPPORT
    client = signed_in(eva)
    page = client.get(reverse("sharing:open", args=[grouped(invitation)]), follow=True)
    assert page.status_code == 200 and "Support staff are given no access" in text_of(page)
    assert reverse("sharing:switch_account") in main_of(page) and "Add to" not in text_of(page)
    url = reverse("sharing:invitation", args=[invitation.uuid])
    answered = client.post(url, {"answer": "accept", "nonce": invitation.nonce})
    assert answered.status_code == 409 and "Support staff are given no access" in text_of(answered)
    assert client.post(reverse("sharing:ask", args=[invitation.uuid])).status_code == 409
    jobs.work_off()
    invitation.refresh_from_db()
    assert invitation.is_live() and getattr(invitation, "uses", 0) == 0
    assert held(eva) == before
    client.post(reverse("sharing:switch_account"), {"invitation": invitation.uuid})
    User.objects.filter(pk=eva.pk).update(is_staff=False)
    client.force_login(eva)
    assert ">No thanks<" in main_of(client.get(url))


def test_a_code_gives_them_nothing_for_an_organisation_either(cast: Cast, eva: User) -> None:
    code = make_code(cast.site, cast.installer)
    make_staff(eva)
    with pytest.raises(Refusal, match="Support staff"):
        invitations_accepting.accept(invitation=code, by=eva, nonce=code.nonce, organisation=cast.operators)
    code.refresh_from_db()
    assert code.uses == 0


def test_another_address_that_has_the_link_learns_nothing_more(cast: Cast, eva: User) -> None:
    """Staff with somebody else's code are offered another account, not to have this one approved."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    make_staff(eva)
    page = signed_in(eva).get(reverse("sharing:open", args=[grouped(invitation)]), follow=True)
    assert "Support staff are given no access" in text_of(page) and "approve" not in main_of(page)


def test_what_they_have_is_opened_and_what_is_over_is_said(cast: Cast, eva: User) -> None:
    organisations.end_membership(membership=place_of(eva, cast.operators), by=eva)
    access = share(cast.site, cast.installer, eva, VIEW)
    code = make_code(cast.site, cast.installer, VIEW)
    make_staff(eva)
    client = signed_in(eva)
    page = client.get(reverse("sharing:open", args=[grouped(code)]), follow=True)
    assert "You already have access" in text_of(page)
    assert client.get(reverse("locations:detail", args=[cast.site.uuid])).status_code == 200
    # And it ends as anybody's.
    removing.remove_access(access=access, by=eva, also_given_on=False)
    assert client.get(reverse("locations:detail", args=[cast.site.uuid])).status_code == 404


def test_an_order_accepted_before_gives_nothing_after(cast: Cast, eva: User) -> None:
    offer = make_offer(cast.site, cast.installer, eva.email)
    offers.accept(offer=offer, by=eva, nonce=offer.nonce)
    before = held(eva)
    make_staff(eva)
    jobs.work_off()
    assert held(eva) == before


# --- Requests -----------------------------------------------------------------------------------


def by_number(cast: Cast, eva: User) -> AccessRequest:
    requests.ask_for_access(number=cast.site.number, by=eva, sentence="", network="n")
    requests.look_up_due()
    found: AccessRequest = AccessRequest.objects.with_all().get(user=eva)
    return found


ASKED: dict[str, Callable[[Cast, User], Any]] = {
    "by number": by_number,
    "to use an invitation": lambda cast, eva: requests.ask_for_approval(
        invitation=invite(cast.site, cast.installer, cast.contractor), by=eva
    ),
    "to use one into an organisation": lambda cast, eva: requests.ask_for_approval(
        invitation=invite_member(cast.firm, cast.installer), by=eva
    ),
    "to join": lambda cast, eva: joining.ask_to_join(organisation=cast.firm, by=eva, sentence=""),
}


def approve(request: Any, by: User) -> None:
    if isinstance(request, JoinRequest):
        joining.approve(request=request, by=by, role=MEMBER)
    else:
        requests.approve(request=request, by=by)


@pytest.mark.parametrize("why", [make_staff, close])
@pytest.mark.parametrize("kind", ASKED)
def test_approved_they_are_given_nothing_and_it_waits_no_longer(
    cast: Cast, eva: User, kind: str, why: Callable[[User], None]
) -> None:
    """The approver reads why not, but not who works for support; what was asked leaves every list."""
    request, before = ASKED[kind](cast, eva), held(eva)
    why(eva)
    with pytest.raises(Refusal) as caught:
        approve(request, cast.installer)
    assert str(caught.value) == CANNOT_RECEIVE
    request.refresh_from_db()
    assert (request.state, held(eva)) == ("refused", before)
    for invitation in (*Invitation.objects.filter(location=cast.site), *cast.firm.member_invitations.all()):
        assert invitation.is_live()
    with pytest.raises(Refusal, match="answered"):
        approve(request, cast.installer)


@pytest.mark.pages
def test_what_they_cannot_have_they_fill_in_no_form_for(cast: Cast, eva: User) -> None:
    make_staff(eva)
    client = signed_in(eva)
    number = {"number": cast.site.number, "sentence": "x"}
    key = {"key": cast.firm.key, "confirmed": str(cast.firm.uuid), "sentence": "x"}
    for name, sent in (
        ("sharing:ask_for_access", number),
        ("organisations:join", key),
        ("organisations:new", {}),
        ("locations:new", {}),
    ):
        for page in (client.get(reverse(name), follow=True), client.post(reverse(name), sent, follow=True)):
            assert page.redirect_chain and "Support staff are given no access" in said(page), name
    assert not AccessRequest.objects.exists() and not JoinRequest.objects.exists()


@pytest.mark.pages
def test_the_approver_reads_it_on_the_tab(cast: Cast, eva: User) -> None:
    request = ASKED["to use an invitation"](cast, eva)
    close(eva)
    client = signed_in(cast.installer)
    url = reverse("sharing:request", args=[request.uuid])
    page = client.post(url, {"answer": "approve"}, follow=True)
    assert "Nothing can be given to this account" in said(page) and "Eva" not in main_of(page)


# --- Every other verb ---------------------------------------------------------------------------


def give(cast: Cast, eva: User) -> Any:
    return give_access(
        location=cast.site, party=eva, level=VIEW, reason=Access.Reason.EMAIL, by=cast.installer
    )


def raise_level(cast: Cast, eva: User) -> Any:
    access = Access.objects.get(user=eva)
    Access.objects.filter(pk=access.pk).update(level=VIEW)
    return changing.change_level(access=access, by=cast.installer, level=MANAGE)


def extend(cast: Cast, eva: User) -> Any:
    access = Access.objects.get(user=eva)
    return changing.extend(access=access, by=cast.installer, known_end=access.ends_at)


def add(cast: Cast, eva: User) -> Any:
    return organisations.add_member(organisation=cast.firm, user=eva, role=MEMBER, by=cast.installer)


def promote(cast: Cast, eva: User) -> Any:
    Membership.objects.filter(user=eva).update(role=MEMBER)
    place = place_of(eva, cast.operators)
    return organisations.change_role(membership=place, by=cast.operator, role=ADMINISTRATOR)


def appoint(cast: Cast, eva: User) -> Any:
    Membership.objects.filter(organisation=cast.firm).delete()
    return appointing.appoint_administrator(organisation=cast.firm, user=eva, by=cast.support, reason="x")


GIVEN = {each.__name__: each for each in (give, raise_level, extend, add, promote, appoint)}


@pytest.mark.parametrize("why", [make_staff, close])
@pytest.mark.parametrize("verb", GIVEN)
def test_others_give_them_nothing(cast: Cast, eva: User, verb: str, why: Callable[[User], None]) -> None:
    why(eva)
    with pytest.raises(Refusal):
        GIVEN[verb](cast, eva)
    assert not Access.objects.live().filter(location=cast.site, user=eva).exists()
    assert Access.objects.get(user=eva).ends_at <= in_days(5)
    assert Access.objects.get(user=eva).level == (VIEW if verb == "raise_level" else MANAGE)
    assert not Membership.objects.filter(user=eva, organisation=cast.firm).exists()
    if verb == "promote":
        assert place_of(eva, cast.operators).role == MEMBER


@pytest.mark.parametrize("raise_it", [raise_level, extend])
def test_who_began_to_work_for_support_meanwhile_gets_no_more(
    cast: Cast, eva: User, raise_it: Callable[[Cast, User], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question, of a person as they were read, and the change: asked again under the lock."""
    make_staff(eva)
    monkeypatch.setattr(changing, "can_receive", lambda user: True)
    with pytest.raises(Refusal) as caught:
        raise_it(cast, eva)
    assert str(caught.value) == CANNOT_RECEIVE


TAKEN: dict[str, Callable[[Cast, User], Any]] = {
    "a location": lambda cast, eva: make_location(eva),
    "one for an organisation": lambda cast, eva: make_location(eva, cast.operators),
    "what an organisation leaves": lambda cast, eva: handover.hand_over(
        organisation=cast.operators, to=eva, by=eva
    ),
    "what it leaves, for another one of theirs": lambda cast, eva: handover.hand_over(
        organisation=cast.operators, to=Organisation.objects.get(name="Second"), by=eva
    ),
    "an organisation": lambda cast, eva: organisations.create_organisation(name="New", by=eva),
}


@pytest.mark.parametrize("what", TAKEN)
def test_they_make_nothing_for_themselves(cast: Cast, eva: User, what: str) -> None:
    make_location(eva, cast.operators, "Of the operators")
    organisations.create_organisation(name="Second", by=eva)
    make_staff(eva)
    before = held(eva)
    with pytest.raises(Refusal, match="Support staff are given no access"):
        TAKEN[what](cast, eva)
    assert held(eva) == before


def test_the_place_of_who_installed_it_is_not_passed_on_to_them(cast: Cast, eva: User) -> None:
    """Nothing that ends is held up by it: who comes next takes the place, or it is handed over first."""
    organisations.end_membership(membership=place_of(eva, cast.operators), by=eva)
    shared = make_location(cast.operator2, cast.operators, "Shared")
    share(shared, cast.operator, eva)
    make_staff(eva)
    with pytest.raises(Refusal, match="nobody else manages"):
        handover.refuse_if_left_to_nobody(cast.operators)
    share(shared, cast.operator, cast.contractor)
    handover.end_all_of(cast.operators, cast.operator)
    installed = Access.objects.live().get(location=shared, reason="installed")
    assert installed.user == cast.contractor


# --- The code -----------------------------------------------------------------------------------

WRITES = {"create", "bulk_create", "get_or_create", "update_or_create"}
GIVES = {"Access": "locations/services.py give_all", "Membership": "organisations/services.py add_member"}


def writers() -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Whatever makes a row of a model that gives something: the model, where, and the function."""
    for app in ("portal", "organisations", "locations", "sharing"):
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            where = str(Path(path).relative_to(settings.BASE_DIR))
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef):
                    for model in {made_by(call) for call in ast.walk(function)} & set(GIVES):
                        yield model, f"{where} {function.name}", function


def made_by(call: ast.AST) -> str:
    """The model of which this makes a row."""
    if not isinstance(call, ast.Call):
        return ""
    function = ast.unparse(call.func)
    owner, _, verb = function.rpartition(".")
    related = {"accesses": "Access", "memberships": "Membership"}
    if verb in WRITES:
        model = owner.removesuffix(".objects").removesuffix("._default_manager").rpartition(".")[2]
        return related.get(model, model)
    return verb


def test_whatever_gives_something_asks_who_gets_it() -> None:
    """Rows that give are made in two functions, and each asks."""
    found = list(writers())
    assert {(model, where) for model, where, _ in found} == set(GIVES.items())
    for _model, where, function in found:
        assert "lock_receiver(" in ast.unparse(function), where
