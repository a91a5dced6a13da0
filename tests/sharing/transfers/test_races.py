"""Races of handing a location over, on PostgreSQL: one Owner, one outcome, nothing half done."""

from collections.abc import Iterator
from typing import Any

import pytest

from locations.levels import Level
from locations.models import Access, Location
from portal.errors import Refusal
from portal.invitations.answering import Situation
from portal.models import Activity, Throttle, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import codes as invitations_codes
from sharing.models import Transfer
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import Cast, make_cast, make_location, make_owner
from tests.sharing.replay import as_it_is, record_of, replay
from tests.sharing.test_races import Act, at_once, split
from tests.tools import projected, projection, rounds_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ROUNDS = rounds_of(12)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, committed; nobody nudges a worker there is not."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    return make_cast()


def rounds(cast: Cast) -> Iterator[Location]:
    """A fresh location of the customer's each time; afterwards everything must fit together."""
    for number in range(ROUNDS):
        Throttle.objects.all().delete()
        location = make_location(cast.installer, cast.firm, f"Race {number}")
        make_owner(location, cast.customer, cast.installer)
        yield location
        assert owners(location).count() == 1
        accepted = Transfer.objects.filter(location=location, state="accepted").count()
        told = Activity.objects.filter(location_id=location.pk, verb=Verb.TRANSFERRED).count()
        assert accepted == told == (owners(location).get().user != cast.customer)
        assert projected(location) == projection(location)
        assert replay(record_of(location)) == as_it_is(location)


def owners(location: Location) -> Any:
    return Access.objects.live().filter(location=location, reason="owner")


def started(location: Location, by: User, to: User) -> Transfer:
    return transfers.start(location=location, by=by, email=to.email)


def accepts(found: Transfer, by: User) -> Act:
    """As a request does: everything read by itself, then one call."""
    return lambda: transfers_accepting.accept(
        transfer=Transfer.objects.with_all().get(pk=found.pk), by=by, nonce=found.nonce
    )


def test_one_of_four_tabs_accepts(people: Cast) -> None:
    for location in rounds(people):
        found = started(location, people.customer, people.contractor)
        won, lost = split(at_once(*[accepts(found, people.contractor)] * 4))
        assert (len(won), len(lost)) == (1, 3)
        assert {each.data["situation"] for each in lost} == {Situation.HAS_ACCESS}
        assert owners(location).get().user == people.contractor


def test_accepted_or_withdrawn(people: Cast) -> None:
    for location in rounds(people):
        found = started(location, people.customer, people.contractor)

        def withdraws(found: Transfer = found) -> bool:
            mine = Transfer.objects.get(pk=found.pk)
            return transfers.withdraw(transfer=mine, by=people.installer)

        won, lost = split(at_once(accepts(found, people.contractor), withdraws))
        assert (len(won), len(lost)) == (1, 1)
        found.refresh_from_db()
        assert (found.state == "accepted") == (owners(location).get().user == people.contractor)


def test_accepted_or_sent_again(people: Cast) -> None:
    """The page that was seen counts: its code is dead once it is sent again, or it is answered."""
    for location in rounds(people):
        found = started(location, people.customer, people.contractor)

        def renews(found: Transfer = found) -> Transfer:
            return transfers.renew(transfer=Transfer.objects.get(pk=found.pk), by=people.installer)

        accepted, renewed = at_once(accepts(found, people.contractor), renews)
        now = Transfer.objects.get(pk=found.pk)
        if isinstance(accepted, Refusal):
            assert "renewed meanwhile" in str(accepted)
            assert (now.state, now.nonce != found.nonce) == ("pending", True)
        else:
            assert isinstance(renewed, Refusal)
            assert str(renewed) in (
                "contractor@test.example has answered meanwhile. Nothing was sent.",
                # The Owner is another one by now, and so may be who decides.
                "contractor@test.example is the Owner already.",
            )
            assert (now.state, now.nonce) == ("accepted", found.nonce)


def test_started_by_the_owner_and_accepted_by_the_next_at_once(people: Cast) -> None:
    """Transfer × transfer: whoever is Owner no longer hands nothing over."""
    for location in rounds(people):
        found = started(location, people.customer, people.contractor)
        accepted, begun = at_once(
            accepts(found, people.contractor),
            lambda location=location: started(location, people.customer, people.stranger),
        )
        assert not isinstance(accepted, Refusal)
        assert isinstance(begun, Refusal)
        assert str(begun) in (
            "contractor@test.example has been invited already. Withdraw that invitation first.",
            "Only the Owner and whoever installed the location can hand it over.",
        )


def test_two_are_started_at_once(people: Cast) -> None:
    """One address each: one of them is sent, and the other is told of it. The same address: one row."""
    for location in rounds(people):
        acts: list[Act] = [
            lambda location=location: started(location, people.customer, people.contractor),
            lambda location=location: started(location, people.installer, people.stranger),
        ]
        won, lost = split(at_once(*acts))
        assert (len(won), len(lost)) == (1, 1)
        assert str(lost[0]) == f"{won[0].email} has been invited already. Withdraw that invitation first."
        assert Transfer.objects.get(location=location).email == won[0].email
        again, refusals = split(
            at_once(*[lambda location=location: started(location, people.colleague, people.operator)] * 2)
        )
        assert (len(again), len(refusals)) == (0, 2)


def test_accepted_or_the_one_who_invited_is_put_out(people: Cast) -> None:
    """Whoever comes first: either the installing party is there until the new Owner ends it, or nothing."""
    for location in rounds(people):
        found = started(location, people.installer, people.contractor)
        installed = Access.objects.live().get(location=location, reason="installed")

        def puts_out(installed: Access = installed) -> object:
            return removing.remove_access(access=installed, by=people.customer)

        _won, lost = split(at_once(accepts(found, people.contractor), puts_out))
        found.refresh_from_db()
        stays = Access.objects.live().filter(location=location, reason="installed").exists()
        assert len(lost) == 1
        assert (found.state, stays) in (("accepted", True), ("withdrawn", False))


def test_accepted_while_the_earlier_owner_makes_a_code(people: Cast) -> None:
    """No code that the earlier Owner knows is left, whatever the order."""
    for location in rounds(people):
        found = started(location, people.customer, people.contractor)

        def makes_a_code(location: Location = location) -> object:
            return invitations_codes.create_code(location=location, by=people.customer, level=Level.MANAGE)

        won, _lost = split(at_once(accepts(found, people.contractor), makes_a_code))
        assert won
        assert not location.invitations.open().exists()
        assert owners(location).get().user == people.contractor
