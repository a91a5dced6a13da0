"""The record rebuilds what is, and holds no secret (product rule 6)."""

import random
from datetime import datetime
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.utils import timezone, translation

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from organisations.models import Organisation
from organisations.services import add_member
from portal import codes
from portal.activity.record import Origin, acting_from, record
from portal.activity.sentences import lines
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import Activity, Throttle, User
from portal.verbs import Verb
from sharing.access import changing, removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from sharing.permissions import Viewer
from tests.cast import MEMBER, Cast, accept, invite, make_location, make_owner, make_person, share
from tests.sharing.replay import as_it_is, replay
from tests.tools import in_days, projected, projection


class Walk:
    """A random walk of every service over two locations; keeps every code and key there ever was."""

    def __init__(self, cast: Cast, seed: int) -> None:
        self.chance = random.Random(seed)
        self.cast = cast
        self.people: list[User] = [
            *(cast.installer, cast.colleague, cast.operator, cast.operator2),
            *(cast.contractor, cast.customer, cast.stranger),
        ]
        self.organisations: list[Organisation] = [cast.firm, cast.operators, cast.elsewhere]
        self.places = [cast.site, make_location(cast.contractor, None, "Alone")]
        self.secrets = {organisation.key for organisation in self.organisations}
        self.done: dict[str, int] = {}

    def run(self, steps: int) -> None:
        acts = [getattr(self, name) for name in dir(self) if name.startswith("do_")]
        for _ in range(steps):
            Throttle.objects.all().delete()
            act = self.chance.choice(acts)
            try:
                act()
            except Refusal:
                continue
            except IndexError:
                continue  # nothing there to choose from
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
            self.secrets |= {invitation.code for invitation in Invitation.objects.all()}

    @property
    def who(self) -> User:
        return self.chance.choice(self.people)

    @property
    def place(self) -> Location:
        return self.chance.choice(self.places)

    @property
    def level(self) -> Level:
        return self.chance.choice(list(Level))

    @property
    def end(self) -> Any:
        return self.chance.choice([None, None, in_days(3), in_days(9)])

    @property
    def invitation(self) -> Invitation:
        return self.chance.choice(list(Invitation.objects.order_by("pk")))

    @property
    def access(self) -> Access:
        return self.chance.choice(list(Access.objects.filter(ended_at=None).order_by("pk")))

    def sharer(self, place: Location) -> User:
        return self.chance.choice([person for person in self.people if Viewer.of(person, place).may_share])

    def do_share_with_person(self) -> None:
        place = self.place
        invitations.share_with_person(
            location=place,
            by=self.sharer(place),
            email=self.who.email,
            level=self.level,
            access_ends_at=self.end,
        )

    def do_share_with_organisation(self) -> None:
        place = self.place
        invitations.share_with_organisation(
            location=place,
            by=self.sharer(place),
            key=self.chance.choice(self.organisations).key,
            network="n",
            level=self.level,
            access_ends_at=self.end,
        )

    def do_create_code(self) -> None:
        place = self.place
        invitations_codes.create_code(
            location=place,
            by=self.sharer(place),
            level=self.level,
            works_once=self.chance.random() < 0.5,
        )

    def do_show_code(self) -> None:
        invitations_codes.show_code(invitation=self.invitation, by=self.who)

    def do_renew(self) -> None:
        invitations.renew(invitation=self.invitation, by=self.who)

    def do_withdraw(self) -> None:
        if self.chance.random() < 0.4:
            invitations.withdraw(invitation=self.invitation, by=self.who)

    def _accept(self) -> None:
        waiting = list(Invitation.objects.open().order_by("pk"))
        invitation = self.chance.choice(waiting)
        by = self.who
        if invitation.kind == "person":
            by = EmailAddress.objects.get(email=invitation.email).user
        organisations = [None, *Organisation.objects.administered_by(by)]
        accept(invitation, by, self.chance.choice(organisations))

    do_accept = do_accept_more = do_accept_most = _accept

    def do_decline(self) -> None:
        invitation = self.invitation
        invitations_accepting.decline(invitation=invitation, by=self.who, nonce=invitation.nonce)

    def do_ask_for_new(self) -> None:
        invitations_accepting.ask_for_new(invitation=self.invitation, by=self.who)

    def do_remove_access(self) -> None:
        access = self.access
        enders = [person for person in self.people if Viewer.of(person, access.location).may_end(access)]
        removing.remove_access(
            access=access, by=self.chance.choice(enders), also_given_on=self.chance.random() < 0.5
        )

    def do_change_level(self) -> None:
        access = self.access
        changers = [p for p in self.people if Viewer.of(p, access.location).may_change(access)]
        changing.change_level(access=access, by=self.chance.choice(changers), level=self.level)

    def do_run_out(self) -> None:
        invitation = self.invitation
        if invitation.is_live() and self.chance.random() < 0.3:
            now = timezone.now().replace(microsecond=0)
            Invitation.objects.filter(pk=invitation.pk).update(invited_at=in_days(-7), expires_at=now)

    def do_settle(self) -> None:
        withdrawing.settle_expired_invitations()
        locations.settle_ended_access()

    def do_change_location(self) -> None:
        place = self.place
        locations.change_location(location=place, by=self.who, name=f"Vej {self.chance.randrange(99)}")

    def do_archive_and_restore(self) -> None:
        place, by = self.place, self.who
        locations.archive_location(location=place, by=by)
        locations.restore_location(location=place, by=by)

    def do_hand_over(self) -> None:
        if not Access.objects.filter(location=self.cast.site, reason="owner").exists():
            make_owner(self.cast.site, self.cast.customer, self.cast.installer)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_replaying_the_record_rebuilds_the_live_access_exactly(cast: Cast, seed: int) -> None:
    """And the permission rows are the projection of the same (quality.md, record)."""
    walk = Walk(cast, seed)
    for _ in range(5):
        walk.run(30)
        assert replay() == as_it_is()
        for location in Location.objects.all():
            assert projected(location) == projection(location)
    assert walk.done.keys() >= {"do_share_with_person", "do_create_code", "do_remove_access"}
    assert sum(count for name, count in walk.done.items() if "accept" in name) > 5


def test_access_that_ended_by_date_is_replayed_once_it_is_tidied(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(1))
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(-1))
    assert str(access.uuid) in replay()
    assert locations.settle_ended_access() == 1
    assert replay() == as_it_is()
    access.refresh_from_db()
    assert access.ended_at == access.ends_at
    entry = Activity.objects.latest("pk")
    assert (entry.verb, entry.actor_id) == (Verb.ACCESS_ENDED, None)


# --- No secret stands anywhere ----------------------------------------------------------------


def everything_written() -> dict[str, str]:
    """The text of every column of every table, by table."""
    texts = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            texts[table] = "\n".join(str(value) for row in cursor.fetchall() for value in row)
    return texts


def test_no_code_or_key_stands_in_any_column_of_any_table(cast: Cast) -> None:
    """A code or key stands in no database column; grouped, plain or lower-cased."""
    walk = Walk(cast, 4)
    walk.run(120)
    while outbox.deliver_due():
        pass
    key = cast.operators.key
    services_key = codes.normalise(key, length=16)
    assert services_key in walk.secrets
    wrong = codes.derive(purpose="a", subject="guess", nonce="", length=16)
    with pytest.raises(Refusal):
        invitations.share_with_organisation(
            location=cast.site, by=cast.installer, key=wrong, network="n", level=Level.VIEW
        )
    walk.secrets.add(wrong)
    assert len(walk.secrets) > 12
    texts = everything_written()
    assert {"portal_activity", "portal_outgoingemail", "sharing_invitation", "portal_throttle"} <= set(texts)
    # It finds what is there: the nonce and the digest stand in their columns.
    made = Invitation.objects.first()
    assert made and made.nonce in texts["sharing_invitation"]
    for table, text in texts.items():
        folded = text.upper().replace("-", "").replace(" ", "")
        for secret in walk.secrets:
            assert secret not in folded, (table, secret)


# --- Writing and reading it -------------------------------------------------------------------


def test_an_entry_says_who_when_through_what_and_from_where(cast: Cast) -> None:
    with acting_from(Origin(via="web", address="192.0.2.7")):
        entry = record(Verb.CODE_SHOWN, by=cast.installer, location=cast.site, kind="code")
    entry.refresh_from_db()
    assert (entry.actor_id, entry.actor_name) == (cast.installer.pk, "Installer")
    assert (entry.location_id, entry.location_name) == (cast.site.pk, "Havnevej 2")
    assert (entry.via, entry.address, entry.details) == ("web", "192.0.2.7", {"kind": "code"})
    after = record(Verb.CODE_SHOWN, by=None)
    assert (after.actor_id, after.actor_name, after.via, after.address) == (None, "", "system", "")


def test_an_entry_outlives_a_change_of_name(cast: Cast) -> None:
    locations.change_location(location=cast.site, by=cast.installer, name="New name")
    first = Activity.objects.filter(location_id=cast.site.pk).earliest("pk")
    assert first.location_name == "Havnevej 2"


def test_addresses_in_the_record_are_for_those_who_manage(cast: Cast) -> None:
    """Those with View see who did what, not how to reach them (product rule 5)."""
    nameless = make_person("nameless@test.example")
    share(cast.site, cast.installer, nameless)
    invite(cast.site, nameless, cast.contractor)
    entries = list(Activity.objects.filter(location_id=cast.site.pk).order_by("pk"))
    shown = str(lines(entries, may_see_addresses=True))
    assert "nameless@test.example" in shown
    assert "contractor@test.example" in shown
    masked = str(lines(entries, may_see_addresses=False))
    assert "nameless@" not in masked
    assert "contractor@" not in masked
    assert "n•••@test.example" in masked


def test_lines_say_what_changed_and_which_level(cast: Cast) -> None:
    locations.change_location(location=cast.site, by=cast.installer, main_fuse=35)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    invite(cast.site, cast.installer, cast.operator, Level.CONFIGURE)
    entries = Activity.objects.filter(location_id=cast.site.pk).order_by("pk")
    found = [
        (line.actor, line.what, line.level, line.changes) for line in lines(entries, may_see_addresses=True)
    ]
    assert found == [
        ("Installer", "created the location", "", []),
        ("Installer", "gave access", "Manage", []),
        ("Installer", "changed the location", "", [("main fuse (A)", "16", "35")]),
        ("Installer", "invited", "Configure", []),
    ]


def test_what_nobody_did_is_a_sentence_of_its_own(cast: Cast) -> None:
    """Neither "the portal" nor an empty name stands as who did it."""

    def said(verb: Verb, may_see_addresses: bool = True, **party: str) -> tuple[str, str]:
        entry = record(verb, by=None, location=cast.site, **party)
        line = lines([entry], may_see_addresses=may_see_addresses)[0]
        return line.actor, line.what

    address = {"party_address": "new@test.example"}
    assert said(Verb.INVITATION_EXPIRED, **address) == ("", "The invitation to new@test.example expired")
    assert said(Verb.INVITATION_EXPIRED, False, **address) == (
        "",
        "The invitation to n•••@test.example expired",
    )
    assert said(Verb.INVITATION_EXPIRED) == ("", "The invitation code expired")
    assert said(Verb.ACCESS_ENDED, party="Nordlys") == ("", "The access of Nordlys ended")
    assert said(Verb.ACCESS_CHANGED, party="Bo") == ("", "An earlier access of Bo was replaced")
    assert said(Verb.WRONG_CODE) == ("", "Somebody tried a code that had ended")
    assert said(Verb.INVITED, party="Bo") == ("The portal", "invited")


def test_a_change_of_level_or_end_says_from_what_to_what(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    end = timezone.make_aware(datetime(2027, 7, 1))
    locations.change_access(access=access, level=Level.MANAGE, ends_at=end, by=cast.installer)
    entry = Activity.objects.latest("pk")
    line = lines([entry], may_see_addresses=True)[0]
    assert (line.what, line.party, line.level) == ("changed access", "Contractor", "")
    assert line.changes == [("level", "View", "Manage"), ("until", "", "30 June 2027")]
    with translation.override("da"):
        assert lines([entry], may_see_addresses=True)[0].changes[0][1:] == ("Se", "Administrere")


def test_the_record_outlives_the_fields_it_tells_of(cast: Cast) -> None:
    entry = record(Verb.LOCATION_CHANGED, by=cast.installer, location=cast.site, changes={"gone": ["a", "b"]})
    assert lines([entry], may_see_addresses=True)[0].changes == [("gone", "a", "b")]
