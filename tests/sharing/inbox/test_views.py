"""The Invitations page: what waits is answered there, what was sent is renewed and withdrawn."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from locations.levels import Level
from locations.services import archive_location
from organisations.inviting import invite as invite_members
from portal.models import User
from sharing.invitations import codes as invitations_codes
from sharing.transfers import services as transfers
from tests.cast import MEMBER, Cast, invite
from tests.pages import (
    invite_member,
    main_of,
    make_expired,
    said,
    signed_in,
    text_of,
)

pytestmark = pytest.mark.pages

INVITATIONS = "sharing:invitations"


def test_what_waits_is_answered_there(cast: Cast) -> None:
    """By the form every invitation has: accepted or declined with the same view."""
    into = invite_member(cast.firm, cast.installer, cast.operator.email)
    to_site = invite(cast.site, cast.installer, cast.operator)
    invite(cast.bait, cast.stranger, cast.customer)
    client = signed_in(cast.operator)
    page = client.get(reverse(INVITATIONS))
    assert 'Invitations<span class="count-badge">2</span>' in page.content.decode()
    assert "Havnevej 2 Installer shares it with you · Manage · 6 days left" in text_of(page)
    assert "Strøm &amp; Søn" in main_of(page) and "Vestkysten" not in main_of(page)
    for one, what in ((to_site, "decline"), (into, "accept")):
        assert f'value="{one.nonce}"' in main_of(page)
        where = reverse("sharing:invitation", args=[one.uuid])
        client.post(where, {"answer": what, "nonce": one.nonce})
    assert cast.firm.memberships.filter(user=cast.operator).exists()
    page = client.get(reverse(INVITATIONS))
    assert "Nothing waits for your answer." in text_of(page) and "count-badge" not in page.content.decode()


@pytest.mark.parametrize("why", ["archived", "support"])
def test_what_cannot_be_accepted_is_not_offered(cast: Cast, why: str) -> None:
    """Only the no: nobody can give an archived location, and support staff are given nothing."""
    invite(cast.site, cast.installer, cast.customer)
    client = signed_in(cast.customer)
    assert ">Accept<" in main_of(client.get(reverse(INVITATIONS)))
    if why == "archived":
        archive_location(location=cast.site, by=cast.installer)
    else:
        User.objects.filter(pk=cast.customer.pk).update(is_staff=True)
    page = main_of(client.get(reverse(INVITATIONS)))
    assert ">Accept<" not in page and ">No thanks<" in page


def test_becoming_owner_is_looked_at_before_it_is_accepted(cast: Cast) -> None:
    """The list leads to the page that says what changes for whom; there is no button beside the name."""
    found = transfers.start(location=cast.site, by=cast.installer, email=cast.customer.email)
    page = signed_in(cast.customer).get(reverse(INVITATIONS))
    assert "Installer invites you to become its Owner" in text_of(page)
    assert reverse("sharing:invitation", args=[found.uuid]) in main_of(page)
    assert found.nonce not in page.content.decode()


def test_what_was_sent_is_renewed_and_withdrawn_there(cast: Cast) -> None:
    to_site, late = invite(cast.site, cast.installer, cast.operator), make_expired(cast.site, cast.installer)
    into = invite_member(cast.firm, cast.installer)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    client = signed_in(cast.installer)
    words = text_of(client.get(reverse(INVITATIONS)))
    for one in ("operator@test.example", "new-member@test.example", "Invitation code", "Send a new one"):
        assert one in words
    for one in (to_site, late, into):
        sent = client.post(reverse("sharing:resend_mine", args=[one.uuid]), follow=True)
        assert f"Invitation sent to {one.email}." in said(sent)
        nonce = one.nonce
        one.refresh_from_db()
        assert one.nonce != nonce and one.is_live()
    for one in (to_site, late, into, code):
        gone = client.post(reverse("sharing:withdraw_mine", args=[one.uuid]), follow=True)
        assert "was withdrawn" in said(gone)
    assert "Nothing you have sent waits" in text_of(gone)
    refused = client.post(reverse("sharing:resend_mine", args=[to_site.uuid]), follow=True)
    assert "withdrawn meanwhile" in said(refused)
    assert client.post(reverse("sharing:withdraw_mine", args=[cast.site.uuid])).status_code == 404


def test_what_was_sent_is_paged(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sharing.inbox.listing.SENT_PAGE_SIZE", 1)
    invite(cast.site, cast.installer, cast.operator)
    invite_member(cast.firm, cast.installer)
    client = signed_in(cast.installer)
    first = client.get(reverse(INVITATIONS))
    older = client.get(reverse(INVITATIONS), {"after": first.context["page"].next})
    newer = client.get(reverse(INVITATIONS), {"before": older.context["page"].previous})
    assert 'rel="next"' in main_of(first) and 'rel="prev"' in main_of(older)
    assert first.context["page"] == newer.context["page"] != older.context["page"]


def test_the_menu_costs_one_query_and_none_where_it_is_not_shown(cast: Cast) -> None:
    invite_members(organisation=cast.firm, by=cast.installer, addresses=[cast.customer.email], role=MEMBER)
    client = signed_in(cast.customer)
    with CaptureQueriesContext(connection) as captured:
        client.get(reverse("organisations:new"))
    assert sum("UNION ALL" in query["sql"] for query in captured.captured_queries) == 1
    with CaptureQueriesContext(connection) as captured:
        client.get(reverse("health"))
    assert not any("UNION ALL" in query["sql"] for query in captured.captured_queries)
