"""What was got another way settles what waits for it: invitations and requests (product rule 3)."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from organisations import inviting
from organisations.services import add_member
from portal.activity.sentences import lines
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing.access import changing
from sharing.inbox import listing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import AccessRequest, Invitation
from sharing.permissions import Viewer
from sharing.requests import services as requests
from sharing.tab.entries import tab_of
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import MEMBER, Cast, accept, invite, invite_operators, share
from tests.pages import signed_in, text_of
from tests.tools import in_days, mails, refused, run_out

VIEW, CONFIGURE, MANAGE = Level
WITHDRAWN = Invitation.State.WITHDRAWN


# --- Every way of getting as much -------------------------------------------------------------------


def by_code(cast: Cast) -> None:
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    accept(code, cast.operator2)


def by_code_for_their_organisation(cast: Cast) -> None:
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    accept(code, cast.operator, cast.operators)


def by_their_organisation(cast: Cast) -> None:
    accept(invite_operators(cast), cast.operator)


def by_becoming_member(cast: Cast) -> None:
    add_member(organisation=cast.firm, user=cast.operator2, role=MEMBER, by=cast.installer)


def by_becoming_owner(cast: Cast) -> None:
    transfer = transfers.start(location=cast.site, by=cast.installer, email=cast.operator2.email)
    transfers_accepting.accept(transfer=transfer, by=cast.operator2, nonce=transfer.nonce)


def by_another_address(cast: Cast) -> None:
    EmailAddress.objects.create(user=cast.operator2, email="second@test.example", verified=True)
    second = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="second@test.example", level=MANAGE
    )
    accept(second, cast.operator2)


def by_being_raised(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.operator2, VIEW, access_ends_at=in_days(5))
    waits = invite(cast.site, cast.installer, cast.operator2, VIEW)
    assert waits.is_live()
    changing.change_terms(access=access, by=cast.installer, level=MANAGE, ends_at=None)


WAYS: list[Callable[[Cast], None]] = [
    by_code,
    by_code_for_their_organisation,
    by_their_organisation,
    by_becoming_member,
    by_becoming_owner,
    by_another_address,
]


@pytest.mark.parametrize("way", WAYS)
def test_an_invitation_to_as_much_waits_no_longer(cast: Cast, way: Any) -> None:
    """Withdrawn by nobody, told to nobody; gone from every list; the record says why."""
    waits = invite(cast.site, cast.installer, cast.operator2, CONFIGURE)
    assert sum(listing.count_waiting(cast.operator2).values()) == 1
    OutgoingEmail.objects.all().delete()
    way(cast)
    waits.refresh_from_db()
    assert (waits.state, waits.settled_by) == (WITHDRAWN, None)
    assert mails("withdrawn") == []
    assert waits not in listing.page_of(cast.operator2).waiting
    assert waits not in [one.invitation for one in tab_of(Viewer.of(cast.installer, cast.site)).waiting]
    entry = Activity.objects.get(verb=Verb.INVITATION_WITHDRAWN, details__invitation=str(waits.uuid))
    (line,) = lines([entry], may_see_addresses=True)
    assert line.what == "operator2@test.example has it another way, so the invitation was withdrawn"
    # It does not come back when the other way ends.
    Access.objects.filter(user=cast.operator2).update(ended_at=timezone.now())
    assert not Invitation.objects.open().filter(pk=waits.pk).exists()
    with refused("already has access by another way"):
        invitations.renew(invitation=waits, by=cast.installer)


def test_raised_or_lengthened_on_the_tab(cast: Cast) -> None:
    by_being_raised(cast)
    assert not Invitation.objects.open().exists()


def test_what_would_give_more_goes_on_waiting(cast: Cast) -> None:
    """More in level, or in time; another party's, and the location next door: bait."""
    more = invite(cast.site, cast.installer, cast.operator2)
    to_others = [
        invite(cast.site, cast.installer, cast.stranger, VIEW),
        invite_operators(cast, VIEW),
        invite(cast.bait, cast.stranger, cast.operator2, VIEW),
    ]
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=CONFIGURE)
    accept(code, cast.operator2)
    assert set(Invitation.objects.open()) == {more, *to_others, code}
    longer = share(cast.site, cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(5))
    for_good = invite(cast.site, cast.installer, cast.contractor, VIEW)
    assert longer.ends_at and for_good.is_live()
    assert Invitation.objects.open().filter(pk=for_good.pk).exists()


def test_what_has_run_out_is_settled_too(cast: Cast) -> None:
    """It would stand on the tab with "Send a new one"."""
    waits = run_out(invite(cast.site, cast.installer, cast.operator2, VIEW))
    withdrawing.settle_expired_invitations()
    by_code(cast)
    waits.refresh_from_db()
    assert waits.state == WITHDRAWN


def test_a_single_use_code_is_not_used_up(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor)
    code, _new = invitations_codes.create_code(
        location=cast.site, by=cast.installer, level=VIEW, works_once=True
    )
    with refused("already have access"):
        accept(code, cast.contractor)
    code.refresh_from_db()
    assert code.is_live() and code.uses == 0


def test_an_address_that_is_confirmed_later(cast: Cast) -> None:
    """What was sent to it, and its person has already, does not begin to wait for them."""
    share(cast.site, cast.installer, cast.contractor)
    sent = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="late@test.example", level=VIEW
    )
    address = EmailAddress.objects.create(user=cast.contractor, email="late@test.example", verified=True)
    email_confirmed.send(sender=EmailAddress, request=RequestFactory().get("/"), email_address=address)
    sent.refresh_from_db()
    assert (sent.state, sent.settled_by) == (WITHDRAWN, None)


# --- Requests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [by_code, by_their_organisation, by_becoming_member])
@pytest.mark.parametrize("looked_up", [True, False])
def test_who_is_let_in_asks_no_longer(cast: Cast, way: Any, looked_up: bool) -> None:
    """Whether a worker has looked the number up or not: neither the asker nor those who answer are waiting,
    and nobody is told "refused" who has Manage."""
    requests.ask_for_access(number=cast.site.number, by=cast.operator2, sentence="x", network="n")
    if looked_up:
        requests.look_up_due()
    request = AccessRequest.objects.with_all().get()
    way(cast)
    assert listing.asked(cast.operator2).by == []
    assert requests.to_answer_on(Viewer.of(cast.installer, cast.site)) == []
    request.refresh_from_db()
    assert (request.state, request.settled_by) == (AccessRequest.State.SETTLED, None)
    assert mails("request-refused") == mails("request-approved") == []
    if looked_up:
        with refused("already have access"):
            requests.refuse(request=request, by=cast.installer)


def test_who_asked_for_another_account_and_was_invited(cast: Cast) -> None:
    """A request to use an invitation is settled with as much; one for more goes on."""
    invited = invite(cast.site, cast.installer, cast.customer, CONFIGURE)
    asked = requests.ask_for_approval(invitation=invited, by=cast.contractor)
    share(cast.site, cast.installer, cast.contractor, VIEW)
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.PENDING
    share(cast.site, cast.installer, cast.contractor, MANAGE)
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.SETTLED


def stop_by_approving(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    requests.approve(request=first, by=cast.installer)


def stop_by_accepting(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    accept(invitation, cast.customer)


def stop_by_declining(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    invitations_accepting.decline(invitation=invitation, by=cast.customer, nonce=invitation.nonce)


def stop_by_withdrawing(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    invitations.withdraw(invitation=invitation, by=cast.installer)


def stop_by_running_out(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    run_out(invitation)
    withdrawing.settle_expired_invitations()


def stop_by_renewing(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    invitations.renew(invitation=invitation, by=cast.installer)
    assert requests.answer_what_is_over() == 2


def stop_by_settling(cast: Cast, invitation: Invitation, first: AccessRequest) -> None:
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    accept(code, cast.customer)


@pytest.mark.parametrize(
    "stop",
    [
        stop_by_approving,
        stop_by_accepting,
        stop_by_declining,
        stop_by_withdrawing,
        stop_by_running_out,
        stop_by_renewing,
        stop_by_settling,
    ],
)
def test_everybody_who_asked_gets_an_answer(cast: Cast, stop: Any) -> None:
    """Two accounts ask to use one invitation. However it ends, neither waits for ever."""
    invitation = invite(cast.site, cast.installer, cast.customer)
    first = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    second = requests.ask_for_approval(invitation=invitation, by=cast.stranger)
    stop(cast, Invitation.objects.with_all().get(pk=invitation.pk), first)
    for request in (first, second):
        request.refresh_from_db()
    approved = stop is stop_by_approving
    assert first.state == ("approved" if approved else "refused")
    assert (second.state, second.settled_by) == (AccessRequest.State.REFUSED, None)
    told = {"stranger@test.example"} | (set() if approved else {"contractor@test.example"})
    assert {address for _kind, address in mails("request-refused")} == told
    assert requests.answer_what_is_over() == 0


def test_who_asked_for_an_invitation_into_an_organisation_gets_one_too(cast: Cast) -> None:
    inviting.invite(organisation=cast.firm, by=cast.installer, addresses=["n@test.example"], role=MEMBER)
    invitation = cast.firm.member_invitations.get()
    first = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    second = requests.ask_for_approval(invitation=invitation, by=cast.stranger)
    requests.approve(request=first, by=cast.installer)
    second.refresh_from_db()
    assert second.state == AccessRequest.State.REFUSED
    assert mails("request-refused") == [("request-refused", "stranger@test.example")]


def test_a_member_by_now_need_not_be_approved(cast: Cast) -> None:
    inviting.invite(organisation=cast.firm, by=cast.installer, addresses=["n@test.example"], role=MEMBER)
    asked = requests.ask_for_approval(invitation=cast.firm.member_invitations.get(), by=cast.contractor)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.SETTLED


# --- Pages ------------------------------------------------------------------------------------------


@pytest.mark.pages
def test_its_link_says_that_they_have_it(cast: Cast) -> None:
    """And not that it was withdrawn, which would be untrue for them."""
    sent = invite(cast.site, cast.installer, cast.contractor, VIEW)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    accept(code, cast.contractor)
    page = signed_in(cast.contractor).get(reverse("sharing:invitation", args=[sent.uuid]))
    assert page.status_code == 200 and "You already have access" in text_of(page)


@pytest.mark.pages
def test_one_can_always_decline(cast: Cast) -> None:
    """Where it waits though it gives nothing: they had it before, by a way unknown to the sharer."""
    accept(invite_operators(cast), cast.operator)
    sent = invite(cast.site, cast.installer, cast.operator2, VIEW)
    client = signed_in(cast.operator2)
    page = client.get(reverse("sharing:invitation", args=[sent.uuid]))
    assert "You already have access" in text_of(page) and "No thanks" in text_of(page)
    answer = client.post(
        reverse("sharing:invitation", args=[sent.uuid]), {"answer": "decline", "nonce": sent.nonce}
    )
    assert answer.status_code == 302
    sent.refresh_from_db()
    assert sent.state == Invitation.State.DECLINED
    assert sum(listing.count_waiting(cast.operator2).values()) == 0


def test_an_address_nobody_has_waits_on(cast: Cast) -> None:
    sent = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="nobody@test.example", level=VIEW
    )
    by_code(cast)
    assert Invitation.objects.open().filter(pk=sent.pk).exists()
