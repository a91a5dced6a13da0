"""The life of shares of one location in plain Python, after the rules (product 3 and 4, docs/rules.md).

Written independently of the portal: no database, no Django, nothing imported from it. Time is hours since the
beginning. A person is a name, an organisation a name with "@" before it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

VIEW, CONFIGURE, MANAGE = 1, 2, 3
DAY, NEVER = 24.0, float("inf")
WEEK = 7 * DAY
STANDING = ("owner", "installed")


@dataclass(eq=False)
class Way:
    """One way in which one party has access."""

    party: str
    level: int
    reason: str
    by: str
    through: "Way | None" = None
    ends: float = NEVER
    ended: bool = False
    pk: int = 0


@dataclass(eq=False)
class Offer:
    """An invitation to a person or an organisation, or the code; or (`kind` owner) to become Owner."""

    kind: str
    to: str
    by: str
    until: float
    level: int = MANAGE
    ends: float = NEVER
    through: Way | None = None
    once: bool = False
    state: str = "pending"
    pk: int = 0


@dataclass
class Organisation:
    """Who belongs to it, and whether shares can be sent to it."""

    roles: dict[str, str]
    accepts_shares: bool = True

    def administered_by(self, who: str) -> bool:
        return self.roles.get(who) == "administrator"

    def is_last(self, who: str) -> bool:
        return [one for one in self.roles if self.administered_by(one)] == [who]


@dataclass
class World:
    """One location and everybody who has, had or wants something there."""

    organisations: dict[str, Organisation]
    ways: list[Way] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    archived: bool = False
    now: float = 0

    # --- Who sees and may do what ---------------------------------------------------------

    def holds(self, way: Way) -> bool:
        return not way.ended and way.ends > self.now

    @property
    def live(self) -> list[Way]:
        return [way for way in self.ways if self.holds(way)]

    def parties(self, who: str) -> set[str]:
        return {who} | {name for name, one in self.organisations.items() if who in one.roles}

    def of(self, who: str) -> list[Way]:
        """The ways by which this person sees the location now."""
        return [way for way in self.live if way.party in self.parties(who)]

    def level(self, who: str) -> int:
        return max((way.level for way in self.of(who)), default=0)

    def manages(self, who: str) -> bool:
        return self.level(who) == MANAGE

    def may_share(self, who: str) -> bool:
        return self.manages(who) and not self.archived

    def shares_by(self, who: str) -> Way | None:
        """The way somebody shares by: the one with Manage that lasts longest, of these the oldest."""
        ways = [way for way in self.of(who) if way.level == MANAGE]
        return min(ways, key=lambda way: (-way.ends, way.pk), default=None)

    def is_for(self, who: str, *reasons: str) -> bool:
        return any(way.reason in reasons for way in self.of(who))

    def decides_who_owns(self, who: str) -> bool:
        return self.is_for(who, *STANDING)

    def may_archive(self, who: str) -> bool:
        """Whoever decides about the whole of it, with Manage: it takes it from everybody (product 2)."""
        return self.manages(who) and self.is_for(who, *STANDING)

    @property
    def owner(self) -> str:
        return next((way.party for way in self.live if way.reason == "owner"), "")

    def is_own(self, who: str, way: Way) -> bool:
        """Theirs to give up: a person's own, an Administrator's organisation's."""
        if way.party in self.organisations:
            return self.organisations[way.party].administered_by(who)
        return way.party == who

    def gave(self, who: str, way: Way) -> bool:
        """They or a party of theirs gave it, or what it was given on from."""
        if way.by == who:
            return True
        source = way.through
        return source is not None and (source.party in self.parties(who) or self.gave(who, source))

    def may_end(self, who: str, way: Way) -> bool:
        if not self.holds(way) or not self.level(who) or way.reason == "owner":
            return False
        if way.reason == "installed":
            return self.is_for(who, "owner") or (self.is_own(who, way) and bool(self.owner))
        given = self.manages(who) and (self.decides_who_owns(who) or self.gave(who, way))
        return given or self.is_own(who, way)

    def may_change(self, who: str, way: Way) -> bool:
        return way.reason not in STANDING and way.party not in self.parties(who) and self.may_end(who, way)

    def may_lower(self, who: str, way: Way) -> bool:
        return way.reason not in STANDING and self.holds(way) and self.is_own(who, way)

    def answers_for(self, who: str, offer: Offer) -> bool:
        """The Owner and the installing party for all; others for what they, or a party of theirs, gave."""
        if self.decides_who_owns(who) or offer.by == who:
            return True
        source = offer.through
        return source is not None and (source.party in self.parties(who) or self.gave(who, source))

    def may_withdraw(self, who: str, offer: Offer) -> bool:
        return self.manages(who) and (offer.kind == "code" or self.answers_for(who, offer))

    def may_renew(self, who: str, offer: Offer) -> bool:
        return offer.kind != "code" and self.may_share(who) and self.answers_for(who, offer)

    # --- Invitations ----------------------------------------------------------------------

    def open(self, offer: Offer) -> bool:
        return offer.state == "pending" and offer.until > self.now

    @property
    def code(self) -> Offer | None:
        return next((one for one in self.offers if one.kind == "code" and self.open(one)), None)

    def covered(self, ways: Iterable[Way], level: int, ends: float) -> bool:
        """Whether one of these gives as much for as long already."""
        return any(way.level >= level and way.ends >= ends for way in ways)

    def covers(self, party: str, level: int, ends: float) -> bool:
        if party in self.organisations:
            return self.covered([way for way in self.live if way.party == party], level, ends)
        return self.covered(self.of(party), level, ends)

    def told_of(self, by: str, to: str) -> list[Way]:
        """The ways of somebody that whoever invites them may know of: personal, and of common parties."""
        return [way for way in self.of(to) if way.party == to or way.party in self.parties(by)]

    def may_invite(self, by: str, kind: str, to: str, level: int, ends: float) -> bool:
        """Whether an invitation on these terms is sent, new or again; it gives no longer than `by` has."""
        if not self.may_share(by) or to == by:
            return False
        ends = self.clipped(by, ends)
        if kind == "person" and self.covered(self.told_of(by, to), level, ends):
            return False
        if kind == "organisation":
            one = self.organisations[to]
            if self.covers(to, level, ends) or not one.accepts_shares:
                return False
        earlier = self.offer_to(kind, to)
        taken = earlier is not None and self.open(earlier) and not self.answers_for(by, earlier)
        return not taken and ends > self.now

    def may_resend(self, by: str, offer: Offer) -> bool:
        """To the same recipient on the same terms; not what was withdrawn."""
        ends = self.clipped(by, offer.ends)
        if not self.may_renew(by, offer) or offer.state == "withdrawn" or ends <= self.now:
            return False
        if offer.kind == "person":
            return not self.covered(self.told_of(by, offer.to), offer.level, ends)
        one = self.organisations[offer.to]
        return not self.covers(offer.to, offer.level, ends) and one.accepts_shares

    def clipped(self, by: str, ends: float) -> float:
        """Nobody gives for longer than they have."""
        source = self.shares_by(by)
        return min(ends, source.ends) if source else ends

    def offer_to(self, kind: str, to: str) -> Offer | None:
        return next((one for one in self.offers if (one.kind, one.to) == (kind, to)), None)

    def send(self, by: str, kind: str, to: str, level: int, ends: float, once: bool = False) -> Offer:
        """A new one, or the one this recipient has, with a life of its own."""
        offer = None if kind == "code" else self.offer_to(kind, to)
        if offer is None:
            offer = Offer(kind, to, by, 0)
            self.offers.append(offer)
        offer.ends = self.clipped(by, ends)
        offer.by, offer.level, offer.once, offer.state = by, level, once, "pending"
        offer.until = min(self.now + WEEK, offer.ends)
        offer.through = self.shares_by(by)
        return offer

    def may_accept(self, by: str, offer: Offer, party: str) -> bool:
        if not self.open(offer) or self.archived:
            return False
        if offer.kind == "owner":
            return by == offer.to and self.decides_who_owns(offer.by) and self.owner != by
        if offer.kind == "person" and by != offer.to:
            return False
        if party in self.organisations and not self.organisations[party].administered_by(by):
            return False
        ends = self.clipped(offer.by, offer.ends)
        return self.shares_by(offer.by) is not None and not self.covers(party, offer.level, ends)

    # --- What waits, and what nobody may come back by ----------------------------------------

    def settle_what_waits(self) -> None:
        """Who has as much by another way needs no invitation: it is withdrawn, run out or not."""
        for offer in self.offers:
            if offer.kind not in ("person", "organisation") or offer.state not in ("pending", "expired"):
                continue
            if self.covers(offer.to, offer.level, self.clipped(offer.by, offer.ends)):
                offer.state = "withdrawn"

    def take_back(self, lost: dict[str, int]) -> None:
        """Of whom somebody else has ended or lowered the access, who had these levels: what offers more than
        is left goes with it, or is lowered where something is left that does not last as long.
        """
        for offer in self.offers:
            # Run out or not: of many accepted at once, a worker may still be on its way.
            waits = self.open(offer) if offer.kind == "owner" else offer.state == "pending"
            if not waits or offer.to not in lost:
                continue
            ways = self.of(offer.to) if offer.to not in self.organisations else self.of_party(offer.to)
            left = max((way.level for way in ways), default=0)
            if left >= lost[offer.to] or (offer.kind != "owner" and offer.level <= left):
                continue
            lasting = any(way.level == left and way.ends >= offer.ends for way in ways)
            if offer.kind == "owner" or not left or lasting:
                offer.state = "withdrawn"
            else:
                offer.level = left

    def of_party(self, party: str) -> list[Way]:
        return [way for way in self.live if way.party == party]

    def accept(self, offer: Offer, party: str) -> Way:
        source = self.shares_by(offer.by)
        if offer.kind != "code" or offer.once:
            offer.state = "accepted"
        reason = {"person": "email"}.get(offer.kind, offer.kind)
        return self.give(party, offer.level, reason, offer.by, source, self.clipped(offer.by, offer.ends))

    def give(
        self, party: str, level: int, reason: str, by: str, through: Way | None, ends: float = NEVER
    ) -> Way:
        """One more way, in place of lesser ones for the same reason; where one gives as much, that one."""
        covering = self.replace_lesser(party, reason, level, ends)
        if covering:
            return covering
        way = Way(party, level, reason, by, through, ends)
        self.ways.append(way)
        self.settle_what_waits()
        return way

    def replace_lesser(
        self, party: str, reason: str, level: int, ends: float, but: Way | None = None
    ) -> Way | None:
        """The way for the same reason that gives as much for as long already, if there is one."""
        covering = None
        for way in self.ways:
            if way.ended or way is but or (way.party, way.reason) != (party, reason):
                continue
            if way.level <= level and way.ends <= ends:
                way.ended = True
            elif way.level >= level and way.ends >= ends:
                covering = way
        return covering

    # --- Taking back ----------------------------------------------------------------------

    def remove(self, by: str, way: Way, also_given_on: bool, let_stand: bool) -> None:
        ending = [way, *(self.given_on_from(by, way) if also_given_on else [])]
        theirs = self.parties(by)
        code = self.code
        lost = {each.party: 0 for each in ending if each.party not in theirs}
        for each in ending:
            if each.party in lost:
                lost[each.party] = max(lost[each.party], each.level)
            each.ended = True
        self.withdraw_of_those_who_lost()
        known = any(
            each.party not in theirs and (each.level == MANAGE or each.reason == "code") for each in ending
        )
        if code and known:
            code.state = "withdrawn"
        if not let_stand:
            self.take_back(lost)

    def given_on_from(self, by: str, way: Way) -> list[Way]:
        """What its party gave on, and those again; not of who can share by another way that stays."""
        ending = [way]
        for each in ending:
            if self.keeps_manage(each.party, ending):
                continue
            ending += [
                other
                for other in self.live
                if other.through
                and other.through.party == each.party
                and other not in ending
                and self.may_end(by, other)
            ]
        return ending[1:]

    def keeps_manage(self, party: str, ending: list[Way]) -> bool:
        return any(way.party == party and way.level == MANAGE for way in self.live if way not in ending)

    def withdraw_of_those_who_lost(self) -> None:
        for offer in self.offers:
            founded = (
                self.decides_who_owns(offer.by)
                if offer.kind == "owner"
                else self.shares_by(offer.by) is not None
            )
            if self.open(offer) and not founded:
                offer.state = "withdrawn"

    # --- Other terms ----------------------------------------------------------------------

    def may_set(self, by: str, way: Way, level: int, ends: float) -> bool:
        """Whether they may give it these terms: anything to what they gave, less to what is theirs."""
        if not self.holds(way) or not (self.may_change(by, way) or self.may_lower(by, way)):
            return False
        if (level, ends) == (way.level, way.ends):
            return True
        if ends <= self.now:
            return False
        if level <= way.level and ends <= way.ends:
            return True
        source = self.shares_by(by)
        if not self.may_change(by, way) or self.archived or source is None:
            return False
        return source.ends >= ends

    def set_terms(self, by: str, way: Way, level: int, ends: float, let_stand: bool = False) -> None:
        if (level, ends) == (way.level, way.ends):
            return
        lowered, given_on, had = level < way.level, self.given_on_from(by, way), way.level
        self.give_terms(way, level, ends)
        for each in given_on:
            if each.ends > ends:
                self.give_terms(each, each.level, ends)
        code = self.code
        self.withdraw_of_those_who_lost()
        if lowered and code and code.level > level:
            code.state = "withdrawn"
        if lowered and not let_stand and way.party not in self.parties(by):
            self.take_back({way.party: had})

    def give_terms(self, way: Way, level: int, ends: float) -> None:
        """Where another way of the same kind covers it wholly, this one ends."""
        if self.replace_lesser(way.party, way.reason, level, ends, but=way):
            way.ended = True
        else:
            way.level, way.ends = level, ends
        self.settle_what_waits()

    # --- Handing over ---------------------------------------------------------------------

    def may_hand_over(self, by: str, to: str, but: str = "") -> bool:
        """Not to oneself, `but` where it is sent again."""
        others = [one for one in self.offers if one.kind == "owner" and one.to != to]
        return (
            self.decides_who_owns(by)
            and not self.archived
            and to != self.owner
            and (to != by or but == by)
            and not any(self.open(one) for one in others)
        )

    def hand_over(self, by: str, to: str) -> Offer:
        self.expire(one for one in self.offers if one.kind == "owner" and one.to != to)
        offer = self.offer_to("owner", to)
        if offer is None:
            offer = Offer("owner", to, by, 0)
            self.offers.append(offer)
        offer.by, offer.state, offer.until = by, "pending", self.now + WEEK
        return offer

    def become_owner(self, offer: Offer) -> Way:
        """The earlier Owner loses what is personal, bar having installed it; the next one's is replaced."""
        offer.state = "accepted"
        earlier = self.owner
        for way in self.live:
            if way.party in (earlier, offer.to) and way.reason != "installed":
                way.ended = True
        owns = Way(offer.to, MANAGE, "owner", offer.by)
        self.ways.append(owns)
        self.settle_what_waits()
        code = self.code
        self.withdraw_of_those_who_lost()
        if earlier and code:
            code.state = "withdrawn"
        return owns

    # --- Organisations and time -----------------------------------------------------------

    def leave(self, organisation: str, who: str, put_out: bool) -> None:
        """What they have open and may no longer stand for ends; put out, the code they know too."""
        levels = [way.level for way in self.of_party(organisation)]
        had = any(way.level == MANAGE or way.reason == "code" for way in self.of_party(organisation))
        del self.organisations[organisation].roles[who]
        for offer in self.offers:
            if not self.open(offer):
                continue
            if offer.kind == "owner":
                lost = offer.by == who and not self.decides_who_owns(who)
            else:
                theirs = offer.by == who or (put_out and had and offer.kind == "code")
                lost = theirs and self.shares_by(who) is None
            if lost:
                offer.state = "withdrawn"
        if put_out and levels:
            self.take_back({who: max(levels)})

    def join(self, organisation: str, who: str, role: str) -> None:
        """What waits for them they may see as a member by now; where nothing does, nobody looks."""
        self.organisations[organisation].roles[who] = role
        waiting = any(
            one.to == who and (self.open(one) if one.kind == "owner" else one.state in ("pending", "expired"))
            for one in self.offers
        )
        if self.of_party(organisation) and waiting:
            self.settle_what_waits()

    def expire(self, offers: Iterable[Offer]) -> None:
        for offer in offers:
            if offer.state == "pending" and not self.open(offer):
                offer.state = "expired"

    def settle(self) -> None:
        """What a worker does: tidy, and change nothing of what anybody may."""
        self.expire(self.offers)
        for way in self.ways:
            way.ended = way.ended or not self.holds(way)

    def waiting(self) -> Iterator[Offer]:
        """What the tab lists as waiting: also what has run out, but not a code that has."""
        for offer in self.offers:
            if offer.state in ("pending", "expired") and (offer.kind != "code" or self.open(offer)):
                yield offer
