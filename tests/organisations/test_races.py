"""Real threads on PostgreSQL, twenty rounds and more each.

SQLite lets one writer in at a time, so nothing can be shown there.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from organisations import acceptance as joining_up
from organisations import inviting, joining, services
from organisations.appointing import appoint_administrator
from organisations.models import JoinRequest, MemberInvitation, Membership, Organisation
from portal.accounts.deletion import close_account
from portal.errors import Refusal
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_cast, make_location, make_person
from tests.organisations.tools import (
    administrators,
    assert_sound,
    at_once,
    forget_throttles,
    membership,
    roles,
    seen,
)
from tests.tools import rounds_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ROUNDS = rounds_of(20)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    """Committed, so that every connection sees it; no broker is asked for anything."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    yield make_cast()


def fresh(crew: Cast, number: int, *others: tuple[User, str]) -> Organisation:
    """An organisation of the operator's for one round, with a location."""
    made = services.create_organisation(name=f"Round {number}", by=crew.operator)
    for user, role in others:
        services.add_member(organisation=made, user=user, role=Membership.Role(role), by=crew.operator)
    make_location(crew.operator, made, f"Site {number}")
    forget_throttles()
    return made


def kinds(outcomes: list[object]) -> list[str]:
    """What came of each: done, refused, or the name of an error nobody wants."""
    return sorted(
        ("refused" if isinstance(one, Refusal) else type(one).__name__)
        if isinstance(one, Exception)
        else "done"
        for one in outcomes
    )


def test_two_administrators_leave_at_once(crew: Cast) -> None:
    """One goes, the other is refused: there is always at least one Administrator."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"), (crew.colleague, "member"))
        places = [membership(user, made) for user in (crew.operator, crew.operator2)]
        outcomes = at_once(
            *(lambda one=one: services.end_membership(membership=one, by=one.user) for one in places)
        )
        assert kinds(outcomes) == ["done", "refused"]
        assert len(administrators(made)) == 1
        assert_sound()


def test_two_administrators_demote_each_other(crew: Cast) -> None:
    """Neither act may count on the Administrator the other one takes away."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        one, two = membership(crew.operator, made), membership(crew.operator2, made)
        outcomes = at_once(
            lambda one=one: services.change_role(membership=one, by=crew.operator2, role=MEMBER),
            lambda two=two: services.change_role(membership=two, by=crew.operator, role=MEMBER),
        )
        assert kinds(outcomes) == ["done", "refused"]
        assert len(administrators(made)) == 1


def test_demotion_against_removal(crew: Cast) -> None:
    """Each Administrator acts on the other: one of the two acts holds, and its doer stays."""
    won = Counter[str]()
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        one, two = membership(crew.operator, made), membership(crew.operator2, made)
        outcomes = at_once(
            lambda two=two: services.change_role(membership=two, by=crew.operator, role=MEMBER),
            lambda one=one: services.end_membership(membership=one, by=crew.operator2),
        )
        assert kinds(outcomes) == ["done", "refused"]
        after = roles(made)
        assert after in (
            {"operator": "administrator", "operator2": "member"},
            {"operator2": "administrator"},
        )
        won["demoted" if "operator" in after else "removed"] += 1
        assert_sound()
    assert won.total() == ROUNDS


def test_demotion_and_removal_of_the_same_person(crew: Cast) -> None:
    """Whichever comes first, they are out, both act as asked or read that there is nobody to demote."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"), (crew.installer, "administrator"))
        place = membership(crew.operator2, made)
        outcomes = at_once(
            lambda place=place: services.change_role(membership=place, by=crew.operator, role=MEMBER),
            lambda place=place: services.end_membership(membership=place, by=crew.installer),
        )
        assert kinds(outcomes) in (["done", "done"], ["done", "refused"])
        assert not isinstance(outcomes[1], Exception)
        assert roles(made) == {"operator": "administrator", "installer": "administrator"}
        assert_sound()


@pytest.mark.parametrize("second", ["approves too", "refuses"])
def test_two_people_answer_the_same_request(crew: Cast, second: str) -> None:
    """One answer holds; the person joins once, in the role of the answer that held, and is told once."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        asked = joining.ask_to_join(organisation=made, by=crew.contractor, sentence="")
        mine, other = (JoinRequest.objects.select_related("user").get(pk=asked.pk) for _ in range(2))

        def answer_too(other: JoinRequest = other) -> object:
            if second == "refuses":
                return joining.refuse(request=other, by=crew.operator2)
            return joining.approve(request=other, by=crew.operator2, role=ADMINISTRATOR)

        outcomes = at_once(
            lambda mine=mine: joining.approve(request=mine, by=crew.operator, role=MEMBER), answer_too
        )
        assert kinds(outcomes) == ["done", "refused"]
        asked.refresh_from_db()
        first_held = asked.settled_by == crew.operator
        theirs = "administrator" if second == "approves too" else None
        assert roles(made).get("contractor") == ("member" if first_held else theirs)
        told = OutgoingEmail.objects.filter(
            about=asked.uuid, kind__in=["join-approved", "join-refused"]
        ).values_list("kind", flat=True)
        assert list(told) == [f"join-{asked.state}"]
        assert_sound()


def test_asking_twice_at_once_is_asking_once(crew: Cast) -> None:
    """Two clicks: both are told that it is asked, the Administrators once."""
    for number in range(ROUNDS):
        made = fresh(crew, number)
        outcomes = at_once(
            *[lambda made=made: joining.ask_to_join(organisation=made, by=crew.contractor, sentence="")] * 3
        )
        assert kinds(outcomes) == ["done"] * 3
        assert JoinRequest.objects.get(organisation=made).state == "pending"
        assert Activity.objects.filter(organisation_id=made.pk, verb=Verb.JOIN_ASKED).count() == 1


def test_approval_against_the_approvers_removal(crew: Cast) -> None:
    """Nobody is let in by somebody who is out already."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        asked = joining.ask_to_join(organisation=made, by=crew.contractor, sentence="")
        place = membership(crew.operator2, made)
        outcomes = at_once(
            lambda asked=asked: joining.approve(request=asked, by=crew.operator2, role=MEMBER),
            lambda place=place: services.end_membership(membership=place, by=crew.operator),
        )
        assert not isinstance(outcomes[1], Exception)
        assert ("contractor" in roles(made)) == (not isinstance(outcomes[0], Exception))
        order = list(
            Activity.objects.filter(
                organisation_id=made.pk, verb__in=[Verb.MEMBER_JOINED, Verb.MEMBER_REMOVED]
            )
            .order_by("pk")
            .values_list("verb", "party_name")
        )[2:]
        if "contractor" in roles(made):
            assert order == [(Verb.MEMBER_JOINED, "Contractor"), (Verb.MEMBER_REMOVED, "Operator2")]
        assert_sound()


def test_adding_against_removing_the_same_person(crew: Cast) -> None:
    """Membership and group end up together, in or out."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.colleague, "member"))
        place = membership(crew.colleague, made)
        outcomes = at_once(
            lambda place=place: services.end_membership(membership=place, by=crew.operator),
            lambda made=made: services.add_member(
                organisation=made, user=crew.colleague, role=MEMBER, by=crew.operator
            ),
        )
        assert kinds(outcomes) == ["done", "done"]
        assert_sound()
        site = made.accesses.get().location
        assert (site in seen(crew.colleague)) == ("colleague" in roles(made))


def test_replacing_the_key_against_a_share_by_the_old_one(crew: Cast) -> None:
    """The share goes out whole or is refused as unknown; afterwards the old key is nobody's.

    Exactly between look-up and lock the share still goes out: see
    test_membership.test_what_changes_between_look_up_and_lock_is_seen.
    """
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        old = made.key

        def share(key: str = old) -> object:
            return invitations.share_with_organisation(
                location=crew.site, by=crew.installer, key=key, network="n", level=1
            )

        outcomes = at_once(share, lambda made=made: services.replace_key(organisation=made, by=crew.operator))
        assert isinstance(outcomes[1], Organisation)
        if isinstance(outcomes[0], Exception):
            assert isinstance(outcomes[0], Refusal), outcomes[0]
            assert outcomes[0].field == "key"
        sent = made.invitations.count()
        assert sent == (not isinstance(outcomes[0], Exception))
        assert OutgoingEmail.objects.filter(kind="key-replaced", about=made.uuid).count() == 2
        with pytest.raises(Refusal, match="No organisation has this key"):
            share(old)
        forget_throttles()
        assert made.invitations.count() == sent


def test_two_replace_the_key_at_once(crew: Cast) -> None:
    """The row and its digest are of one key, and only the last one works."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        old = made.key
        outcomes = at_once(
            lambda made=made: services.replace_key(organisation=made, by=crew.operator),
            lambda made=made: services.replace_key(organisation=made, by=crew.operator2),
        )
        keys = {one.key for one in outcomes if isinstance(one, Organisation)}
        assert len(keys) == 2
        now = Organisation.objects.get(pk=made.pk).key
        assert now in keys
        for key in {old, *keys}:
            assert Organisation.objects.with_key(key).exists() == (key == now)


def orphaned(crew: Cast, number: int, *members: User) -> Organisation:
    """An organisation whose Administrator can no longer sign in."""
    made = fresh(crew, number, (crew.customer, "administrator"), *((one, "member") for one in members))
    services.change_role(
        membership=membership(crew.operator, made), by=crew.customer, role=Membership.Role.MEMBER
    )
    services.end_membership(membership=membership(crew.operator, made), by=crew.customer)
    User.objects.filter(pk=crew.customer.pk).update(is_active=False)
    return made


def test_two_of_the_staff_appoint_at_once(crew: Cast) -> None:
    """One Administrator comes of it, on the record once; the other reads that there is one."""
    for number in range(ROUNDS):
        User.objects.filter(pk=crew.customer.pk).update(is_active=True)
        made = orphaned(crew, number, crew.colleague, crew.operator2)
        outcomes = at_once(
            *(
                lambda made=made, one=one: appoint_administrator(
                    organisation=made, user=one, by=crew.support, reason="By letter"
                )
                for one in (crew.colleague, crew.operator2)
            )
        )
        assert kinds(outcomes) == ["done", "refused"]
        assert len(administrators(made)) == 1
        told = Activity.objects.filter(organisation_id=made.pk, verb=Verb.ADMINISTRATOR_APPOINTED)
        assert told.count() == 1


def pair(crew: Cast, number: int) -> tuple[Organisation, User, User]:
    """Two Administrators of one organisation who have nothing else; not the crew, who are needed again."""
    one, two = (make_person(f"{name}{number}@test.example", name) for name in ("one", "two"))
    made = fresh(crew, number, (one, "administrator"), (two, "administrator"))
    services.end_membership(membership=membership(crew.operator, made), by=crew.operator)
    return made, one, two


@pytest.mark.parametrize("second", ["deletes the account", "leaves"])
def test_the_last_two_administrators_go_at_once(crew: Cast, second: str) -> None:
    """One goes; the other is the last one then, and stays whole."""
    for number in range(ROUNDS):
        made, one, two = pair(crew, number)
        place = membership(two, made)

        def other(two: User = two, place: Membership = place) -> object:
            if second == "leaves":
                return services.end_membership(membership=place, by=two)
            return close_account(user=two)

        outcomes = at_once(lambda one=one: close_account(user=one), other)
        assert kinds(outcomes) == ["done", "refused"]
        assert len(administrators(made)) == 1
        (stays,) = User.objects.filter(memberships__organisation=made)
        assert stays.deleted_at is None and stays.is_active and stays.emailaddress_set.exists()
        assert_sound()


def test_deleting_the_account_against_being_appointed(crew: Cast) -> None:
    """Either they are gone and nobody is appointed, or they are appointed and stay."""
    for number in range(ROUNDS):
        User.objects.filter(pk=crew.customer.pk).update(is_active=True)
        one = make_person(f"one{number}@test.example", "one")
        # In half of the rounds they are a member, so that both act on the organisation; or from outside.
        made = orphaned(crew, number, *([one] if number % 2 else []))
        outcomes = at_once(
            lambda made=made, one=one: appoint_administrator(
                organisation=made, user=one, by=crew.support, reason="By letter"
            ),
            lambda one=one: close_account(user=one),
        )
        assert kinds(outcomes) == ["done", "refused"]
        appointed = not isinstance(outcomes[0], Exception)
        one.refresh_from_db()
        assert (one.deleted_at is None) == appointed
        assert len(administrators(made)) == appointed
        assert one.memberships.exists() == one.groups.exists() == appointed


def test_deleting_the_account_against_accepting(crew: Cast) -> None:
    """A deleted account never ends up with access, by whatever code it was still holding."""
    for number in range(ROUNDS):
        one = make_person(f"one{number}@test.example", "one")
        made = fresh(crew, number)
        site = made.accesses.get().location
        code, _ = invitations_codes.create_code(location=site, by=crew.operator, level=1)
        outcomes = at_once(
            lambda code=code, one=one: invitations_accepting.accept(
                invitation=code, by=one, nonce=code.nonce
            ),
            lambda one=one: close_account(user=one),
        )
        assert set(kinds(outcomes)) <= {"done", "refused"}
        one.refresh_from_db()
        if one.deleted_at:
            assert not site.accesses.live().filter(user=one).exists()
            assert not site.user_permissions.filter(user=one).exists()
        else:
            assert kinds(outcomes[:1]) == ["done"]


def invited(crew: Cast, made: Organisation, role: Membership.Role = MEMBER) -> MemberInvitation:
    """The contractor, by the second Administrator."""
    inviting.invite(organisation=made, by=crew.operator2, addresses=[crew.contractor.email], role=role)
    found: MemberInvitation = made.member_invitations.with_all().get()
    return found


def acceptance(crew: Cast, found: MemberInvitation) -> Callable[[], object]:
    mine = MemberInvitation.objects.with_all().get(pk=found.pk)
    return lambda: joining_up.accept(invitation=mine, by=crew.contractor, nonce=found.nonce)


def test_accepting_an_invitation_three_times_at_once(crew: Cast) -> None:
    """One of them makes the member, once; whoever invited is told once."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        found = invited(crew, made)
        outcomes = at_once(*[acceptance(crew, found) for _ in range(3)])
        assert kinds(outcomes) == ["done", "refused", "refused"]
        assert roles(made)["contractor"] == "member"
        entries = Activity.objects.filter(organisation_id=made.pk)
        assert entries.filter(verb=Verb.MEMBER_INVITATION_ACCEPTED).count() == 1
        assert OutgoingEmail.objects.filter(kind="member-accepted", about=found.uuid).count() == 1
        assert_sound()


@pytest.mark.parametrize("against", ["withdrawal", "demotion", "removal"])
def test_accepting_against_what_ends_the_invitation(crew: Cast, against: str) -> None:
    """In with an invitation that held, or out: never in by one that was withdrawn."""
    won = Counter[str]()
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        found = invited(crew, made, ADMINISTRATOR)
        place = membership(crew.operator2, made)
        ends = {
            "withdrawal": lambda found=found: inviting.withdraw(
                invitation=MemberInvitation.objects.with_all().get(pk=found.pk), by=crew.operator
            ),
            "demotion": lambda place=place: services.change_role(
                membership=place, by=crew.operator, role=MEMBER
            ),
            "removal": lambda place=place: services.end_membership(membership=place, by=crew.operator),
        }
        outcomes = at_once(acceptance(crew, found), ends[against])
        found.refresh_from_db()
        entered = not isinstance(outcomes[0], Exception)
        assert entered or isinstance(outcomes[0], Refusal), outcomes[0]
        assert found.state == ("accepted" if entered else "withdrawn")
        assert roles(made).get("contractor") == ("administrator" if entered else None)
        assert isinstance(outcomes[1], Exception) == (entered and against == "withdrawal")
        won["in" if entered else "out"] += 1
        assert_sound()
    assert won.total() == ROUNDS
