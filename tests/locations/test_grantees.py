"""By which organisation a location is there: exact sets, with bait (decision 0001)."""

from uuid import uuid4

import pytest

from locations.grantees import PERSONALLY, Ways
from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location, give_access
from organisations.services import add_member, create_organisation
from portal.models import Throttle
from sharing.access import removing
from tests.cast import MEMBER, Cast, make_location, share
from tests.locations.test_permissions import let_time_pass
from tests.tools import in_days


@pytest.fixture
def world(cast: Cast) -> Cast:
    """The contractor belongs to the firm and to the operators; what is the stranger's is bait."""
    by, firm, operators, me = cast.installer, cast.firm, cast.operators, cast.contractor

    def site(name: str, organisation: object = firm) -> Location:
        Throttle.objects.all().delete()
        return make_location(by if organisation is firm else cast.operator, organisation, name)  # type: ignore[arg-type]

    def to_operators(location: Location, **terms: object) -> Access:
        return give_access(
            location=location,
            party=operators,
            level=Level.VIEW,
            reason=Access.Reason.ORGANISATION,
            by=by,
            **terms,  # type: ignore[arg-type]
        )

    site("operators", operators)
    to_operators(site("both"))
    share(site("firm and I"), by, me)
    everything = site("all three")
    to_operators(everything)
    share(everything, by, me, Level.VIEW)
    to_operators(site("operators until yesterday"), ends_at=in_days(1))
    removing.remove_access(access=share(site("no longer mine"), by, me), by=by)
    share(make_location(cast.customer, None, "mine"), cast.customer, me)
    share(
        make_location(cast.customer, None, "mine until yesterday"),
        cast.customer,
        me,
        access_ends_at=in_days(1),
    )
    put_away = site("put away")
    to_operators(put_away)
    archive_location(location=put_away, by=by)
    let_time_pass(2)
    for organisation in (firm, operators):
        add_member(organisation=organisation, user=me, role=MEMBER, by=by)
    return cast


FIRM = {"Havnevej 2", "both", "firm and I", "all three", "operators until yesterday", "no longer mine"}
OPERATORS = {"operators", "both", "all three"}
MINE = {"firm and I", "all three", "mine"}


def ways_of(cast: Cast, by: object = "") -> Ways:
    return Ways.of(cast.contractor).only(str(by))


def test_each_way_shows_exactly_what_comes_by_it(world: Cast) -> None:
    """By page, by count and by search alike; archived ones stand apart."""
    expected = {world.firm.uuid: FIRM, world.operators.uuid: OPERATORS, PERSONALLY: MINE}
    expected[""] = FIRM | OPERATORS | MINE
    me = world.contractor
    for by, names in expected.items():
        ways = ways_of(world, by)
        page = Location.objects.visible_page(me, ways=ways)
        assert [location.name for location in page.locations] == sorted(names, key=str.casefold), by
        assert len(Location.objects.first_visible(me, ways=ways)) == len(names)
        found = Location.objects.found_by(me, "aarhus", ways=ways).filter(archived_at=None)
        assert {location.name for location in found} == names
        archived = Location.objects.visible_page(me, ways=ways, archived=True).locations
        assert [each.name for each in archived] == ([] if by == PERSONALLY else ["put away"])


@pytest.mark.parametrize("arms", [1, 4])
def test_a_narrowed_list_is_paged_in_order(world: Cast, monkeypatch: pytest.MonkeyPatch, arms: int) -> None:
    """There and back by keyset, whichever way it is read."""
    monkeypatch.setattr("locations.permissions.MOST_ARMS", arms)
    for by, names in ((world.firm.uuid, FIRM), ("", FIRM | OPERATORS | MINE)):
        ways = ways_of(world, by)
        page = Location.objects.visible_page(world.contractor, ways=ways, size=2)
        seen = [location.name for location in page.locations]
        while page.next:
            page = Location.objects.visible_page(world.contractor, ways=ways, size=2, after=page.next)
            seen += [location.name for location in page.locations]
        assert seen == sorted(names, key=str.casefold)


def test_each_row_says_all_the_ways_it_is_there(world: Cast) -> None:
    """Those that hold now; of other people's organisations and ways nothing, whatever the filter."""
    locations = list(Location.objects.visible_to(world.contractor))
    Location.objects.say_by_which(world.contractor, locations)
    assert {each.name: each.by_which for each in locations} == {
        "Havnevej 2": "Strøm & Søn",
        "both": "Nordlys · Strøm & Søn",
        "firm and I": "Strøm & Søn · you personally",
        "all three": "Nordlys · Strøm & Søn · you personally",
        "operators": "Nordlys",
        "operators until yesterday": "Strøm & Søn",
        "no longer mine": "Strøm & Søn",
        "mine": "you personally",
        "put away": "Nordlys · Strøm & Søn",
    }
    Location.objects.say_by_which(world.stranger, locations)
    assert not any(each.by_which for each in locations)


def test_an_organisation_that_is_not_ones_own_is_unknown(world: Cast) -> None:
    """Somebody else's, one that was left, one that never was and nonsense all give the whole list."""
    former = create_organisation(name="Former", by=world.operator)
    whole = ways_of(world)
    for by in (world.elsewhere.uuid, former.uuid, uuid4(), "x", "\0", "personally"):
        assert ways_of(world, by) == whole
    assert whole.chosen == "" and [str(one) for one in whole.organisations] == ["Nordlys", "Strøm & Søn"]


def test_in_fewer_than_two_organisations_there_is_nothing_to_choose(cast: Cast) -> None:
    for person in (cast.installer, cast.customer):
        ways = Ways.of(person)
        assert not ways.are_to_choose
        assert ways.only(PERSONALLY) == ways.only(str(cast.firm.uuid)) == ways
