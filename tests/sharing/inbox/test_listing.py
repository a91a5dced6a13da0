"""What waits for somebody and what they have sent: counted in one query, listed newest first."""

from datetime import timedelta
from typing import Any

import pytest

from locations.levels import Level
from organisations import inviting
from sharing.inbox import listing
from sharing.invitations import services as invitations
from sharing.models import Invitation
from sharing.requests import services as requests
from tests.cast import MEMBER, Cast, invite, make_location
from tests.pages import invite_member
from tests.tools import in_days

VIEW, CONFIGURE, MANAGE = Level


def test_the_count_of_what_waits(cast: Cast, django_assert_num_queries: Any) -> None:
    """Both kinds of invitations, for me and for what I administer, and accounts to approve. One query."""
    inviting.invite(organisation=cast.firm, by=cast.installer, addresses=[cast.operator.email], role=MEMBER)
    invite(cast.site, cast.installer, cast.operator)
    invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=VIEW
    )
    late = invite(make_location(cast.installer, cast.firm, "Late"), cast.installer, cast.operator)
    Invitation.objects.filter(pk=late.pk).update(invited_at=in_days(-8), expires_at=in_days(0))
    sent = invite(cast.site, cast.installer, cast.contractor, CONFIGURE)
    requests.ask_for_approval(invitation=sent, by=cast.customer)
    expected = {cast.operator: 3, cast.operator2: 1, cast.contractor: 1, cast.installer: 1, cast.stranger: 0}
    for person, count in expected.items():
        with django_assert_num_queries(1):
            assert listing.count_waiting(person).total() == count, person
        assert len(listing.page_of(person).waiting) + len(listing.asked(person).of) == count


def test_what_was_sent_newest_first_page_by_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across locations and organisations, both kinds; bait: what others sent, and what is settled."""
    monkeypatch.setattr(listing, "SENT_PAGE_SIZE", 2)
    own = [invite(cast.site, cast.installer, person) for person in (cast.operator, cast.customer)]
    own.append(invite_member(cast.firm, cast.installer))
    invite(cast.bait, cast.stranger, cast.operator)
    invite_member(cast.elsewhere, cast.stranger)
    settled = invite(cast.site, cast.installer, cast.contractor)
    invitations.withdraw(invitation=settled, by=cast.installer)
    for number, one in enumerate(own):
        type(one).objects.filter(pk=one.pk).update(invited_at=in_days(0) + timedelta(seconds=number))
    first = listing.page_of(cast.installer)
    assert first.sent == [own[2], own[1]] and not first.previous
    second = listing.page_of(cast.installer, after=first.next)
    assert second.sent == [own[0]] and not second.next
    assert listing.page_of(cast.installer, before=second.previous).sent == first.sent
    for nonsense in ("x", "2026-01-01~x", "x~" + "0" * 32, "1~x", f"{10**17}~" + "0" * 32):
        assert listing.page_of(cast.installer, after=nonsense) == first
