"""Random sequences of everything people do with organisations, against a model in plain Python.

After every step: at least one Administrator, group equals members, everybody sees exactly what they should,
whoever asked has an answer once there is nothing left to wait for, and support staff were given nothing.

    EXAMPLES=200 python -m pytest tests/organisations/test_machine.py      (or: make machine EXAMPLES=200)
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from locations import handover
from locations.levels import Level
from locations.models import Location
from organisations import acceptance as joining_up
from organisations import closing, inviting, joining, services
from organisations.models import JoinRequest, MemberInvitation, Organisation
from portal.errors import Refusal
from portal.models import User
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import services as invitations
from sharing.models import AccessRequest, Invitation
from sharing.requests import services as requests
from tests.cast import ADMINISTRATOR, MEMBER, make_location, make_person
from tests.organisations.tools import assert_sound, forget_throttles, membership
from tests.tools import lives, undone

pytestmark = pytest.mark.heavy

PEOPLE = ["anna", "bo", "carl", "dorte", "eva"]
person = st.sampled_from(PEOPLE)
place = st.integers(0, 2)
role = st.sampled_from([ADMINISTRATOR, MEMBER])
level = st.sampled_from(list(Level))


@dataclass
class Seat:
    """An invitation to become a member that nobody has answered."""

    by: str
    role: str


@dataclass
class Company:
    """What the model knows of one organisation."""

    row: Organisation
    roles: dict[str, str]
    holds: dict[str, Level] = field(default_factory=dict)
    asking: set[str] = field(default_factory=set)
    invited: dict[str, "Seat"] = field(default_factory=dict)
    # Who asks to use an invitation that was sent to whom, and what became of it.
    wishes: dict[tuple[str, str], str] = field(default_factory=dict)
    old_keys: list[str] = field(default_factory=list)

    def administered_by(self, who: str) -> bool:
        return self.roles.get(who) == "administrator"

    @property
    def administrators(self) -> set[str]:
        return {who for who in self.roles if self.administered_by(who)}

    def is_last(self, who: str) -> bool:
        return self.administrators == {who}

    def let_in(self, who: str, role: str) -> None:
        """Nothing is left to ask for or to accept; a member stays what they are."""
        if who in self.roles:
            return
        self.roles[who] = role
        self.asking.discard(who)
        self.is_over(who)
        self.answer_wishes(by=who, answer="settled")

    def is_over(self, invited: str) -> None:
        """Their invitation, if there is one: whoever asked to use it is refused by that."""
        if self.invited.pop(invited, None):
            self.answer_wishes(to=invited, answer="over")

    def renew(self, invited: str, seat: "Seat") -> None:
        """What was asked was asked of the one before, and can be answered no longer."""
        self.invited[invited] = seat
        for wish, state in self.wishes.items():
            if wish[1] == invited and state == "open":
                self.wishes[wish] = "stale"

    def answer_wishes(self, *, answer: str, by: str | None = None, to: str | None = None) -> None:
        """All that nobody has answered yet."""
        for wish, state in self.wishes.items():
            if state in ("open", "stale") and by in (None, wish[0]) and to in (None, wish[1]):
                self.wishes[wish] = answer


@dataclass
class Offer:
    """An invitation by key that nobody has answered."""

    site: str
    to: int
    by: str
    level: Level


class People(RuleBasedStateMachine):
    """Five people, up to three organisations, and what they share with each other by key."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(undone())
        self.companies: list[Company] = []
        self.staff: set[str] = set()
        self.offers: dict[int, Offer] = {}
        self.sites: dict[str, Location] = {}

    def teardown(self) -> None:
        self.undo.close()

    @initialize()
    def begin(self) -> None:
        """Everybody has one location of their own, which is bait to the others."""
        self.users = {name: make_person(f"{name}@test.example", name.capitalize()) for name in PEOPLE}
        self.own: dict[str, str] = {}
        for name, user in self.users.items():
            self.sites[f"of {name}"] = make_location(user, None, f"of {name}")
            self.own[f"of {name}"] = name
        for first, second in (("anna", "bo"), ("carl", "dorte")):
            self.create(first)
            self.let_in(len(self.companies) - 1, second, MEMBER)

    # --- The model ------------------------------------------------------------------------

    def may_share(self, who: str, site: str, at_least: Level = Level.MANAGE) -> bool:
        return self.own.get(site) == who or any(
            who in one.roles and one.holds.get(site, 0) >= at_least for one in self.companies
        )

    def sees(self, who: str) -> set[str]:
        mine = {site for site, owner in self.own.items() if owner == who}
        return mine.union(*(one.holds for one in self.companies if who in one.roles))

    def expect(self, allowed: bool, act: Any) -> Any:
        """The act must do what the model allows, and be refused where it does not."""
        forget_throttles()
        if allowed:
            return act()
        with pytest.raises(Refusal):
            act()
        return None

    def ended(self, who: str) -> None:
        """What they had open and may no longer share is withdrawn."""
        for pk, offer in list(self.offers.items()):
            if offer.by == who and not self.may_share(who, offer.site):
                del self.offers[pk]

    def no_longer_invites(self, one: Company, who: str) -> None:
        """What an Administrator had open ends with the role."""
        for to in [to for to, seat in one.invited.items() if seat.by == who]:
            one.is_over(to)

    def company(self, number: int) -> Company:
        return self.companies[number % len(self.companies)]

    def somebody(self, data: Any, likely: Iterable[str]) -> str:
        """One of these as a rule, and now and then just anybody: most acts should be allowed, not all."""
        return str(data.draw(st.sampled_from(sorted(likely) * 4 + PEOPLE)))

    # --- What people do -------------------------------------------------------------------

    @precondition(lambda self: len(self.companies) < 3)
    @rule(by=person)
    def create(self, by: str) -> None:
        number = len(self.companies)
        row = self.expect(
            by not in self.staff,
            lambda: services.create_organisation(name=f"Company {number}", by=self.users[by]),
        )
        if row is None:
            return
        # Companies go again, their sites do not.
        site = f"of company {len(self.sites)}"
        self.sites[site] = make_location(self.users[by], row, site)
        self.companies.append(Company(row, {by: "administrator"}, {site: Level.MANAGE}))

    @rule(who=person, at=place)
    def ask(self, who: str, at: int) -> None:
        one = self.company(at)

        def act() -> JoinRequest:
            found = services.find_by_key(key=one.row.key, by=self.users[who], network="n")
            return joining.ask_to_join(organisation=found, by=self.users[who], sentence="")

        if self.expect(who not in one.roles, act):
            one.asking.add(who)

    @rule(at=place, data=st.data(), answer=st.sampled_from([ADMINISTRATOR, MEMBER, None]))
    def answer(self, at: int, data: Any, answer: Any) -> None:
        one = self.company(at)
        who, by = self.somebody(data, one.asking), self.somebody(data, one.administrators)
        asked = JoinRequest.objects.filter(organisation=one.row, user=self.users[who]).first()
        if asked is None:
            return
        allowed = one.administered_by(by) and who in one.asking
        if answer is None:
            self.expect(allowed, lambda: joining.refuse(request=asked, by=self.users[by]))
        else:
            self.expect(
                allowed and who not in self.staff,
                lambda: joining.approve(request=asked, by=self.users[by], role=answer),
            )
        if allowed:
            # To let in somebody who is given nothing is to refuse them.
            one.asking.discard(who)
            if answer is not None and who not in self.staff:
                one.let_in(who, answer.value)

    @rule(at=place, who=person, data=st.data(), role=role)
    def invite(self, at: int, who: str, data: Any, role: Any) -> None:
        """By e-mail, anew or again; a member is told of as one."""
        one = self.company(at)
        by = self.somebody(data, one.administrators)
        answers = self.expect(
            one.administered_by(by),
            lambda: inviting.invite(
                organisation=one.row, by=self.users[by], addresses=[self.users[who].email], role=role
            ),
        )
        if answers:
            assert (answers[0].outcome == "member") == (who in one.roles)
            if who not in one.roles:
                one.renew(who, Seat(by, role.value))

    @rule(at=place, data=st.data(), how=st.sampled_from(["accept", "accept", "decline", "withdraw"]))
    def settle_invitation(self, at: int, data: Any, how: str) -> None:
        """Accept, decline or withdraw one that is open, or one that no longer is."""
        one = self.company(at)
        found = data.draw(st.sampled_from([None, *one.row.member_invitations.order_by("pk")]))
        if found is None:
            return
        who = found.email.partition("@")[0]
        by = self.somebody(data, one.administrators if how == "withdraw" else {who})
        is_open, user = who in one.invited, self.users[by]
        if how == "withdraw":
            allowed = one.administered_by(by) and found.state != "accepted"
            self.expect(allowed, lambda: inviting.withdraw(invitation=found, by=user))
        elif how == "decline":
            allowed = is_open and by == who
            self.expect(allowed, lambda: joining_up.decline(invitation=found, by=user, nonce=found.nonce))
        else:
            allowed = is_open and by == who and who not in one.roles and who not in self.staff
            self.expect(allowed, lambda: joining_up.accept(invitation=found, by=user, nonce=found.nonce))
        if allowed:
            seat = one.invited.get(who)
            one.is_over(who)
            if how == "accept" and seat:
                one.let_in(who, seat.role)

    @rule(at=place, who=person, data=st.data())
    def ask_to_use(self, at: int, who: str, data: Any) -> None:
        """An invitation that was sent to somebody else, open or over, asked for anew or again."""
        one = self.company(at)
        found = data.draw(st.sampled_from([None, *one.row.member_invitations.order_by("pk")]))
        invited = found.email.partition("@")[0] if found else who
        if invited == who or who in one.roles:
            return
        wish = (who, invited)
        # Answered by somebody, they ask no more that day; the clock of these lives stands still.
        allowed = invited in one.invited and one.wishes.get(wish) not in ("approved", "refused")
        if self.expect(allowed, lambda: requests.ask_for_approval(invitation=found, by=self.users[who])):
            one.wishes[wish] = "open"

    @rule(at=place, data=st.data(), approved=st.booleans())
    def answer_wish(self, at: int, data: Any, approved: bool) -> None:
        one = self.company(at)
        if not one.wishes:
            return
        wish = data.draw(st.sampled_from(sorted(one.wishes)))
        who, invited = wish
        by = self.somebody(data, one.administrators)
        asked = AccessRequest.objects.with_all().get(
            user=self.users[who],
            member_invitation__email=self.users[invited].email,
            member_invitation__organisation=one.row,
        )
        waits = one.administered_by(by) and one.wishes[wish] in ("open", "stale")
        if not approved:
            self.expect(waits, lambda: requests.refuse(request=asked, by=self.users[by]))
        else:
            self.expect(
                waits and one.wishes[wish] == "open" and who not in self.staff,
                lambda: requests.approve(request=asked, by=self.users[by]),
            )
        if not waits or (approved and one.wishes[wish] == "stale"):
            return
        if approved and who not in self.staff:
            one.wishes[wish] = "approved"
            role = one.invited[invited].role
            one.is_over(invited)
            one.let_in(who, role)
        else:
            one.wishes[wish] = "refused"

    @rule()
    def tidy_up(self) -> None:
        """What the worker does: whoever asked about an invitation before its renewal gets an answer."""
        stale = [
            (one, wish) for one in self.companies for wish, state in one.wishes.items() if state == "stale"
        ]
        assert requests.answer_what_is_over() == len(stale)
        for one, wish in stale:
            one.wishes[wish] = "over"

    @rule(who=st.sampled_from(["bo", "eva"]))
    def work_for_support(self, who: str) -> None:
        """Or no longer. What they have stays."""
        self.staff ^= {who}
        User.objects.filter(pk=self.users[who].pk).update(is_staff=who in self.staff)
        self.users[who].refresh_from_db()

    @rule(at=place, who=person, role=role)
    def let_in(self, at: int, who: str, role: Any) -> None:
        """By whatever way there will be; an open request of theirs is approved by it."""
        one = self.company(at)
        first = min(one.administrators)
        self.expect(
            who not in self.staff,
            lambda: services.add_member(
                organisation=one.row, user=self.users[who], role=role, by=self.users[first]
            ),
        )
        if who not in self.staff:
            one.let_in(who, role.value)

    @rule(at=place, data=st.data(), role=role)
    def change_role(self, at: int, data: Any, role: Any) -> None:
        one = self.company(at)
        who, by = data.draw(st.sampled_from(sorted(one.roles))), self.somebody(data, one.administrators)
        allowed = one.administered_by(by) and not (role == MEMBER and one.is_last(who))
        if one.roles[who] != role.value and role == ADMINISTRATOR:
            allowed = allowed and who not in self.staff
        self.expect(
            allowed,
            lambda: services.change_role(
                membership=membership(self.users[who], one.row), by=self.users[by], role=role
            ),
        )
        if allowed:
            one.roles[who] = role.value
            if role == MEMBER:
                self.no_longer_invites(one, who)

    @rule(at=place, data=st.data())
    def end(self, at: int, data: Any) -> None:
        """Leave, or remove somebody."""
        one = self.company(at)
        who = data.draw(st.sampled_from(sorted(one.roles)))
        by = self.somebody(data, {who, *one.administrators})
        allowed = (by == who or one.administered_by(by)) and not one.is_last(who)
        self.expect(
            allowed,
            lambda: services.end_membership(
                membership=membership(self.users[who], one.row), by=self.users[by]
            ),
        )
        if allowed:
            del one.roles[who]
            self.no_longer_invites(one, who)
            one.is_over(who)
            self.ended(who)

    @rule(at=place, by=person)
    def replace_key(self, at: int, by: str) -> None:
        one = self.company(at)
        old = one.row.key
        replaced = self.expect(
            one.administered_by(by), lambda: services.replace_key(organisation=one.row, by=self.users[by])
        )
        if replaced:
            one.row = replaced
            one.old_keys.append(old)

    @rule(at=place, data=st.data(), level=level, old=st.integers(0, 5))
    def share_by_key(self, at: int, data: Any, level: Level, old: int) -> None:
        """By the key, or now and then by an old one."""
        one = self.company(at)
        site = data.draw(st.sampled_from(sorted(self.sites, key=lambda name: name in self.own)))
        by = self.somebody(data, {who for who in PEOPLE if self.may_share(who, site)})
        by_old = bool(one.old_keys) and old == 0
        sent = self.expect(
            not by_old and one.holds.get(site, 0) < level and self.may_share(by, site),
            lambda: invitations.share_with_organisation(
                location=self.sites[site],
                by=self.users[by],
                key=one.old_keys[-1] if by_old else one.row.key,
                network="n",
                level=level,
            ),
        )
        if sent:
            self.offers[sent.pk] = Offer(site, self.companies.index(one), by, level)

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def accept(self, data: Any) -> None:
        pk = data.draw(st.sampled_from(sorted(self.offers)))
        offer = self.offers[pk]
        one = self.companies[offer.to]
        by = self.somebody(data, one.administrators)
        invitation = Invitation.objects.get(pk=pk)
        had = one.holds.get(offer.site, 0)
        allowed = one.administered_by(by) and had < offer.level and by not in self.staff
        self.expect(
            allowed,
            lambda: invitations_accepting.accept(
                invitation=invitation, by=self.users[by], nonce=invitation.nonce
            ),
        )
        if allowed:
            one.holds[offer.site] = offer.level
            del self.offers[pk]

    @precondition(lambda self: len(self.companies) == 3)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        """The newest one, once what nobody else manages is handed over to whoever deletes it."""
        one = self.companies[-1]
        who = self.somebody(data, one.administrators)
        user = self.users[who]
        allowed = one.administered_by(who)
        managed = {site for site, held in one.holds.items() if held == Level.MANAGE}
        # A company of support staff alone manages nothing for good.
        others = [other.holds for other in self.companies[:-1] if other.roles.keys() - self.staff]
        left = {
            site
            for site in managed - self.own.keys()
            if not any(holds.get(site) == Level.MANAGE for holds in others)
        }

        def close() -> None:
            closing.close_organisation(organisation=one.row, by=user, name=one.row.name)

        self.expect(allowed and not left, close)
        if not allowed or (left and who in self.staff):
            return
        if left:
            assert handover.hand_over(organisation=one.row, to=user, by=user) == len(left)
            self.own.update(dict.fromkeys(left, who))
            close()
        del self.companies[-1]
        self.offers = {pk: offer for pk, offer in self.offers.items() if offer.to != len(self.companies)}
        for member in one.roles:
            self.ended(member)

    # --- What must hold -------------------------------------------------------------------

    @invariant()
    def members_and_group_agree(self) -> None:
        assert_sound()
        for one in self.companies:
            rows = one.row.memberships.values_list("user__email", "role")
            assert {email.partition("@")[0]: role for email, role in rows} == one.roles

    @invariant()
    def everybody_sees_exactly_what_they_should(self) -> None:
        for name, user in getattr(self, "users", {}).items():
            seen = Location.objects.visible_to(User.objects.get(pk=user.pk))
            assert {location.name for location in seen} == self.sees(name), name
            managed = Location.objects.visible_to(user, Level.MANAGE)
            assert {location.name for location in managed} == {
                site for site in self.sites if self.may_share(name, site)
            }

    @invariant()
    def open_invitations_are_those_that_may_be_accepted(self) -> None:
        assert set(Invitation.objects.open().values_list("pk", flat=True)) == set(self.offers)
        invited = MemberInvitation.objects.open().values_list("organisation", "email", "role")
        assert {(pk, email.partition("@")[0], role) for pk, email, role in invited} == {
            (one.row.pk, who, seat.role) for one in self.companies for who, seat in one.invited.items()
        }
        wishes = AccessRequest.objects.with_all().exclude(member_invitation=None)
        assert {
            (one.row.pk, *wish, {"over": "refused", "stale": "pending", "open": "pending"}.get(state, state))
            for one in self.companies
            for wish, state in one.wishes.items()
        } == {
            (
                one.member_invitation.organisation_id,
                one.user.email.partition("@")[0],
                one.member_invitation.email.partition("@")[0],
                one.state,
            )
            for one in wishes.filter(member_invitation__organisation__closed_at=None)
        }
        # Whom nobody answered was answered as soon as there was nothing to wait for.
        open_ones = [
            (one.row.pk, *wish)
            for one in self.companies
            for wish, state in one.wishes.items()
            if state == "open"
        ]
        assert wishes.open().count() == len(open_ones)
        asking = JoinRequest.objects.filter(state="pending").values_list("organisation", "user__email")
        assert {(pk, email.partition("@")[0]) for pk, email in asking} == {
            (one.row.pk, who) for one in self.companies for who in one.asking
        }

    @invariant()
    def only_the_present_keys_work(self) -> None:
        for one in self.companies:
            assert Organisation.objects.with_key(one.row.key).get() == one.row
            for old in one.old_keys:
                assert not Organisation.objects.with_key(old).exists()


@pytest.fixture
def _empty(db: None) -> Iterator[None]:
    yield


@pytest.mark.usefixtures("_empty")
def test_whatever_people_do_everybody_sees_exactly_what_they_should() -> None:
    """Nobody sees a location they should not, and nobody lacks one they should see."""
    run_state_machine_as_test(
        People,
        settings=lives(12, steps=30, steps_by_hand=30),
    )
