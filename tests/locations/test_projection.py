"""What permission rows copy of a location stays right whoever writes at the same moment (issue 5, part 7).

Each pair of acts meets at its worst moment on purpose, on PostgreSQL: the second begins when the first has
read everything and is about to write the permission rows. It must wait for the lock on the location. With the
lock taken out the copies are wrong, which `manage.py check_access` finds and repairs: so the test can fail.
"""

import threading
from collections.abc import Callable
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from locations import handover, projection, services
from locations.levels import Level
from locations.models import Access, Location
from organisations.services import add_member, create_organisation, end_membership
from portal.models import User
from tests.cast import ADMINISTRATOR, Cast, accept, invite, make_cast
from tests.locations.test_drift import assert_projected

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

# How long the first act waits for the second: in vain, as that one waits for the lock that the first holds.
PATIENCE = 0.6


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, committed; nobody nudges a worker there is not."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    return make_cast()


def share(cast: Cast) -> None:
    accept(invite(cast.site, cast.installer, cast.contractor), cast.contractor)


def change_a_level(cast: Cast) -> None:
    (access,) = Access.objects.filter(location=cast.site, user=cast.operator)
    services.change_access(access=access, level=Level.MANAGE, ends_at=None, by=cast.installer)


def hand_over(cast: Cast) -> None:
    """The installing organisation changes hands."""
    handover.hand_over(organisation=cast.firm, to=cast.operators, by=cast.installer)


def rename(cast: Cast) -> None:
    services.change_location(location=cast.site, by=cast.installer, name="Åvej 3")


def move(cast: Cast) -> None:
    services.change_location(location=cast.site, by=cast.installer, street="Åvej 3")


def archive(cast: Cast) -> None:
    services.archive_location(location=cast.site, by=cast.installer)


def prepare(cast: Cast) -> None:
    """The operator has View, and the installer administers the organisation that may take over."""
    add_member(organisation=cast.operators, user=cast.installer, role=ADMINISTRATOR, by=cast.operator)
    services.give_access(
        location=cast.site,
        party=cast.operator,
        level=Level.VIEW,
        reason=Access.Reason.CODE,
        by=cast.installer,
    )


def meet(monkeypatch: pytest.MonkeyPatch, first: Callable[[], Any], second: Callable[[], Any]) -> None:
    """Do the second when the first is about to write permission rows; both are done afterwards."""
    failures: list[BaseException] = []

    def beside() -> None:
        try:
            second()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    other = threading.Thread(target=beside, daemon=True)
    work_out = projection._ends_by_level

    def interrupted(*args: Any) -> Any:
        if not other.ident:
            other.start()
            other.join(PATIENCE)
        return work_out(*args)

    monkeypatch.setattr(projection, "_ends_by_level", interrupted)
    first()
    assert other.ident, "the first act wrote no permission rows"
    other.join(20)
    assert not other.is_alive(), "they wait for each other"
    assert not failures, failures


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock on the location out, wherever it is taken."""

    def just_read(location: Location) -> Location:
        return Location.objects.get(pk=location.pk)

    monkeypatch.setattr(services, "lock_location", just_read)
    monkeypatch.setattr(handover, "_lock_locations_of", lambda organisation: None)


PAIRS = {
    "sharing, renaming": (share, rename),
    "sharing, archiving": (share, archive),
    "sharing, moving": (share, move),
    "changing a level, renaming": (change_a_level, rename),
    "handing over, renaming": (hand_over, rename),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_the_copies_stay_right(people: Cast, monkeypatch: pytest.MonkeyPatch, pair: str) -> None:
    prepare(people)
    meet(monkeypatch, *(partial(act, people) for act in PAIRS[pair]))
    assert_projected(people.site)
    assert check() == "Access, permissions, members and groups agree.\n"


@pytest.mark.parametrize("pair", PAIRS)
def test_without_the_lock_they_do_not_and_it_is_found_and_repaired(
    people: Cast, monkeypatch: pytest.MonkeyPatch, pair: str
) -> None:
    prepare(people)
    without_locks(monkeypatch)
    meet(monkeypatch, *(partial(act, people) for act in PAIRS[pair]))
    with pytest.raises(CommandError, match="They differ"):
        check()
    monkeypatch.undo()
    assert check("--repair").endswith("Mended; they agree now.\n")
    assert_projected(people.site)


def test_members_who_come_and_go_beside_a_share_see_what_their_membership_says(
    people: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an organisation has is copied to no member but follows from the group, so nothing can go stale."""
    prepare(people)
    meet(
        monkeypatch,
        lambda: services.give_access(
            location=people.site,
            party=create_organisation(name="New", by=people.customer),
            level=Level.VIEW,
            reason=Access.Reason.ORGANISATION,
            by=people.installer,
        ),
        lambda: come_and_go(people),
    )
    assert seen_by(people.customer) == {people.site.pk}
    assert seen_by(people.colleague) == set()
    assert seen_by(people.contractor) == {people.site.pk}
    assert check() == "Access, permissions, members and groups agree.\n"


def come_and_go(cast: Cast) -> None:
    end_membership(membership=cast.firm.memberships.get(user=cast.colleague), by=cast.installer)
    add_member(organisation=cast.firm, user=cast.contractor, role=ADMINISTRATOR, by=cast.installer)


def seen_by(user: User) -> set[int]:
    return set(Location.objects.visible_to(user).values_list("pk", flat=True))


def check(*options: str) -> str:
    """What the command says. Raises CommandError where it ends with 1."""
    said = StringIO()
    call_command("check_access", *options, stdout=said)
    return said.getvalue()
