"""Another level, another end, thirty days more; and giving up part of one's own (product rule 3)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location
from organisations.services import add_member
from portal.models import Activity
from portal.verbs import Verb
from sharing.access import changing, removing
from sharing.permissions import Viewer
from tests.cast import MEMBER, Cast, accept, invite, make_owner, share
from tests.pages import make_code
from tests.tools import in_days, live, projected, projection, refused, state_of_everything

VIEW, CONFIGURE, MANAGE = Level


def end_of(access: Access) -> tuple[int, object]:
    access.refresh_from_db()
    return access.level, access.ends_at


def test_level_and_end_are_changed_together_and_recorded_from_what_to_what(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(5))
    old, new = access.ends_at, in_days(50)
    changing.change_terms(access=access, by=cast.colleague, level=CONFIGURE, ends_at=new)
    assert end_of(access) == (CONFIGURE, new)
    assert projected(cast.site) == projection(cast.site)
    entry = Activity.objects.get(verb=Verb.ACCESS_CHANGED)
    assert entry.details["changes"] == {
        "level": ["1", "2"],
        "ends_at": [old.isoformat(), new.isoformat()],
    }
    before = state_of_everything()
    changing.change_terms(access=access, by=cast.colleague, level=CONFIGURE, ends_at=new)
    assert state_of_everything() == before
    changing.change_terms(access=access, by=cast.colleague, level=CONFIGURE, ends_at=None)
    assert end_of(access) == (CONFIGURE, None)


def test_nobody_gives_beyond_their_own_end(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(20))
    given = share(cast.site, cast.contractor, cast.customer, VIEW, access_ends_at=in_days(5))
    for end in (in_days(21), None):
        with refused("nobody gives for longer than they have", field="access_ends"):
            changing.change_terms(access=given, by=cast.contractor, level=VIEW, ends_at=end)
    changing.change_terms(access=given, by=cast.contractor, level=MANAGE, ends_at=in_days(10))
    # The installing party has no end, and may give what the contractor could not.
    changing.change_terms(access=given, by=cast.installer, level=VIEW, ends_at=None)
    assert end_of(given) == (VIEW, None)


def test_a_time_that_is_over_is_no_end(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    with refused("This day has passed", field="access_ends"):
        changing.change_terms(access=access, by=cast.installer, level=MANAGE, ends_at=in_days(-1))


def test_an_archived_location_gives_nobody_more(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(5))
    archive_location(location=cast.site, by=cast.installer)
    for level, end in ((MANAGE, access.ends_at), (CONFIGURE, None)):
        with refused("has been archived"):
            changing.change_terms(access=access, by=cast.installer, level=level, ends_at=end)
    with refused("has been archived"):
        changing.extend(access=access, by=cast.installer, known_end=access.ends_at)
    tomorrow = in_days(1)
    changing.change_terms(access=access, by=cast.installer, level=VIEW, ends_at=tomorrow)
    assert end_of(access) == (VIEW, tomorrow)


def test_what_was_given_on_ends_with_it_at_the_latest(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    for_good = share(cast.site, cast.contractor, cast.customer, VIEW)
    sooner = share(cast.site, cast.contractor, cast.operator, VIEW, access_ends_at=in_days(3))
    end, soon = in_days(10), sooner.ends_at
    changing.change_terms(access=access, by=cast.installer, level=MANAGE, ends_at=end)
    assert [end_of(each) for each in (access, for_good, sooner)] == [(3, end), (1, end), (1, soon)]
    # Longer for one is not longer for the others: nobody asked for it.
    changing.change_terms(access=access, by=cast.installer, level=MANAGE, ends_at=None)
    assert [end_of(each) for each in (access, for_good)] == [(3, None), (1, end)]


def test_part_of_ones_own_is_given_up_and_nothing_more_taken(cast: Cast) -> None:
    end = in_days(30)
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=end)
    for level, ends_at in ((MANAGE, end), (CONFIGURE, None), (VIEW, in_days(31))):
        with refused("not give yourself more"):
            changing.change_terms(access=access, by=cast.contractor, level=level, ends_at=ends_at)
    sooner = in_days(7)
    changing.change_terms(access=access, by=cast.contractor, level=VIEW, ends_at=sooner)
    assert end_of(access) == (VIEW, sooner)
    # Not by the drop-down, which asks nothing first, and not by one click.
    for act in (
        lambda: changing.change_level(access=access, by=cast.contractor, level=VIEW),
        lambda: changing.extend(access=access, by=cast.contractor, known_end=sooner),
    ):
        with refused("not yours to change"):
            act()


def test_what_nobody_gave_has_neither_level_nor_end_to_choose(cast: Cast) -> None:
    owned = make_owner(cast.site, cast.customer, cast.installer)
    installed = cast.site.accesses.get(reason="installed")
    for by in (cast.installer, cast.customer, cast.stranger):
        for access in (owned, installed):
            with refused("not yours to change"):
                changing.change_terms(access=access, by=by, level=VIEW, ends_at=in_days(1))


def test_only_an_administrator_gives_up_what_is_the_organisations(cast: Cast) -> None:
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    code = make_code(cast.site, cast.installer, MANAGE)
    access = accept(code, cast.operator, cast.operators)
    with refused("not yours to change"):
        changing.change_terms(access=access, by=cast.customer, level=VIEW, ends_at=None)
    changing.change_terms(access=access, by=cast.operator, level=VIEW, ends_at=None)
    assert end_of(access) == (VIEW, None)


def test_lowering_ends_what_it_opened(cast: Cast) -> None:
    """Open invitations, and the code they may know."""
    access = share(cast.site, cast.installer, cast.contractor)
    made, code = (
        invite(cast.site, cast.contractor, cast.customer),
        make_code(cast.site, cast.installer, MANAGE),
    )
    changing.change_terms(access=access, by=cast.contractor, level=VIEW, ends_at=None)
    for each in (made, code):
        each.refresh_from_db()
        assert each.state == "withdrawn"


# --- Thirty days more -------------------------------------------------------------------------


def test_a_second_click_extends_nothing(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(5))
    known = access.ends_at
    for _ in range(3):
        now = changing.extend(access=access, by=cast.installer, known_end=known)
        assert now.ends_at - known >= timedelta(days=29, hours=22)
    changed = Activity.objects.filter(verb=Verb.ACCESS_CHANGED)
    assert [entry.details["changes"]["ends_at"] for entry in changed] == [
        [known.isoformat(), now.ends_at.isoformat()]
    ]


def test_a_last_day_stays_a_whole_day_over_a_change_of_the_clocks(cast: Cast) -> None:
    """Thirty days by the calendar, and midnight where the portal's clocks hang."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for days in (1, 120, 240, 330):
        end = timezone.make_aware(midnight + timedelta(days=days))
        access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=end)
        now = changing.extend(access=access, by=cast.installer, known_end=end)
        local = timezone.localtime(now.ends_at)
        assert local.replace(tzinfo=None) == midnight + timedelta(days=days + 30)


def test_extending_goes_as_far_as_ones_own(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(20))
    given = share(cast.site, cast.contractor, cast.customer, VIEW, access_ends_at=in_days(5))
    own = Access.objects.get(user=cast.contractor)
    now = changing.extend(access=given, by=cast.contractor, known_end=given.ends_at)
    assert now.ends_at == own.ends_at
    with refused("nobody gives for longer than they have"):
        changing.extend(access=given, by=cast.contractor, known_end=now.ends_at)


@pytest.mark.parametrize("days", [13, 15])
def test_it_ends_soon_within_two_weeks(cast: Cast, days: int) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(days))
    assert changing.ends_soon(access) is (days < 14)
    assert not changing.ends_soon(cast.site.accesses.get(reason="installed"))


def test_what_has_no_end_is_not_extended(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    before = state_of_everything()
    changing.extend(access=access, by=cast.installer, known_end=in_days(1))
    assert state_of_everything() == before
    assert not Viewer.of(cast.contractor, cast.site).may_change(access)


# --- The level alone --------------------------------------------------------------------------


def test_a_level_is_changed_at_once_and_on_the_record(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    made = invite(cast.site, cast.contractor, cast.stranger)
    changing.change_level(access=access, by=cast.installer, level=VIEW)
    assert live(cast.site) == {("Strøm & Søn", "installed", 3), ("Contractor", "email", 1)}
    made.refresh_from_db()
    assert made.state == "withdrawn"
    entry = Activity.objects.filter(verb=Verb.ACCESS_CHANGED).get()
    assert (entry.details["level"], entry.details["ended"]) == (1, False)
    before = state_of_everything()
    changing.change_level(access=access, by=cast.installer, level=VIEW)
    assert state_of_everything() == before


def test_a_level_keeps_the_end_it_had(cast: Cast) -> None:
    end = in_days(5)
    access = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=end)
    changing.change_level(access=access, by=cast.installer, level=MANAGE)
    access.refresh_from_db()
    assert (access.level, access.ends_at) == (MANAGE, end)


def test_a_level_is_not_changed_by_who_may_not(cast: Cast) -> None:
    owned = make_owner(cast.site, cast.customer, cast.installer)
    installed = cast.site.accesses.get(reason="installed")
    given = share(cast.site, cast.installer, cast.contractor)
    removed = share(cast.site, cast.installer, cast.operator)
    removing.remove_access(access=removed, by=cast.installer)
    cases = [
        (owned, cast.installer),
        (installed, cast.customer),
        (given, cast.contractor),
        (given, cast.stranger),
        (removed, cast.installer),
    ]
    for access, by in cases:
        with refused("not yours to change"):
            changing.change_level(access=access, by=by, level=VIEW)


def test_two_ways_for_one_reason_become_one_where_one_covers_the_other(cast: Cast) -> None:
    """Among ways for the same reason, one that gives no more and lasts no longer ends (0001)."""
    for_good = share(cast.site, cast.installer, cast.contractor, VIEW)
    for_now = share(cast.site, cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(5))
    assert live(cast.site) == {
        ("Strøm & Søn", "installed", 3),
        ("Contractor", "email", 1),
        ("Contractor", "email", 3),
    }
    changing.change_level(access=for_now, by=cast.installer, level=VIEW)
    for_now.refresh_from_db()
    for_good.refresh_from_db()
    assert (for_now.ended_at is None, for_good.ended_at is None) == (False, True)
    again = share(cast.site, cast.installer, cast.contractor, MANAGE, access_ends_at=in_days(5))
    changing.change_level(access=for_good, by=cast.installer, level=MANAGE)
    again.refresh_from_db()
    assert again.ended_at is not None
    assert live(cast.site) == {("Strøm & Søn", "installed", 3), ("Contractor", "email", 3)}


def test_access_whose_end_has_come_is_in_no_ones_way(cast: Cast) -> None:
    """No worker has tidied it, and the same is given anew: no constraint is hit."""
    old = share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(5))
    Access.objects.filter(pk=old.pk).update(ends_at=in_days(-1))
    share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(1))
    assert live(cast.site) == {("Strøm & Søn", "installed", 3), ("Contractor", "email", 1)}
