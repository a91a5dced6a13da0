"""Random lives of shares, against the model in `share_model`: people, pages, tables and record say the same.

After every step: who can see and do what is equal for the model, the rules, the pages and the database; the
permission rows are those of the Access rows; and the record explains every difference.

    EXAMPLES=5000 python -m pytest tests/sharing/test_share_machine.py      (or: make machine EXAMPLES=5000)
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from locations import archiving
from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from organisations import services as organisations
from portal import limits
from portal.errors import Refusal
from portal.models import Activity
from sharing.access import changing, removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import ADMINISTRATOR, MEMBER, make_location, make_person
from tests.organisations.tools import membership
from tests.pages import main_of, signed_in
from tests.sharing import share_model
from tests.sharing.share_model import DAY, NEVER, Offer, Way, World
from tests.tools import lives, projected, projection, undone

pytestmark = pytest.mark.heavy

# Pages are slow: after each fourth step somebody looks at one of theirs; what pages ask, after each.
PAGES_EVERY = 4

FIRM, NORD = "@firm", "@nord"
# Gitte is nobody here: never invited, never let in.
PEOPLE = ["anna", "bo", "carl", "dorte", "eva", "finn", "gitte"]
INVITED = PEOPLE[:-1]
anybody = st.sampled_from(INVITED)
house = st.sampled_from([FIRM, NORD])
level = st.sampled_from(list(Level))
# Ends stand half a day beside whole days: the clock moves by days and an hour, and never meets one.
seldom = st.sampled_from([False, False, False, False, False, True])
end = st.sampled_from([NEVER, NEVER, 2 * DAY - 12, 6 * DAY - 12, 10 * DAY - 12, 45 * DAY - 12])

# What there is when an example begins: the firm gave to Nord and to Eva, and they gave on.
GIVEN = [
    ("anna", NORD, Level.MANAGE),
    ("bo", "eva", Level.MANAGE),
    ("eva", "finn", Level.MANAGE),
]
TAKES = {NORD: "carl", "eva": "eva", "finn": "finn"}


class Stage:
    """The same people and organisations for all examples, each of which is undone."""

    def __init__(self) -> None:
        self.users = {name: make_person(f"{name}@test.example", name.capitalize()) for name in PEOPLE}
        self.clients = {name: signed_in(user) for name, user in self.users.items()}
        self.rows = {
            FIRM: organisations.create_organisation(name="Firm", by=self.users["anna"]),
            NORD: organisations.create_organisation(name="Nord", by=self.users["carl"]),
        }
        for name, member, by in ((FIRM, "bo", "anna"), (NORD, "dorte", "carl")):
            organisations.add_member(
                organisation=self.rows[name], user=self.users[member], role=MEMBER, by=self.users[by]
            )
        self.site = make_location(self.users["anna"], self.rows[FIRM], "The site")
        self.bait = make_location(self.users["gitte"], None, "Bait")
        self.begins = timezone.now().replace(microsecond=0)
        self.given = [self.share(*one) for one in GIVEN]

    def share(self, by: str, to: str, level: Level) -> tuple[int, int]:
        """An invitation that was accepted, and its access."""
        about: dict[str, Any] = {"location": self.site, "by": self.users[by], "level": level}
        if to in self.rows:
            sent = invitations.share_with_organisation(key=self.rows[to].key, network="n", **about)
        else:
            sent = invitations.share_with_person(email=self.users[to].email, **about)
        accepted = invitations_accepting.accept(invitation=sent, by=self.users[TAKES[to]], nonce=sent.nonce)
        return sent.pk, accepted.access_id


class Shares(RuleBasedStateMachine):
    """Seven people, two organisations, one location."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(undone())
        self.users, self.rows = self.stage.users, self.stage.rows
        self.names: dict[Any, str] = {row: name for name, row in (*self.users.items(), *self.rows.items())}
        self.world = World(
            {
                FIRM: share_model.Organisation({"anna": "administrator", "bo": "member"}),
                NORD: share_model.Organisation({"carl": "administrator", "dorte": "member"}),
            }
        )
        installed = self.world.give(FIRM, Level.MANAGE, "installed", "anna", None)
        installed.pk = self.stage.site.accesses.get(reason="installed").pk
        for (by, to, level), (sent, access) in zip(GIVEN, self.stage.given, strict=True):
            kind = "organisation" if to in self.rows else "person"
            offer = self.world.send(by, kind, to, level, NEVER)
            offer.pk = sent
            self.world.accept(offer, to).pk = access
        self.steps = 0
        self.look_at_the_record()

    @initialize(turn=st.integers(0, 83))
    def begin(self, turn: int) -> None:
        """With somebody's turn to look."""
        self.steps = turn

    def teardown(self) -> None:
        self.undo.close()

    # --- What the acts stand on -----------------------------------------------------------

    @property
    def site(self) -> Location:
        found: Location = Location.objects.get(pk=self.stage.site.pk)
        return found

    def access(self, way: Way) -> Access:
        found: Access = Access.objects.select_related("location", "user", "organisation").get(pk=way.pk)
        return found

    def row(self, offer: Offer) -> Any:
        model = Transfer if offer.kind == "owner" else Invitation
        return model.objects.with_all().get(pk=offer.pk)

    def moment(self, hours: float) -> datetime | None:
        """When that is on the clock of the database, which stands still while the model's moves."""
        return None if hours == NEVER else self.stage.begins + timedelta(hours=hours - self.world.now)

    def hours(self, moment: datetime | None) -> float:
        if moment is None:
            return NEVER
        return (moment - self.stage.begins).total_seconds() / 3600 + self.world.now

    def somebody(self, data: Any, likely: Iterable[str]) -> str:
        """One of these as a rule, and now and then just anybody: most acts should be allowed, not all."""
        return str(self.pick(data, PEOPLE, set(likely).__contains__))

    def pick(self, data: Any, things: Iterable[Any], likely: Callable[[Any], bool]) -> Any:
        """One of these things, rather one of the likely."""
        everything = list(things)
        rather = [one for one in everything if likely(one)] or everything
        return data.draw(st.sampled_from(everything if data.draw(seldom) else rather))

    def those(self, may: Callable[[str], bool]) -> list[str]:
        return [name for name in PEOPLE if may(name)]

    def expect(self, allowed: bool, act: Callable[[], Any]) -> Any:
        """The act must do what the model allows, and be refused where it does not."""
        if allowed:
            return act()
        with pytest.raises(Refusal):
            act()
        return None

    # --- Inviting -------------------------------------------------------------------------

    @rule(data=st.data(), level=level, ends=end)
    def invite(self, data: Any, level: Level, ends: float) -> None:
        """By e-mail or by key, anew or again."""
        world, by = self.world, self.somebody(data, self.those(self.world.may_share))
        ends = ends if ends == NEVER else ends + world.now

        def may(to: str) -> bool:
            return world.may_invite(by, kind_of(to), to, level, ends)

        to = self.pick(data, [*INVITED, *self.rows], lambda to: may(to) and not world.covers(to, level, ends))
        kind = kind_of(to)
        about: dict[str, Any] = {"location": self.site, "by": self.users[by], "level": level}
        about["access_ends_at"] = self.moment(ends)

        def act() -> Invitation:
            if kind == "person":
                return invitations.share_with_person(email=self.users[to].email, **about)
            return invitations.share_with_organisation(key=self.rows[to].key, network="n", **about)

        sent = self.expect(may(to), act)
        if sent:
            world.send(by, kind, to, level, ends).pk = sent.pk

    invite_another = invite

    @rule(data=st.data(), level=level, ends=end, once=st.booleans())
    def make_code(self, data: Any, level: Level, ends: float, once: bool) -> None:
        world, by = self.world, self.somebody(data, self.those(self.world.may_share))
        ends = ends if ends == NEVER else ends + world.now
        made = self.expect(
            world.may_share(by),
            lambda: invitations_codes.create_code(
                location=self.site,
                by=self.users[by],
                level=level,
                works_once=once,
                access_ends_at=self.moment(ends),
            ),
        )
        if made and world.code:
            assert (made[0].pk, made[1]) == (world.code.pk, False)
        elif made:
            world.expire(one for one in world.offers if one.kind == "code")
            world.send(by, "code", "", level, ends, once).pk = made[0].pk

    def an_offer(self, data: Any, to_settle: bool = False) -> Offer | None:
        if not self.world.offers:
            return None
        world = self.world

        def useful(offer: Offer) -> bool:
            return world.open(offer) and not (offer.to and world.covers(offer.to, offer.level, offer.ends))

        found: Offer = self.pick(data, world.offers, world.open if to_settle else useful)
        return found

    @precondition(lambda self: any(map(self.world.open, self.world.offers)))
    @rule(data=st.data(), for_organisation=st.booleans())
    def accept(self, data: Any, for_organisation: bool) -> None:
        world, offer = self.world, self.an_offer(data)
        assert offer
        administrators = [w for w in INVITED if offer.to in self.rows and self.runs(w, offer.to)]
        likely = administrators or ([offer.to] if offer.to in PEOPLE else INVITED)
        by = self.somebody(data, likely)
        if offer.kind == "code" and by == "gitte":
            return
        own = [name for name in self.rows if self.runs(by, name)]
        party = offer.to if offer.kind == "organisation" else by
        if offer.kind == "code" and for_organisation and own:
            party = own[0]
        allowed = world.may_accept(by, offer, party)
        row = self.row(offer)

        def act() -> Access:
            if offer.kind == "owner":
                return transfers_accepting.accept(transfer=row, by=self.users[by], nonce=row.nonce)
            organisation = self.rows.get(party)
            return invitations_accepting.accept(
                invitation=row, by=self.users[by], nonce=row.nonce, organisation=organisation
            ).access

        access = self.expect(allowed, act)
        if access:
            way = world.become_owner(offer) if offer.kind == "owner" else world.accept(offer, party)
            assert way.pk in (0, access.pk)
            way.pk = access.pk

    accept_again = accept_once_more = accept

    def runs(self, who: str, organisation: str) -> bool:
        return self.world.organisations[organisation].administered_by(who)

    @precondition(lambda self: any(map(self.world.open, self.world.offers)))
    @rule(data=st.data())
    def decline(self, data: Any) -> None:
        world, offer = self.world, self.an_offer(data, to_settle=True)
        assert offer
        by = self.somebody(data, [offer.to] if offer.to in PEOPLE else [])
        addressed = self.runs(by, offer.to) if offer.to in self.rows else by == offer.to
        verb = (
            transfers_accepting.TRANSFERS.decline
            if offer.kind == "owner"
            else invitations_accepting.SHARES.decline
        )
        row, allowed = self.row(offer), addressed and world.open(offer)
        self.expect(allowed, lambda: verb(invitation=row, by=self.users[by], nonce=row.nonce))
        if allowed:
            offer.state = "declined"

    @precondition(lambda self: self.world.offers)
    @rule(data=st.data())
    def withdraw(self, data: Any) -> None:
        world, offer = self.world, self.an_offer(data, to_settle=True)
        assert offer
        may = world.decides_who_owns if offer.kind == "owner" else lambda who: world.may_withdraw(who, offer)
        by = self.somebody(data, self.those(may))
        row = self.row(offer)

        def act() -> bool:
            if offer.kind == "owner":
                return transfers.withdraw(transfer=row, by=self.users[by])
            return invitations.withdraw(invitation=row, by=self.users[by])

        withdrawn = self.expect(may(by) and offer.state != "accepted", act)
        if withdrawn is not None:
            assert withdrawn == (offer.state in ("pending", "expired"))
            offer.state = "withdrawn" if withdrawn else offer.state

    @precondition(lambda self: any(offer.kind != "code" for offer in self.world.offers))
    @rule(data=st.data())
    def resend(self, data: Any) -> None:
        world = self.world
        offer = self.pick(
            data, [o for o in world.offers if o.kind != "code"], lambda o: o.state != "accepted"
        )
        row = self.row(offer)
        if offer.kind == "owner":
            by = self.somebody(data, self.those(world.decides_who_owns))
            # Also to oneself, where it waits for somebody who has become one of those who decide.
            allowed = world.may_hand_over(by, offer.to, but=by) and offer.state in ("pending", "expired")
            if self.expect(allowed, lambda: transfers.renew(transfer=row, by=self.users[by])):
                world.hand_over(by, offer.to)
            return
        by = self.somebody(data, self.those(lambda who: world.may_renew(who, offer)))
        if self.expect(
            world.may_resend(by, offer), lambda: invitations.renew(invitation=row, by=self.users[by])
        ):
            world.send(by, offer.kind, offer.to, offer.level, offer.ends)

    # --- Access ---------------------------------------------------------------------------

    @rule(data=st.data(), also=st.booleans(), let_stand=seldom)
    def remove(self, data: Any, also: bool, let_stand: bool) -> None:
        """Put out or leave; what is over already is told alike to whoever asks."""
        world = self.world
        way = self.pick(
            data, world.ways, lambda way: world.holds(way) and way.reason not in share_model.STANDING
        )
        by = self.somebody(data, self.those(lambda who: world.may_end(who, way)))
        access = self.access(way)
        gone = self.expect(
            world.may_end(by, way) or not world.holds(way),
            lambda: removing.remove_access(
                access=access, by=self.users[by], also_given_on=also, let_stand=let_stand
            ),
        )
        if gone:
            wanted = [way, *(world.given_on_from(by, way) if also else [])]
            assert {each.pk for each in gone} == {each.pk for each in wanted}
            world.remove(by, way, also, let_stand)

    @rule(data=st.data(), level=level, ends=end, let_stand=seldom)
    def set_terms(self, data: Any, level: Level, ends: float, let_stand: bool) -> None:
        world = self.world
        shares = [way for way in world.live if way.reason not in share_model.STANDING]
        way = self.pick(data, world.ways, shares.__contains__)
        ends = ends if ends == NEVER else ends + world.now
        likely = self.those(lambda who: world.may_change(who, way) or world.may_lower(who, way))
        by, access = self.somebody(data, likely), self.access(way)
        if self.expect(
            world.may_set(by, way, level, ends),
            lambda: changing.change_terms(
                access=access,
                by=self.users[by],
                level=level,
                ends_at=self.moment(ends),
                let_stand=let_stand,
            ),
        ):
            world.set_terms(by, way, level, ends, let_stand)

    @precondition(lambda self: any(way.ends != NEVER for way in self.world.ways))
    @rule(data=st.data())
    def extend(self, data: Any) -> None:
        """By thirty days, but no further than one's own; that is what was wanted where it gives more."""
        world = self.world
        way = self.pick(data, [way for way in world.ways if way.ends != NEVER], world.holds)
        by = self.somebody(data, self.those(lambda who: world.may_change(who, way)))
        source, access = world.shares_by(by), self.access(way)
        allowed = world.may_change(by, way) and not world.archived and source is not None
        allowed = allowed and source.ends > way.ends
        extended = self.expect(
            allowed,
            lambda: changing.extend(access=access, by=self.users[by], known_end=access.ends_at),
        )
        if extended:
            # Thirty days at the same time of day: the clocks may have been changed within them.
            ends = min(way.ends + 30 * DAY, source.ends)
            found = self.hours(Access.objects.get(pk=way.pk).ends_at)
            assert abs(found - ends) <= 1
            world.set_terms(by, way, way.level, found)

    # --- Handing over ---------------------------------------------------------------------

    @rule(data=st.data())
    def hand_over(self, data: Any) -> None:
        world, by = self.world, self.somebody(data, self.those(self.world.decides_who_owns))
        to = self.pick(data, INVITED, lambda to: world.may_hand_over(by, to))
        sent = self.expect(
            world.may_hand_over(by, to),
            lambda: transfers.start(location=self.site, by=self.users[by], email=self.users[to].email),
        )
        if sent:
            world.hand_over(by, to).pk = sent.pk

    # --- Organisations, the location, the clock -------------------------------------------

    @rule(data=st.data(), at=house, role=st.sampled_from([ADMINISTRATOR, MEMBER, None]), who=anybody)
    def change_members(self, data: Any, at: str, role: Any, who: str) -> None:
        """Let in, give another role, leave, put out; or take shares no longer, and again."""
        one = self.world.organisations[at]
        first = next(name for name in one.roles if one.administered_by(name))
        by = data.draw(st.sampled_from([first, who])) if role is None else first
        allowed = who in one.roles and not (one.is_last(who) and role in (None, MEMBER))
        if who not in one.roles and role is not None:
            organisations.add_member(
                organisation=self.rows[at], user=self.users[who], role=role, by=self.users[by]
            )
            self.world.join(at, who, role.value)
        elif who not in one.roles:
            one.accepts_shares = not one.accepts_shares
            organisations.change_organisation(
                organisation=self.rows[at], by=self.users[first], accepts_shares=one.accepts_shares
            )
        elif allowed and role is None:
            place = membership(self.users[who], self.rows[at])
            organisations.end_membership(membership=place, by=self.users[by])
            self.world.leave(at, who, put_out=by != who)
        elif allowed:
            place = membership(self.users[who], self.rows[at])
            organisations.change_role(membership=place, by=self.users[by], role=role)
            one.roles[who] = role.value

    @rule(data=st.data())
    def put_away(self, data: Any) -> None:
        """Archive, now and then; restore soon; and those who only manage it try."""
        world, by = self.world, self.somebody(data, self.those(self.world.may_archive))
        if world.archived or data.draw(seldom):
            allowed, archived = world.may_archive(by), not world.archived
            verb = locations.archive_location if archived else locations.restore_location
            self.expect(allowed, lambda: verb(location=self.site, by=self.users[by]))
            world.archived = archived if allowed else world.archived

    set_other_terms = set_terms

    @rule(days=st.sampled_from([0, 1, 2, 4, 8]), works=st.booleans())
    def let_time_pass(self, days: int, works: bool) -> None:
        """Everything in the tables is that much longer ago; and perhaps a worker runs, which changes nothing
        of what anybody may do.
        """
        passed = timedelta(days=days, hours=1)
        for model, names in DATES.items():
            model._default_manager.update(**{name: F(name) - passed for name in names})
        self.world.now += days * DAY + 1
        self.look_at_the_record()
        if works:
            withdrawing.settle_expired_invitations()
            transfers.settle_expired()
            locations.settle_ended_access()
            self.world.settle()

    # --- What must hold -------------------------------------------------------------------

    @invariant()
    def everybody_can_see_and_do_what_they_should(self) -> None:
        """By the rules, which pages and services ask; another person after each step."""
        world, site = self.world, self.site
        accesses = Access.objects.in_bulk([way.pk for way in world.ways])
        invitations = Invitation.objects.in_bulk([o.pk for o in world.offers if o.kind != "owner"])
        for name in self.in_turn():
            viewer = Viewer.of(self.users[name], site)
            assert (viewer.level or 0) == world.level(name), name
            assert viewer.may_share == world.may_share(name)
            assert viewer.decides_who_owns == world.decides_who_owns(name)
            may_archive = archiving.may_archive(self.users[name], site, viewer.level)
            assert may_archive == world.may_archive(name), name
            for way in world.ways:
                found = accesses[way.pk]
                may = [viewer.may_end(found), viewer.may_change(found), viewer.may_lower(found)]
                should = [world.may_end(name, way), world.may_change(name, way), world.may_lower(name, way)]
                assert may == should, (name, way)
            for offer in world.offers:
                if offer.kind != "owner":
                    row = invitations[offer.pk]
                    assert viewer.may_renew(row) == world.may_renew(name, offer), (name, offer)
                    assert viewer.may_withdraw(row) == world.may_withdraw(name, offer), (name, offer)

    @invariant()
    def the_tables_hold_what_they_should(self) -> None:
        world = self.world
        rows = Access.objects.filter(location=self.stage.site, ended_at=None).select_related("user")
        parties = {user.pk: name for name, user in self.users.items()}
        groups = {row.pk: name for name, row in self.rows.items()}
        assert {
            (
                a.pk,
                parties.get(a.user_id) or groups[a.organisation_id],
                a.level,
                a.reason,
                self.hours(a.ends_at),
            )
            for a in rows
        } == {(w.pk, w.party, w.level, w.reason, w.ends) for w in world.ways if not w.ended}
        assert set(Access.objects.live().filter(location=self.stage.site).values_list("pk", flat=True)) == {
            way.pk for way in world.live
        }
        for model, kinds in ((Invitation, ("person", "organisation", "code")), (Transfer, ("owner",))):
            found = set(model.objects.values_list("pk", "state"))
            assert found == {(o.pk, o.state) for o in world.offers if o.kind in kinds}
            if model is Invitation:
                levels = set(model.objects.values_list("pk", "level"))
                assert levels == {(o.pk, o.level) for o in world.offers if o.kind in kinds}
            opened = set(model.objects.open().values_list("pk", flat=True))
            assert opened == {o.pk for o in world.offers if o.kind in kinds and world.open(o)}
        # Rows whose end has come may stand until somebody tidies, on either side.
        assert lasting(projected(self.stage.site)) == lasting(projection(self.stage.site))

    @invariant()
    def pages_show_what_they_should(self) -> None:
        """The Locations list, or the Permissions tab, of somebody."""
        world, turn = self.world, self.steps // PAGES_EVERY
        if self.steps % PAGES_EVERY:
            return
        name = PEOPLE[turn % len(PEOPLE)]
        client, level = self.stage.clients[name], world.level(name)
        if turn % 3 == 0:
            listed = {one.name for one in client.get("/locations/").context["page"].locations}
            mine = {"Bait"} if name == "gitte" else set()
            assert listed == mine | ({"The site"} if level and not world.archived else set()), name
            return
        tab = client.get(reverse("sharing:permissions", args=[self.stage.site.uuid]))
        assert tab.status_code == (200 if level else 404), name
        if level:
            self.tab_shows(name, main_of(tab))

    def tab_shows(self, name: str, html: str) -> None:
        """Entries and waiting, each with the buttons this person should have."""
        world = self.world
        uuids = dict(Access.objects.values_list("uuid", "pk"))
        entries = {str(uuids[key]): row for key, row in rows_of(html, "access", uuids).items()}
        assert entries.keys() == {str(way.pk) for way in world.live}, name
        for way in world.live:
            shown = entries[str(way.pk)]
            assert ("/remove/" in shown, "<select" in shown) == (
                world.may_end(name, way),
                world.may_change(name, way),
            ), (name, way)
        sent = dict(Invitation.objects.values_list("uuid", "pk"))
        waiting = {sent[key]: row for key, row in rows_of(html, "invitation", sent).items()}
        shown_offers = [offer for offer in world.waiting() if offer.kind != "owner"]
        assert waiting.keys() == {offer.pk for offer in shown_offers}, name
        for offer in shown_offers:
            shown = waiting[offer.pk]
            assert ("/resend/" in shown) == world.may_renew(name, offer), (name, offer)
            assert ("/withdraw/" in shown) == world.may_withdraw(name, offer), (name, offer)

    @invariant()
    def the_record_explains_every_difference(self) -> None:
        """Whatever differs from before the step has an entry of this step that says how it is now."""
        before, last = self.seen, self.last_entry
        self.look_at_the_record()
        told = {}
        for entry in Activity.objects.filter(pk__gt=last, location_id=self.stage.site.pk).order_by("pk"):
            key = (
                entry.details.get("access")
                or entry.details.get("invitation")
                or entry.details.get("transfer")
            )
            told[key] = entry
        for key in before.keys() | self.seen.keys():
            if before.get(key) == self.seen.get(key):
                continue
            assert key in told, (key, before.get(key), self.seen.get(key))
            details = told[key].details
            if "access" in details:
                now = self.seen.get(key)
                said = None if details["ended"] else (details["level"], details["ends_at"])
                assert said == now, (key, told[key].verb)

    def look_at_the_record(self) -> None:
        """What there is now, by the id that the record calls it by."""
        live = Access.objects.filter(location=self.stage.site, ended_at=None)
        self.seen: dict[str, Any] = {
            str(uuid): (level, ends and ends.isoformat())
            for uuid, level, ends in live.values_list("uuid", "level", "ends_at")
        }
        for model in (Invitation, Transfer):
            rows = model.objects.values_list("uuid", "state", "nonce")
            self.seen |= {str(uuid): rest for uuid, *rest in rows}
        self.last_entry = Activity.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.steps += 1

    def in_turn(self) -> list[str]:
        return [PEOPLE[self.steps % len(PEOPLE)]]


DATES: dict[Any, tuple[str, ...]] = {
    Access: ("since", "ends_at", "ended_at"),
    LocationUserPermission: ("ends_at",),
    LocationGroupPermission: ("ends_at",),
    Invitation: ("invited_at", "expires_at", "access_ends_at", "settled_at"),
    Transfer: ("invited_at", "expires_at", "settled_at"),
}


def lasting(rows: set[tuple[str, int, str, Any]]) -> set[tuple[str, int, str, Any]]:
    """Those that are not over."""
    return {row for row in rows if row[3] is None or row[3] > timezone.now()}


def kind_of(to: str) -> str:
    return "organisation" if to.startswith("@") else "person"


NAMES_IN_RECORD = ("access", "invitation", "transfer")


def rows_of(html: str, kind: str, uuids: dict[Any, int]) -> dict[Any, str]:
    """The HTML of each entry of a tab, by uuid."""
    known = {str(uuid): uuid for uuid in uuids}
    parts = re.split(rf'id="{kind}-([0-9a-f-]{{36}})"', html)
    return {
        known[key]: part.partition("</li>")[0] for key, part in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.fixture
def stage(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """How often somebody tries is no part of this."""
    monkeypatch.setattr(limits, "count", lambda *args, **kwargs: True)
    Shares.stage = Stage()
    yield


@pytest.mark.usefixtures("stage")
def test_whatever_becomes_of_shares_model_pages_tables_and_record_agree() -> None:
    run_state_machine_as_test(
        Shares,
        # As many steps as a minute has room for; by hand more.
        settings=lives(200, steps=8, steps_by_hand=20),
    )
