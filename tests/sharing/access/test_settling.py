"""What was got another way settles what waits for it: invitations and requests (product rule 3)."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from organisations import acceptance as joining_up
from organisations import inviting
from organisations.services import add_member
from portal.activity.sentences import lines
from portal.models import Activity, OutgoingEmail, Throttle
from portal.verbs import Verb
from sharing.access import changing, putting_out, settling
from sharing.bulk import jobs, offers
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
from tests.cast import MEMBER, Cast, accept, invite, invite_operators, make_location, make_person, share
from tests.pages import invite_member, make_offer, signed_in, text_of
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


def by_accepting_it_oneself(cast: Cast) -> tuple[Any, AccessRequest]:
    """They ask to have this account approved, and then add the address it was sent to."""
    invitation = invite(cast.site, cast.installer, cast.customer)
    asked = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    EmailAddress.objects.filter(user=cast.customer).update(user=cast.contractor, primary=False)
    return invitation, asked


def accept_by_then(cast: Cast) -> AccessRequest:
    invitation, asked = by_accepting_it_oneself(cast)
    accept(invitation, cast.contractor)
    return asked


def accept_for_less_time_by_then(cast: Cast) -> AccessRequest:
    """The end of whoever shared it has come nearer: it gives less than it says."""
    invitation, asked = by_accepting_it_oneself(cast)
    Access.objects.filter(location=cast.site, organisation=cast.firm).update(ends_at=in_days(20))
    accept(invitation, cast.contractor)
    return asked


def accept_a_place_by_then(cast: Cast) -> AccessRequest:
    invitation = invite_member(cast.firm, cast.installer, cast.customer.email)
    asked = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    EmailAddress.objects.filter(user=cast.customer).update(user=cast.contractor, primary=False)
    joining_up.accept(invitation=invitation, by=cast.contractor, nonce=invitation.nonce)
    return asked


def become_a_member_by_then(cast: Cast) -> AccessRequest:
    """By another way: what was sent to the address they have added is withdrawn."""
    invitation = invite_member(cast.firm, cast.installer, cast.customer.email)
    asked = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    EmailAddress.objects.filter(user=cast.customer).update(user=cast.contractor, primary=False)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    return asked


def get_it_with_whom_it_was_for(cast: Cast) -> AccessRequest:
    """The organisation of both gets access."""
    invitation = invite(cast.site, cast.installer, cast.operator)
    asked = requests.ask_for_approval(invitation=invitation, by=cast.operator2)
    accept(invite_operators(cast), cast.operator)
    return asked


def have_it_accepted_by_a_colleague(cast: Cast) -> AccessRequest:
    """A member asks to use what was sent to their organisation."""
    add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    invitation = invite_operators(cast)
    asked = requests.ask_for_approval(invitation=invitation, by=cast.contractor)
    accept(invitation, cast.operator)
    return asked


def accept_many_by_then(cast: Cast) -> AccessRequest:
    """One of many in an envelope, which a worker gives."""
    offer = make_offer(cast.site, cast.installer, cast.customer.email)
    asked = requests.ask_for_approval(invitation=Invitation.objects.get(offer=offer), by=cast.contractor)
    EmailAddress.objects.filter(user=cast.customer).update(user=cast.contractor, primary=False)
    offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    jobs.work_off()
    return asked


GOT_IN: list[Callable[[Cast], AccessRequest]] = [
    accept_by_then,
    accept_for_less_time_by_then,
    accept_a_place_by_then,
    become_a_member_by_then,
    get_it_with_whom_it_was_for,
    have_it_accepted_by_a_colleague,
    accept_many_by_then,
]


@pytest.mark.parametrize("get_in", GOT_IN)
def test_who_gets_in_is_not_told_refused(cast: Cast, get_in: Any) -> None:
    """What they asked is settled with what let them in: once on the record, without a letter."""
    asked = get_in(cast)
    asked.refresh_from_db()
    assert (asked.state, asked.settled_by) == (AccessRequest.State.SETTLED, None)
    assert mails("request-refused") == mails("request-approved") == []
    verbs = [Verb.REQUEST_SETTLED, Verb.APPROVAL_REFUSED]
    assert [one.verb for one in Activity.objects.filter(verb__in=verbs)] == [Verb.REQUEST_SETTLED]


@pytest.mark.parametrize("how", ["settled", "refused"])
def test_only_what_nobody_has_answered_meanwhile_is_on_the_record(cast: Cast, how: str) -> None:
    """A worker that answers locks no location: of two at once one answers, records and tells. What was asked
    anew since it was read is another question."""
    invitations_of = [invite(cast.site, cast.installer, each) for each in (cast.customer, cast.operator)]
    for one in invitations_of:
        requests.ask_for_approval(invitation=one, by=cast.contractor)
    read = list(AccessRequest.objects.with_all().order_by("pk"))
    AccessRequest.objects.filter(pk=read[0].pk).update(state="approved", settled_at=timezone.now())
    AccessRequest.objects.filter(pk=read[1].pk).update(asked_at=timezone.now())
    before = Activity.objects.count()
    if how == "settled":
        settling.settle_requests(read)
    else:
        assert putting_out.refuse_requests(read, None) == []
    assert Activity.objects.count() == before and mails("request-refused") == []
    assert [one.state for one in AccessRequest.objects.order_by("pk")] == ["approved", "pending"]


@pytest.mark.parametrize("by_the_worker", [True, False])
def test_refusing_many_takes_as_many_statements_as_refusing_one(cast: Cast, by_the_worker: bool) -> None:
    counts = []
    for number in (1, 10):
        people = [make_person(f"asks{number}-{each}@test.example") for each in range(number)]
        invitation = invite(cast.site, cast.installer, make_person(f"for{number}@test.example"))
        for person in people:
            requests.ask_for_approval(invitation=invitation, by=person)
        if by_the_worker:
            Invitation.objects.filter(pk=invitation.pk).update(nonce="another")
            act: Callable[[], Any] = requests.answer_what_is_over
        else:

            def act(sent: Invitation = invitation) -> None:
                requests.refuse_what_is_over(Invitation, [sent.pk])

            Invitation.objects.filter(pk=invitation.pk).update(state=WITHDRAWN, settled_at=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            act()
        counts.append(len(captured))
        assert not AccessRequest.objects.waiting().exists()
    assert counts[0] == counts[1]
    assert len(mails("request-refused")) == 11


def test_settling_takes_as_many_statements_for_ten_locations_as_for_two(cast: Cast) -> None:
    """On each an invitation that lasts no longer than its sharer, one that is covered, and two requests."""
    counts = []
    for number in (2, 10):
        sites = [make_location(cast.installer, cast.firm, f"Site {number}-{each}") for each in range(number)]
        for site in sites:
            sharer = share(site, cast.installer, cast.customer)
            waits = invite(site, cast.customer, cast.contractor)
            to_other = invite(site, cast.customer, cast.stranger, VIEW)
            requests.ask_for_approval(invitation=to_other, by=cast.contractor)
            requests.ask_for_access(number=site.number, by=cast.contractor, sentence="", network=str(site.pk))
            Throttle.objects.all().delete()
            invite(site, cast.installer, cast.operator2, VIEW)
            Access.objects.filter(pk=sharer.pk).update(ends_at=in_days(9))
            for party in (cast.contractor, cast.operator2):
                Access.objects.create(
                    location=site, user=party, level=waits.level, reason="code", ends_at=in_days(9)
                )
            Invitation.objects.filter(location=site, email=cast.operator2.email).update(
                access_ends_at=in_days(8)
            )
        with CaptureQueriesContext(connection) as captured:
            settling.settle_what_waits(sites)
        counts.append(len(captured))
        assert Invitation.objects.filter(location__in=sites, state=WITHDRAWN).count() == 2 * number
        assert not AccessRequest.objects.waiting().exists()
        assert Invitation.objects.open().filter(location__in=sites).count() == number
    assert counts[0] == counts[1]


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
