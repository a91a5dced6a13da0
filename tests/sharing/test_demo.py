"""What `make run` shows: locations shared in each way, and each way in every state it can come to."""

import pytest
from django.db.models import Count

from locations.models import Access, Location
from organisations.models import JoinRequest, Organisation
from sharing.demo import fill
from sharing.models import Invitation


@pytest.mark.django_db
def test_the_demo_data_shows_each_kind_in_each_state() -> None:
    """Three organisations, some forty locations, every kind in every state, one person with two ways."""
    fill()
    assert (Organisation.objects.count(), Location.objects.count()) == (3, 40)
    states = {"pending", "accepted", "withdrawn", "expired"}
    expected = {(kind, state) for kind in ("person", "organisation", "code") for state in states}
    # Nobody declines a code: it is to nobody.
    expected |= {("person", "declined"), ("organisation", "declined")}
    assert set(Invitation.objects.values_list("kind", "state")) == expected
    assert JoinRequest.objects.filter(state="pending").exists()
    ways = Access.objects.live().filter(user__isnull=False).values("user", "location").annotate(n=Count("pk"))
    assert {way["n"] for way in ways} == {1, 2}
