"""Inviting people by e-mail: who may, what comes of each address, every way it goes on (product 1)."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from organisations import acceptance, inviting, joining, services
from organisations.acceptance import MEMBER_INVITATIONS
from organisations.inviting import Outcome
from organisations.models import JoinRequest, MemberInvitation, Membership
from portal import codes, limits
from portal.invitations.answering import Holder, Situation
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing import kinds
from sharing.models import Invitation
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_location, make_person
from tests.cast import invite as share_with
from tests.organisations.tools import forget_throttles, membership, roles, seen, sound, verbs
from tests.tools import mails, refused

State = MemberInvitation.State


def invite(cast: Cast, *addresses: str, by: Any = None, role: Membership.Role = MEMBER) -> list[str]:
    """By the operator, into the operators; what came of each."""
    forget_throttles()
    answers = inviting.invite(
        organisation=cast.operators, by=by or cast.operator, addresses=addresses, role=role
    )
    return [answer.outcome.value for answer in answers]


def invitation(cast: Cast, role: Membership.Role = MEMBER, by: Any = None) -> MemberInvitation:
    """One to the contractor."""
    invite(cast, cast.contractor.email, role=role, by=by)
    return current(cast)


def current(cast: Cast) -> MemberInvitation:
    found: MemberInvitation = cast.operators.member_invitations.with_all().get(email=cast.contractor.email)
    return found


def accept(found: MemberInvitation, by: Any) -> Membership:
    return acceptance.accept(invitation=found, by=by, nonce=found.nonce)


def run_out(found: MemberInvitation) -> None:
    week = timedelta(days=7)
    MemberInvitation.objects.filter(pk=found.pk).update(
        invited_at=found.invited_at - week, expires_at=found.expires_at - week
    )


# --- Inviting ---------------------------------------------------------------------------------


def test_each_address_gets_its_own_answer(cast: Cast) -> None:
    """Invited, renewed, a member already, not an address; in their order, the same one once."""
    invite(cast, "Old@test.example")
    before = cast.operators.member_invitations.get().code
    outcomes = invite(
        cast, "new@test.example", "nobody", "OLD@test.example", cast.operator2.email, "NEW@test.example"
    )
    assert outcomes == ["invited", "not_an_address", "renewed", "member"]
    rows = cast.operators.member_invitations.values_list("email", "role", "state", "invited_by")
    assert set(rows) == {
        (email, "member", "pending", cast.operator.pk) for email in ("new@test.example", "old@test.example")
    }
    assert cast.operators.member_invitations.get(email="old@test.example").code != before
    assert mails("member-invitation") == [
        ("member-invitation", email) for email in ("new@test.example", "old@test.example", "old@test.example")
    ]
    assert verbs(cast.operators)[-3:] == [
        Verb.MEMBER_INVITED,
        *sorted([Verb.MEMBER_INVITED, Verb.MEMBER_INVITED_AGAIN]),
    ]


def test_it_is_valid_for_seven_days_and_is_no_more_than_asked(cast: Cast) -> None:
    found = invitation(cast, ADMINISTRATOR)
    assert found.expires_at - found.invited_at == timedelta(hours=168)
    assert (found.role, found.is_live()) == ("administrator", True)
    assert roles(cast.operators).keys() == {"operator", "operator2"}


@pytest.mark.parametrize("who", ["colleague", "stranger", "support"])
def test_only_an_administrator_of_it_invites_renews_withdraws_and_looks(cast: Cast, who: str) -> None:
    services.add_member(organisation=cast.operators, user=cast.colleague, role=MEMBER, by=cast.operator)
    found, by = invitation(cast), getattr(cast, who)
    sentence = "Only an Administrator of the organisation can do this."
    with refused(sentence):
        invite(cast, "new@test.example", by=by)
    for act in (inviting.renew, inviting.withdraw, inviting.show_code):
        with refused(sentence):
            act(invitation=found, by=by)  # type: ignore[operator]


def test_a_further_address_of_a_member_tells_nothing(cast: Cast) -> None:
    """Whether an account has it is nobody's business; the member reads it on the page."""
    EmailAddress.objects.create(user=cast.operator2, email="private@test.example", verified=True)
    assert invite(cast, "private@test.example") == ["invited"]
    found = cast.operators.member_invitations.with_all().get()
    assert MEMBER_INVITATIONS.situation_of(found, Holder(cast.operator2)) is Situation.HAS_ACCESS


def test_too_many_in_an_hour_are_told_one_by_one(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The good ones before the limit are sent; inviting locations counts against the same limit."""
    hourly = limits.Limit("invitations/account", 3, timedelta(hours=1))
    monkeypatch.setattr(limits, "INVITATIONS_BY_ACCOUNT", hourly)
    forget_throttles()
    site = make_location(cast.operator, cast.operators, "Site")
    share_with(site, cast.operator, cast.customer)
    answers = inviting.invite(
        organisation=cast.operators,
        by=cast.operator,
        addresses=[f"p{number}@test.example" for number in range(3)],
        role=MEMBER,
    )
    assert [answer.outcome for answer in answers] == [Outcome.INVITED, Outcome.INVITED, Outcome.TOO_MANY]
    assert answers[2].reason == "You have sent very many invitations. Go on in an hour."
    assert cast.operators.member_invitations.count() == 2


def test_one_address_is_not_written_to_again_and_again(cast: Cast) -> None:
    forget_throttles()
    outcomes = []
    for _ in range(6):
        answers = inviting.invite(
            organisation=cast.operators, by=cast.operator, addresses=["a@test.example"], role=MEMBER
        )
        outcomes.append(answers[0].outcome.value)
    assert outcomes == ["invited", *["renewed"] * 4, "too_many"]
    with refused("You have invited them several times today."):
        inviting.renew(invitation=cast.operators.member_invitations.get(), by=cast.operator)


# --- The state machine ------------------------------------------------------------------------


def test_accepting_makes_a_member_in_that_role(cast: Cast) -> None:
    site = make_location(cast.operator, cast.operators, "Theirs")
    found = invitation(cast, ADMINISTRATOR)
    with sound():
        made = accept(found, cast.contractor)
    assert (made.role, made.added_by) == ("administrator", cast.operator)
    assert seen(cast.contractor) == {site}
    after = current(cast)
    assert (after.state, after.settled_by) == ("accepted", cast.contractor)
    assert verbs(cast.operators)[-2:] == [Verb.MEMBER_INVITATION_ACCEPTED, Verb.MEMBER_JOINED]
    assert ("member-accepted", cast.operator.email) in mails()
    services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator)
    with refused("This invitation has been used already."):
        accept(after, cast.contractor)


def test_accepting_approves_a_request_that_waits(cast: Cast) -> None:
    request = joining.ask_to_join(organisation=cast.operators, by=cast.contractor, sentence="")
    accept(invitation(cast), cast.contractor)
    request.refresh_from_db()
    assert (request.state, request.settled_by) == (JoinRequest.State.APPROVED, cast.operator)


def test_declining_tells_whoever_invited(cast: Cast) -> None:
    found = invitation(cast)
    acceptance.decline(invitation=found, by=cast.contractor, nonce=found.nonce)
    assert current(cast).state == "declined"
    assert ("member-declined", cast.operator.email) in mails()
    with refused("This invitation was declined."):
        accept(found, cast.contractor)


# How it ended → the sentence to whoever tries to accept it then.
ENDS: dict[str, tuple[Callable[[Cast, MemberInvitation], Any], str]] = {
    "withdrawn": (
        lambda cast, found: inviting.withdraw(invitation=found, by=cast.operator2),
        "This invitation was withdrawn.",
    ),
    "expired": (lambda cast, found: run_out(found), "This invitation has expired."),
    "inviter demoted": (
        lambda cast, found: services.change_role(
            membership=membership(cast.operator, cast.operators), by=cast.operator2, role=MEMBER
        ),
        "This invitation was withdrawn.",
    ),
    "inviter removed": (
        lambda cast, found: services.end_membership(
            membership=membership(cast.operator, cast.operators), by=cast.operator2
        ),
        "This invitation was withdrawn.",
    ),
    "inviter demoted behind its back": (
        lambda cast, found: Membership.objects.filter(user=cast.operator).update(role=MEMBER),
        "The person who invited you is no longer an Administrator of the organisation.",
    ),
    "a member by now": (
        lambda cast, found: services.add_member(
            organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator2
        ),
        "You are a member of this organisation already.",
    ),
    "renewed": (
        lambda cast, found: inviting.renew(
            invitation=MemberInvitation.objects.get(pk=found.pk), by=cast.operator2
        ),
        "This invitation was renewed meanwhile. Look at it again.",
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_what_has_ended_lets_nobody_in(cast: Cast, end: str) -> None:
    arrange, sentence = ENDS[end]
    found = invitation(cast, ADMINISTRATOR)
    arrange(cast, found)
    before = roles(cast.operators)
    with sound(), refused(sentence):
        accept(found, cast.contractor)
    assert roles(cast.operators) == before


@contextmanager
def as_somebody_else(found: MemberInvitation, user: Any) -> Any:
    with refused("This invitation was sent to another address than yours.") as caught:
        yield
    assert caught.value.data["situation"] is Situation.WRONG_ACCOUNT


def test_nobody_else_can_answer_it(cast: Cast) -> None:
    """Neither a stranger, nor whoever has the address but has not shown that it is theirs."""
    found = invitation(cast)
    pretender = make_person("pretender@test.example")
    EmailAddress.objects.create(user=pretender, email="unseen@test.example", verified=False)
    invite(cast, "unseen@test.example")
    unseen = cast.operators.member_invitations.with_all().get(email="unseen@test.example")
    for one, by in ((found, cast.stranger), (unseen, pretender)):
        with as_somebody_else(one, by):
            accept(one, by)
        with as_somebody_else(one, by):
            acceptance.decline(invitation=one, by=by, nonce=one.nonce)


@pytest.mark.parametrize("end", ["declined", "withdrawn", "expired", "out again"])
def test_after_anything_they_can_be_invited_again(cast: Cast, end: str) -> None:
    """In the same row, by a new code; the old one is nobody's."""
    found = invitation(cast)
    if end == "declined":
        acceptance.decline(invitation=found, by=cast.contractor, nonce=found.nonce)
    elif end == "withdrawn":
        inviting.withdraw(invitation=found, by=cast.operator)
    elif end == "expired":
        run_out(found)
        assert inviting.settle_expired_invitations() == 1
    else:
        accept(found, cast.contractor)
        services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator)
    assert invite(cast, cast.contractor.email, by=cast.operator2, role=ADMINISTRATOR) == ["renewed"]
    again = current(cast)
    assert (again.pk, again.invited_by) == (found.pk, cast.operator2)
    assert kinds.with_digest(codes.digest(found.code, purpose="invitation-code")) is None
    assert accept(again, cast.contractor).role == "administrator"


def test_a_withdrawn_one_is_not_resent_and_an_accepted_one_not_withdrawn(cast: Cast) -> None:
    found = invitation(cast)
    assert inviting.withdraw(invitation=found, by=cast.operator2)
    assert not inviting.withdraw(invitation=found, by=cast.operator2)
    with refused("This invitation was withdrawn meanwhile. Nothing was sent."):
        inviting.renew(invitation=found, by=cast.operator)
    with refused("This code has ended."):
        inviting.show_code(invitation=found, by=cast.operator)
    found = invitation(cast)
    accept(found, cast.contractor)
    with refused("has accepted meanwhile. You can remove them as a member instead."):
        inviting.withdraw(invitation=found, by=cast.operator)
    with refused("contractor@test.example is a member already."):
        inviting.renew(invitation=found, by=cast.operator)


def test_who_is_put_out_does_not_come_back_by_an_old_invitation(cast: Cast) -> None:
    """Somebody let in by another way still had one open: it ends with the membership."""
    found = invitation(cast, ADMINISTRATOR)
    services.add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator)
    with refused("This invitation was withdrawn."):
        accept(found, cast.contractor)


def test_only_the_inviters_own_open_ones_end_with_their_role(cast: Cast) -> None:
    """Bait: another Administrator's, another organisation's, and one that has ended."""
    services.add_member(organisation=cast.firm, user=cast.operator, role=ADMINISTRATOR, by=cast.installer)
    mine, theirs = "mine@test.example", "theirs@test.example"
    invite(cast, mine)
    invite(cast, theirs, by=cast.operator2)
    inviting.invite(organisation=cast.firm, by=cast.operator, addresses=[mine], role=MEMBER)
    expired = invitation(cast)
    run_out(expired)
    services.change_role(membership=membership(cast.operator, cast.operators), by=cast.operator2, role=MEMBER)
    states = MemberInvitation.objects.values_list("organisation__name", "email", "state")
    assert set(states) == {
        ("Nordlys", mine, "withdrawn"),
        ("Nordlys", theirs, "pending"),
        ("Nordlys", expired.email, "pending"),
        (cast.firm.name, mine, "pending"),
    }


def test_the_sweep_marks_it_once_and_tells_whoever_invited(cast: Cast) -> None:
    from sharing.tasks import settle_expired_invitations

    run_out(invitation(cast))
    settle_expired_invitations()
    settle_expired_invitations()
    assert current(cast).state == "expired"
    assert mails("member-expired") == [("member-expired", cast.operator.email)]
    assert verbs(cast.operators).count(Verb.MEMBER_INVITATION_EXPIRED) == 1


def test_what_a_looker_may_know(cast: Cast) -> None:
    """The same answers as for shares: a stranger with a dead code learns nothing (product rule 4)."""
    found = invitation(cast)
    S, of = Situation, MEMBER_INVITATIONS.situation_of
    lookers = {
        "addressed": Holder(cast.contractor),
        "has code": Holder(cast.stranger, has_code=True),
        "stranger": Holder(cast.stranger),
        "nobody with code": Holder(None, has_code=True),
        "nobody": Holder(None),
    }
    assert [of(found, holder) for holder in lookers.values()] == [
        *(S.FINE, S.WRONG_ACCOUNT, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN)
    ]
    inviting.withdraw(invitation=found, by=cast.operator)
    found.refresh_from_db()
    assert [of(found, holder) for holder in lookers.values()] == [S.WITHDRAWN, *[S.UNKNOWN] * 4]
    assert of(found, Holder(cast.stranger, saw_it_live=True)) is S.WITHDRAWN
    again = invitation(cast)
    accept(again, cast.contractor)
    assert of(current(cast), lookers["addressed"]) is S.HAS_ACCESS
    services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator)
    assert of(current(cast), lookers["addressed"]) is S.USED


def test_what_waits_is_theirs_alone(cast: Cast) -> None:
    """Exact sets with bait: another person's, another state, another organisation's."""
    found = invitation(cast)
    invite(cast, "bait@test.example")
    inviting.invite(
        organisation=cast.elsewhere, by=cast.stranger, addresses=[cast.contractor.email], role=MEMBER
    )
    bait = cast.elsewhere.member_invitations.get()
    inviting.withdraw(invitation=bait, by=cast.stranger)
    assert list(MemberInvitation.objects.waiting_for(cast.contractor)) == [found]
    assert not MemberInvitation.objects.waiting_for(cast.stranger).exists()
    assert {one.email for one in inviting.pending(cast.operators)} == {found.email, "bait@test.example"}
    assert inviting.pending(cast.elsewhere) == []


def test_a_code_that_two_kinds_have_opens_neither(cast: Cast) -> None:
    """As unlikely as guessing one; should it be, nobody gets what was meant for somebody else."""
    found = invitation(cast)
    assert kinds.with_digest(found.code_digest) == found
    share = share_with(cast.site, cast.installer, cast.customer)
    Invitation.objects.filter(pk=share.pk).update(code_digest=found.code_digest)
    assert kinds.with_digest(found.code_digest) is None


def test_the_mail_is_not_sent_once_it_is_out_of_date(cast: Cast) -> None:
    """Renewed, answered or withdrawn meanwhile: its code would be dead or of no use."""
    found = invitation(cast)
    old = OutgoingEmail.objects.get(kind="member-invitation")
    sent = outbox.render(old)
    assert sent is not None
    assert codes.grouped(found.code) in sent.body
    assert f"http://localhost:8000/add/{codes.grouped(found.code)}/" in sent.body
    inviting.renew(invitation=found, by=cast.operator)
    new = OutgoingEmail.objects.exclude(pk=old.pk).get(kind="member-invitation")
    assert (outbox.render(old), outbox.render(new) is None) == (None, False)
    inviting.withdraw(invitation=found, by=cast.operator)
    assert outbox.render(new) is None


def test_the_record_holds_the_role_and_no_code(cast: Cast) -> None:
    found = invitation(cast, ADMINISTRATOR)
    inviting.show_code(invitation=found, by=cast.operator2)
    entries = Activity.objects.filter(organisation_id=cast.operators.pk, verb__startswith="member_")
    invited, shown = entries.filter(verb__in=[Verb.MEMBER_INVITED, Verb.MEMBER_CODE_SHOWN]).order_by("pk")
    assert (invited.party_address, invited.details["role"]) == (found.email, "administrator")
    assert shown.actor_name == "Operator2"
    assert found.code not in repr(list(entries.values())) and found.nonce not in repr(list(entries.values()))


def test_it_is_refused_at_its_moment_without_a_worker(cast: Cast) -> None:
    found = invitation(cast)
    end = timezone.now().replace(microsecond=0)
    MemberInvitation.objects.filter(pk=found.pk).update(expires_at=end, invited_at=end - timedelta(days=7))
    with refused("This invitation has expired."):
        accept(found, cast.contractor)
