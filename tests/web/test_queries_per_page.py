"""No page costs more than ten queries, whoever looks (figures: "no page above 10 queries")."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from organisations.inviting import invite as invite_members
from organisations.services import create_organisation
from portal.models import Throttle
from sharing.invitations import services as invitations
from sharing.requests import services as requests
from sharing.transfers import services as transfers
from tests.cast import MEMBER, make_location
from tests.pages import ROLES, Scene, Visitor
from tests.web.test_access_table import ROWS

MOST = 10

pytestmark = [pytest.mark.pages, pytest.mark.embedded]


@pytest.fixture
def full_scene(scene: Scene) -> Scene:
    """The installer belongs to two organisations, and of everything that can wait for somebody one does."""
    installer, stranger = scene.cast.installer, scene.cast.stranger
    create_organisation(name="Anden El", by=installer)
    invite_members(organisation=scene.cast.elsewhere, by=stranger, addresses=[installer.email], role=MEMBER)
    offered = make_location(stranger, scene.cast.elsewhere, "Offered")
    invitations.share_with_person(location=offered, by=stranger, email=installer.email, level=1)
    transfers.start(location=offered, by=stranger, email=installer.email)
    requests.ask_for_approval(invitation=scene.own.invitation, by=stranger)
    Throttle.objects.all().delete()
    return scene


def test_no_page_costs_more_than_ten_queries(full_scene: Scene) -> None:
    """Every address of the access table, as the installer, who may do most, or whoever else gets it.

    Through the whole of the middleware: session, person and what the menu counts are among the ten.
    """
    visitors = {role: Visitor(user) for role, user in full_scene.people.items()}
    costs: dict[str, int] = {}
    for name, row in ROWS.items():
        role = next((one for one in ("installer", *ROLES) if row.get[one] == 200), "")
        if not role:
            continue
        url = reverse(name, args=row.args(full_scene.own))
        visitors[role].client().get(url)
        with CaptureQueriesContext(connection) as queries:
            visitors[role].client().get(url).getvalue()
        costs[name] = len(queries)
    assert len(costs) > 40, "the pages are there"
    assert {name: cost for name, cost in costs.items() if cost > MOST} == {}
