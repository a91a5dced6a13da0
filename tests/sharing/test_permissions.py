"""Who may do what on the Permissions tab: every actor with every kind of access (product rule 3)."""

from dataclasses import dataclass

import pytest

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location
from organisations.models import Membership
from organisations.services import add_member
from portal.models import User
from sharing.access import changing, removing
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import Invitation
from sharing.permissions import Viewer, access_to_share_by, covering_access
from tests.cast import MEMBER, Cast, accept, invite, make_owner, make_person, share
from tests.tools import in_days

VIEW, CONFIGURE, MANAGE = Level


@dataclass
class House:
    """A location with every kind of access and invitation on it.

    firm ── contractor ── second ── third          (each gave to the next)
       ├─── operators ──── guest                   (given by the organisation's Member)
       ├─── configurer
       └─── viewer
    """

    location: Location
    people: dict[str, User]
    accesses: dict[str, Access]
    invitations: dict[str, Invitation]

    def viewer(self, name: str) -> Viewer:
        return Viewer.of(self.people[name], self.location)


@pytest.fixture
def house(cast: Cast) -> House:
    people = {
        name: getattr(cast, name)
        for name in (
            *("installer", "colleague", "operator", "operator2", "contractor", "customer"),
            *("stranger", "support"),
        )
    } | {
        name: make_person(f"{name}@test.example", name.capitalize())
        for name in ("second", "third", "guest", "configurer", "viewer", "clerk")
    }
    site, by = cast.site, cast.installer
    add_member(organisation=cast.operators, user=people["clerk"], role=MEMBER, by=cast.operator)
    to_operators = invitations.share_with_organisation(
        location=site, by=by, key=cast.operators.key, network="test", level=MANAGE
    )
    accesses = {
        "installed": site.accesses.get(reason="installed"),
        "owner": make_owner(site, cast.customer, by),
        "contractor": share(site, by, cast.contractor),
        "second": share(site, cast.contractor, people["second"]),
        "third": share(site, people["second"], people["third"], VIEW),
        "operators": accept(to_operators, cast.operator),
        "guest": share(site, people["clerk"], people["guest"], CONFIGURE),
        "configurer": share(site, by, people["configurer"], CONFIGURE),
        "viewer": share(site, by, people["viewer"], VIEW),
    }
    nobody = make_person("nobody1@test.example"), make_person("nobody2@test.example")
    sent = {
        "installer's": invite(site, by, nobody[0]),
        "second's": invite(site, people["second"], nobody[1]),
        "clerk's": invite(site, people["clerk"], make_person("nobody3@test.example")),
        "code": invitations_codes.create_code(location=site, by=cast.contractor, level=VIEW)[0],
    }
    return House(site, people, accesses, sent)


SHARES = {"contractor", "second", "third", "operators", "guest", "configurer", "viewer"}
NOTHING: set[str] = set()

# "Who may end whose access: the Owner anybody's; the installing party any share; whoever gave a share that
# share, and what was given on from it; the holder their own. The installing party's own access is ended only
# by the Owner or itself." The Owner's own goes by a transfer only.
MAY_END = {
    "customer": SHARES | {"installed"},
    "installer": SHARES | {"installed"},
    "colleague": SHARES,  # a Member does not give up what is the organisation's
    "contractor": {"contractor", "second", "third"},
    "second": {"second", "third"},
    "third": {"third"},
    "operator": {"operators", "guest"},
    "operator2": {"operators", "guest"},
    "clerk": {"guest"},
    "guest": {"guest"},
    "configurer": {"configurer"},
    "viewer": {"viewer"},
    "stranger": NOTHING,
    "support": NOTHING,
}
# A level is changed by whoever may take the share away, but not one's own.
MAY_CHANGE = {
    "customer": SHARES,
    "installer": SHARES,
    "colleague": SHARES,
    "contractor": {"second", "third"},
    "second": {"third"},
    "operator": {"guest"},
    "operator2": {"guest"},
    "clerk": {"guest"},
}
HAVE_MANAGE = {"customer", "installer", "colleague", "contractor", "second", "operator", "operator2", "clerk"}
# Whoever answers for an e-mail invitation: the Owner, the installing party, who sent it or whose access it
# was sent by, and who gave them that access (docs/rules.md). A leaked code is stopped by whoever has Manage.
MAY_WITHDRAW = {
    "customer": {"installer's", "second's", "clerk's", "code"},
    "installer": {"installer's", "second's", "clerk's", "code"},
    "colleague": {"installer's", "second's", "clerk's", "code"},
    "contractor": {"second's", "code"},
    "second": {"second's", "code"},
    "operator": {"clerk's", "code"},
    "operator2": {"clerk's", "code"},
    "clerk": {"clerk's", "code"},
}


def test_the_table_names_everybody(house: House) -> None:
    assert set(MAY_END) == set(house.people)
    assert set(house.accesses) == SHARES | {"installed", "owner"}


def test_who_may_end_whose_access(house: House) -> None:
    found = {
        name: {what for what, access in house.accesses.items() if house.viewer(name).may_end(access)}
        for name in house.people
    }
    assert found == MAY_END


def test_the_service_ends_exactly_what_the_rule_says(house: House) -> None:
    """The rule is asked by buttons and services alike: each pair is tried, and undone."""
    from django.db import transaction

    from portal.errors import Refusal

    ended: dict[str, set[str]] = {name: set() for name in house.people}
    for name, person in house.people.items():
        for what, access in house.accesses.items():
            with transaction.atomic():
                try:
                    gone = removing.remove_access(access=access, by=person, also_given_on=False)
                except Refusal:
                    continue
                assert [each.pk for each in gone] == [access.pk]
                ended[name].add(what)
                transaction.set_rollback(True)
    assert ended == MAY_END


def test_who_may_change_whose_level(house: House) -> None:
    found = {
        name: {what for what, access in house.accesses.items() if house.viewer(name).may_change(access)}
        for name in house.people
    }
    assert found == {name: MAY_CHANGE.get(name, NOTHING) for name in house.people}


def test_who_may_share_and_who_sees_addresses(house: House) -> None:
    """Manage is what sharing takes; those with less see no addresses of others (product rule 5)."""
    viewers = {name: house.viewer(name) for name in house.people}
    assert {name for name, viewer in viewers.items() if viewer.may_share} == HAVE_MANAGE
    assert {name for name, viewer in viewers.items() if viewer.may_see_addresses} == HAVE_MANAGE
    ways = {name for name, person in house.people.items() if access_to_share_by(person, house.location)}
    assert ways == HAVE_MANAGE


def test_who_may_withdraw_and_resend_which_invitation(house: House) -> None:
    may_withdraw, may_renew = {}, {}
    for name in house.people:
        viewer = house.viewer(name)
        may_withdraw[name] = {w for w, each in house.invitations.items() if viewer.may_withdraw(each)}
        may_renew[name] = {w for w, each in house.invitations.items() if viewer.may_renew(each)}
    assert may_withdraw == {name: MAY_WITHDRAW.get(name, NOTHING) for name in house.people}
    assert may_renew == {name: MAY_WITHDRAW.get(name, NOTHING) - {"code"} for name in house.people}


def test_levels_are_what_was_given(house: House) -> None:
    levels = {name: house.viewer(name).level for name in house.people}
    assert levels == {
        **dict.fromkeys(HAVE_MANAGE, MANAGE),
        **{"guest": CONFIGURE, "configurer": CONFIGURE, "third": VIEW, "viewer": VIEW},
        **{"stranger": None, "support": None},
    }


def test_who_owns_and_who_installed(house: House) -> None:
    viewers = {name: house.viewer(name) for name in house.people}
    assert {name for name, viewer in viewers.items() if viewer.is_owner} == {"customer"}
    assert {name for name, viewer in viewers.items() if viewer.is_installing_party} == {
        "installer",
        "colleague",
    }


def test_an_archived_location_cannot_be_shared_though_access_can_be_taken_away(
    house: House, cast: Cast
) -> None:
    """docs/rules.md: cannot be shared, accepted or changed."""
    house.location = archive_location(location=house.location, by=cast.installer)
    for name in house.people:
        viewer = house.viewer(name)
        assert not viewer.may_share
        assert not any(viewer.may_renew(each) for each in house.invitations.values())
        assert {w for w, each in house.accesses.items() if viewer.may_end(each)} == MAY_END[name]


def test_without_an_owner_the_installing_party_stays(cast: Cast) -> None:
    """Otherwise nobody would be left to manage the location (docs/rules.md)."""
    installed = cast.site.accesses.get()
    assert not Viewer.of(cast.installer, cast.site).may_end(installed)
    make_owner(cast.site, cast.customer, cast.installer)
    assert Viewer.of(cast.installer, cast.site).may_end(installed)
    assert Viewer.of(cast.customer, cast.site).may_end(installed)
    assert not Viewer.of(cast.colleague, cast.site).may_end(installed)


def test_a_recipient_with_manage_cannot_put_the_installer_or_the_owner_out(house: House) -> None:
    """Product rule 3, in so many words."""
    for name in HAVE_MANAGE - {"customer", "installer"}:
        assert not house.viewer(name).may_end(house.accesses["installed"]), name
    for name in house.people:
        assert not house.viewer(name).may_end(house.accesses["owner"]), name


def test_who_gave_a_share_and_lost_manage_takes_nothing_away(house: House, cast: Cast) -> None:
    """Taking access away is part of Manage (product rule 3, levels)."""
    changing.change_level(access=house.accesses["contractor"], by=cast.installer, level=CONFIGURE)
    viewer = house.viewer("contractor")
    assert {w for w, each in house.accesses.items() if viewer.may_end(each)} == {"contractor"}
    assert not any(viewer.may_withdraw(each) for each in house.invitations.values())


def test_an_ended_owner_or_installer_is_one_no_longer(house: House, cast: Cast) -> None:
    removing.remove_access(access=house.accesses["installed"], by=cast.customer, also_given_on=False)
    viewer = house.viewer("installer")
    assert (viewer.level, viewer.is_installing_party, viewer.may_share) == (None, False, False)
    Access.objects.filter(pk=house.accesses["owner"].pk).update(ends_at=in_days(-1))
    assert not house.viewer("customer").is_owner


def test_a_role_counts_as_it_is_now(house: House, cast: Cast) -> None:
    """A demoted Administrator no longer gives up the organisation's access; a promoted Member does."""
    own = house.accesses["operators"]
    Membership.objects.filter(user=cast.operator2).update(role=MEMBER)
    Membership.objects.filter(user=house.people["clerk"]).update(role=Membership.Role.ADMINISTRATOR)
    assert not house.viewer("operator2").is_own(own)
    assert house.viewer("operator2").holds(own)
    assert house.viewer("clerk").may_end(own)


def test_a_former_member_answers_for_nothing_the_organisation_gave(house: House, cast: Cast) -> None:
    membership = Membership.objects.get(user=cast.operator2)
    membership.delete()
    cast.operator2.groups.remove(cast.operators.group)
    viewer = house.viewer("operator2")
    assert viewer.level is None
    assert not any(viewer.may_end(each) for each in house.accesses.values())
    assert not any(viewer.may_withdraw(each) for each in house.invitations.values())


def test_asking_about_every_entry_takes_two_queries(house: House, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    """Level, accesses with roles; whatever the number of entries asked about."""
    with django_assert_num_queries(2):
        viewer = house.viewer("contractor")
        for access in house.accesses.values():
            viewer.may_end(access), viewer.may_change(access)
        for invitation in house.invitations.values():
            viewer.may_renew(invitation), viewer.may_withdraw(invitation)


# --- Ways to share and what covers what -------------------------------------------------------


def test_one_shares_by_the_longest_standing_way_with_manage(cast: Cast) -> None:
    first = share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    second = accept(code, cast.contractor)
    assert access_to_share_by(cast.contractor, cast.site) == second
    changing.change_level(access=first, by=cast.installer, level=MANAGE)
    assert access_to_share_by(cast.contractor, cast.site) == first
    removing.remove_access(access=first, by=cast.installer)
    assert access_to_share_by(cast.contractor, cast.site) == second
    Access.objects.filter(pk=second.pk).update(ends_at=in_days(0))
    assert access_to_share_by(cast.contractor, cast.site) is None


def test_what_covers_gives_as_much_for_as_long(cast: Cast) -> None:
    """Already has access means: at least this level, at least until then, by any way (product rule 4)."""
    end = in_days(5)
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=end)
    cases = [
        (VIEW, in_days(4), True),
        (VIEW, end, True),
        (CONFIGURE, in_days(4), True),
        (VIEW, in_days(6), False),
        (VIEW, None, False),
        (MANAGE, in_days(4), False),
    ]
    for level, ends_at, covers in cases:
        found = covering_access(cast.contractor, cast.site, level=level, ends_at=ends_at)
        assert found == (access if covers else None), (level, ends_at)
    Access.objects.filter(pk=access.pk).update(ends_at=None)
    assert covering_access(cast.contractor, cast.site, level=CONFIGURE, ends_at=None) == access


def test_an_organisations_access_covers_its_members_but_not_the_other_way_round(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.operator)
    assert covering_access(cast.operators, cast.site, level=VIEW, ends_at=None) is None
    assert covering_access(cast.colleague, cast.site, level=MANAGE, ends_at=None) is not None
    assert covering_access(cast.stranger, cast.site, level=VIEW, ends_at=None) is None
