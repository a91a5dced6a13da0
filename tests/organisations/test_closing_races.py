"""Real threads on PostgreSQL: deleting an organisation against everything that could outlive it."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from locations import handover
from locations.models import Access, Location
from locations.permissions import Party
from organisations import services
from organisations.closing import close_organisation
from organisations.models import Organisation
from portal.errors import Refusal
from sharing.access import removing
from sharing.invitations import services as invitations
from sharing.permissions import Viewer
from tests.cast import MEMBER, Cast, accept, make_cast, make_location, make_person, share
from tests.organisations.test_races import ROUNDS, fresh, kinds
from tests.organisations.tools import assert_sound, at_once, forget_throttles

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    """Committed, so that every connection sees it; no broker is asked for anything."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    yield make_cast()


def emptied(crew: Cast, number: int) -> Organisation:
    """An organisation of two Administrators whose location the contractor manages too."""
    made = fresh(crew, number, (crew.operator2, "administrator"))
    share(site_of(made), crew.operator, crew.contractor)
    forget_throttles()
    return made


def site_of(organisation: Organisation) -> Location:
    return organisation.accesses.earliest("pk").location


def close(organisation: Organisation, crew: Cast, by: str = "operator") -> None:
    close_organisation(organisation=organisation, by=getattr(crew, by), name=organisation.name)


def managers(location: Location) -> set[Party]:
    rows = Access.objects.live().filter(location=location, level=3).select_related("user", "organisation")
    return {row.party for row in rows}


def test_two_administrators_delete_at_once(crew: Cast) -> None:
    for number in range(ROUNDS):
        made = emptied(crew, number)
        outcomes = at_once(
            lambda made=made: close(made, crew), lambda made=made: close(made, crew, "operator2")
        )
        assert kinds(outcomes) == ["done", "refused"]
        assert managers(site_of(made)) == {crew.contractor}
        assert_sound()


def test_against_a_share_to_it_by_key(crew: Cast) -> None:
    """The invitation is withdrawn or never sent."""
    for number in range(ROUNDS):
        made = emptied(crew, number)
        outcomes = at_once(
            lambda made=made: close(made, crew),
            lambda made=made: invitations.share_with_organisation(
                location=crew.site, by=crew.installer, key=made.key, network="n", level=1
            ),
        )
        assert outcomes[0] is None
        assert not isinstance(outcomes[1], Exception) or isinstance(outcomes[1], Refusal), outcomes[1]
        assert_sound()


def test_against_a_member_who_is_added_and_a_location_that_is_made(crew: Cast) -> None:
    """Nobody joins what is gone, and no location is left in it."""
    for number in range(ROUNDS):
        made = emptied(crew, number)
        outcomes = at_once(
            lambda made=made: close(made, crew),
            lambda made=made: services.add_member(
                organisation=made, user=crew.colleague, role=MEMBER, by=crew.operator2
            ),
            lambda made=made: make_location(crew.operator2, made, "New"),
        )
        created = not isinstance(outcomes[2], Exception)
        assert isinstance(outcomes[0], Refusal) is created, outcomes
        assert all(not isinstance(one, Exception) or isinstance(one, Refusal) for one in outcomes), outcomes
        assert_sound()


def test_against_the_other_managers_access_being_taken_away(crew: Cast) -> None:
    """Never both: somebody always manages the location."""
    for number in range(ROUNDS):
        made = emptied(crew, number)
        site = site_of(made)
        theirs = Access.objects.get(location=site, user=crew.contractor)
        outcomes = at_once(
            lambda made=made: close(made, crew),
            lambda theirs=theirs: removing.remove_access(access=theirs, by=crew.operator2),
        )
        assert all(one is None or isinstance(one, Refusal | list) for one in outcomes), outcomes
        assert managers(site) in ({crew.contractor}, {made})
        assert_sound()


def test_against_the_other_manager_leaving(crew: Cast) -> None:
    for number in range(ROUNDS):
        made = emptied(crew, number)
        site = site_of(made)
        theirs = Access.objects.get(location=site, user=crew.contractor)
        at_once(
            lambda made=made: close(made, crew),
            lambda theirs=theirs: removing.remove_access(access=theirs, by=crew.contractor),
        )
        assert managers(site) in ({crew.contractor}, {made})
        if managers(site) == {crew.contractor}:
            viewer = Viewer.of(crew.contractor, site)
            assert not all(viewer.may_end(access) for access in viewer.live)


def test_two_that_manage_one_location_are_deleted_at_once(crew: Cast) -> None:
    """One of them stays, and the location with it."""
    for number in range(ROUNDS):
        made = fresh(crew, number)
        heir = make_person(f"heir{number}@test.example")
        other = services.create_organisation(name=f"Other {number}", by=heir)
        invitation = invitations.share_with_organisation(
            location=site_of(made), by=crew.operator, key=other.key, network="n", level=3
        )
        accept(invitation, heir)
        outcomes = at_once(
            lambda made=made: close(made, crew),
            lambda other=other, heir=heir: close_organisation(organisation=other, by=heir, name=other.name),
        )
        assert kinds(outcomes) == ["done", "refused"]
        assert len(managers(site_of(made))) == 1
        assert_sound()


def test_handing_over_twice_at_once(crew: Cast) -> None:
    """Two Administrators give it to themselves: one of them has it."""
    for number in range(ROUNDS):
        made = fresh(crew, number, (crew.operator2, "administrator"))
        site = site_of(made)
        outcomes = at_once(
            *(
                lambda by=by, made=made: handover.hand_over(organisation=made, to=by, by=by)
                for by in (crew.operator, crew.operator2)
            )
        )
        assert sorted(map(str, outcomes)) == ["0", "1"]
        assert len(managers(site)) == 1
        assert_sound()


def test_creating_twice_at_once_from_one_form(crew: Cast) -> None:
    for number in range(ROUNDS):
        uuid = uuid4()
        outcomes = at_once(
            *[
                lambda uuid=uuid, number=number: services.create_organisation(
                    name=f"New {number}", by=crew.operator, uuid=uuid
                )
            ]
            * 3
        )
        assert {one.uuid for one in outcomes if isinstance(one, Organisation)} == {uuid}, outcomes
        assert kinds(outcomes) == ["done"] * 3
    assert_sound()
