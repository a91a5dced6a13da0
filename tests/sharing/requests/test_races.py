"""Two at once answer whoever asks to be let in, on PostgreSQL: one outcome, and nothing half done."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from locations.levels import Level
from locations.models import Access, Location
from portal.errors import Refusal
from portal.models import Activity, OutgoingEmail, Throttle
from sharing.access import removing
from sharing.invitations import services as invitations
from sharing.models import AccessRequest, Invitation
from sharing.requests import services as requests
from tests.cast import Cast, invite, make_cast, make_location, share
from tests.sharing.test_races import Act, at_once, split
from tests.tools import projected, projection, rounds_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ROUNDS = rounds_of(10)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, committed; nobody nudges a worker there is not."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    return make_cast()


def asked(cast: Cast, kind: str) -> Iterator[tuple[Location, AccessRequest]]:
    """Fresh places where the customer asks to be let in; afterwards everything must fit together."""
    for number in range(ROUNDS):
        Throttle.objects.all().delete()
        location = make_location(cast.installer, cast.firm, f"Race {number}")
        share(location, cast.installer, cast.operator)
        if kind == "approval":
            invitation = invite(location, cast.installer, cast.contractor)
            requests.ask_for_approval(invitation=invitation, by=cast.customer)
        else:
            requests.ask_for_access(number=location.pk, by=cast.customer, sentence="x", network="n")
            requests.look_up_due()
        request = AccessRequest.objects.with_all().order_by("-pk").first()
        assert request
        yield location, request
        request.refresh_from_db()
        inside = Access.objects.live().filter(location=location, user=cast.customer).count()
        told = OutgoingEmail.objects.filter(kind="request-approved", about=request.uuid).count()
        given = Activity.objects.filter(
            location_id=location.pk, verb__in=["approval_given", "request_approved"]
        )
        assert inside == told == given.count() == (request.state == "approved")
        assert projected(location) == projection(location)


def answers(verb: Any, request: AccessRequest, by: Any, **terms: Any) -> Act:
    """As a request does: everything read by itself, then one call."""

    def act() -> Any:
        mine = AccessRequest.objects.with_all().get(pk=request.pk)
        verb(request=mine, by=by, **terms)
        return verb.__name__

    return act


@pytest.mark.parametrize("kind", ["approval", "access"])
def test_approved_by_two_at_once(people: Cast, kind: str) -> None:
    for _location, request in asked(people, kind):
        acts = [answers(requests.approve, request, by) for by in (people.installer, people.colleague)] * 2
        won, lost = split(at_once(*acts))
        assert (len(won), len(lost)) == (1, 3)
        assert {str(each) for each in lost} == {"Somebody has answered this request meanwhile."}


@pytest.mark.parametrize("kind", ["approval", "access"])
def test_approved_and_refused(people: Cast, kind: str) -> None:
    for _location, request in asked(people, kind):
        won, lost = split(
            at_once(
                answers(requests.approve, request, people.installer),
                answers(requests.refuse, request, people.colleague),
            )
        )
        assert (len(won), len(lost)) == (1, 1)
        request.refresh_from_db()
        assert request.state == {"approve": "approved", "refuse": "refused"}[won[0]]


def test_approved_and_withdrawn(people: Cast) -> None:
    for _location, request in asked(people, "approval"):

        def withdraw(pk: int = request.invitation_id) -> bool:
            return invitations.withdraw(invitation=Invitation.objects.get(pk=pk), by=people.installer)

        approved, withdrawn = at_once(answers(requests.approve, request, people.colleague), withdraw)
        assert isinstance(approved, Refusal) != isinstance(withdrawn, Refusal)
        state = Invitation.objects.get(pk=request.invitation_id).state
        assert state == ("withdrawn" if isinstance(approved, Refusal) else "accepted")


def test_approved_while_the_approver_is_put_out(people: Cast) -> None:
    """Whoever lost Manage lets nobody in after it; whom they let in before it ends with them."""
    for location, request in asked(people, "access"):

        def put_out(location: Location = location) -> Any:
            access = Access.objects.live().get(location=location, user=people.operator)
            return removing.remove_access(access=access, by=people.installer, also_given_on=False)

        approved, removed = at_once(
            answers(requests.approve, request, people.operator, level=Level.VIEW), put_out
        )
        assert len(removed) == 1
        if isinstance(approved, Refusal):
            assert "no longer have the right" in str(approved)


def test_asked_twice_at_once(people: Cast) -> None:
    """One row, one letter to each, whichever way."""
    for number in range(ROUNDS):
        Throttle.objects.all().delete()
        location = make_location(people.installer, people.firm, f"Race {number}")
        invitation = invite(location, people.installer, people.contractor)
        by = people.customer
        about = {"number": location.pk, "by": by, "sentence": "x", "network": "n"}
        at_once(
            *[partial(requests.ask_for_approval, invitation=invitation, by=by)] * 2,
            *[partial(requests.ask_for_access, **about)] * 2,
        )
        at_once(requests.look_up_due, requests.look_up_due)
        assert AccessRequest.objects.filter(user=by, invitation=invitation).count() == 1
        assert AccessRequest.objects.filter(user=by, number=location.pk).count() == 1
        uuids = AccessRequest.objects.filter(invitation=invitation).values("uuid")
        assert OutgoingEmail.objects.filter(kind="approval-asked", about__in=uuids).count() == 1
        uuids = AccessRequest.objects.filter(number=location.pk).values("uuid")
        assert OutgoingEmail.objects.filter(kind="access-asked", about__in=uuids).count() == 1
