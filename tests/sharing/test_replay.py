"""Replaying Activity rebuilds live access exactly, through every verb that touches it, step by step."""

from collections.abc import Callable
from typing import Any

import pytest

from locations import services as locations
from locations.handover import hand_over_and_close
from locations.levels import Level
from locations.models import Access, Location
from portal.accounts.deletion import close_account
from portal.activity.record import unwritten
from portal.models import Activity, OutgoingEmail, Throttle
from portal.signals import delivery_changed
from portal.verbs import Verb
from sharing.access import changing, removing
from sharing.permissions import Viewer
from sharing.requests import services as requests
from sharing.support import services as support
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from tests.cast import Cast, accept, invite, make_location, make_person, share
from tests.pages import invite_member, make_code
from tests.sharing.replay import ACCESS_VERBS, as_it_is, record_of, replay
from tests.tools import in_days

VIEW, CONFIGURE, MANAGE = Level


class Life:
    """Does one thing after the other, and compares after each."""

    def __init__(self, *places: Location) -> None:
        self.places = places

    def step(self, act: Callable[[], Any]) -> Any:
        Throttle.objects.all().delete()
        came = act()
        assert replay(record_of()) == as_it_is()
        for place in self.places:
            # The record of one location tells of it alone, and is enough.
            assert replay(record_of(place)) == as_it_is(place)
        return came


def test_a_whole_life_is_rebuilt_after_every_step(cast: Cast) -> None:
    """Every way in, every change, every way out, by hand, by date, by support, by deleting an account."""
    site, by = cast.site, cast.installer
    other = make_location(cast.contractor, None, "Alone")
    step = Life(site, other, cast.bait).step
    first = step(lambda: share(site, by, cast.contractor, VIEW, access_ends_at=in_days(5)))
    step(lambda: changing.change_level(access=first, by=by, level=MANAGE))
    step(lambda: changing.change_terms(access=first, by=by, level=MANAGE, ends_at=in_days(9)))
    first.refresh_from_db()
    step(lambda: changing.extend(access=first, by=by, known_end=first.ends_at))
    given_on = step(lambda: share(site, cast.contractor, cast.operator, CONFIGURE))
    code = step(lambda: make_code(site, by, VIEW))
    step(lambda: accept(code, cast.operator2, cast.operators))
    step(lambda: accept(code, cast.customer))
    # More of the same takes the place of less.
    step(lambda: share(site, by, cast.operator, MANAGE))
    invitation = step(lambda: invite(site, by, make_person("next@test.example"), VIEW))
    step(lambda: support.resend(invitation=invitation, by=cast.support, because="Asked for"))
    step(lambda: removing.remove_access(access=first, by=by))
    lower = step(lambda: share(site, by, cast.contractor, MANAGE))
    step(lambda: changing.change_terms(access=lower, by=cast.contractor, level=VIEW, ends_at=None))
    step(lambda: removing.remove_access(access=lower, by=cast.contractor))
    for owner in (cast.customer, cast.operator):
        sent_by = by if owner == cast.customer else cast.customer
        sent = step(
            lambda owner=owner, sent_by=sent_by: transfers.start(location=site, by=sent_by, email=owner.email)
        )
        step(
            lambda owner=owner, sent=sent: transfers_accepting.accept(
                transfer=sent, by=owner, nonce=sent.nonce
            )
        )
    dated = step(lambda: share(site, by, make_person("late@test.example"), VIEW, access_ends_at=in_days(3)))
    Access.objects.filter(pk=dated.pk).update(ends_at=in_days(-1))
    locations.settle_ended_access()
    step(lambda: None)
    shared = step(lambda: share(site, by, make_person("helped@test.example"), VIEW))
    step(lambda: support.end_access(access=shared, by=cast.support, because="Asked for"))
    leaver = make_person("leaver@test.example")
    step(lambda: share(site, by, leaver, MANAGE))
    step(lambda: close_account(user=leaver))
    step(lambda: locations.archive_location(location=site, by=by))
    step(lambda: locations.restore_location(location=site, by=by))
    name = cast.elsewhere.name
    step(
        lambda: hand_over_and_close(
            organisation=cast.elsewhere, to=cast.stranger, by=cast.stranger, name=name
        )
    )
    assert given_on.pk and set(ACCESS_VERBS) <= set(Activity.objects.values_list("verb", flat=True))


def test_approving_a_request_is_rebuilt_too(cast: Cast) -> None:
    """Asked for by number, looked up by a worker, approved."""
    step = Life(cast.site).step
    step(
        lambda: requests.ask_for_access(
            by=cast.contractor, number=cast.site.number, sentence="x", network="n"
        )
    )
    step(requests.look_up_due)
    (asked,) = requests.to_answer_on(Viewer.of(cast.installer, cast.site))
    step(lambda: requests.approve(request=asked, by=cast.installer, level=VIEW))
    assert {held.reason for held in replay(record_of(cast.site)).values()} == {"installed", "request"}


def test_a_record_that_lies_is_found_out(cast: Cast) -> None:
    """Bait: what ends twice, changes from what it never was, or is given twice does not replay."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    told = Activity.objects.filter(verb=Verb.ACCESS_GIVEN).latest("pk").details
    lies: list[tuple[Verb, dict[str, Any]]] = [
        (Verb.ACCESS_GIVEN, {}),
        (Verb.ACCESS_REMOVED, {"access": "nobody's", "ended": True}),
        (Verb.ACCESS_CHANGED, {"level": 3, "changes": {"level": ["2", "3"]}}),
        (Verb.ACCESS_CHANGED, {"level": 3, "changes": {}}),
        (Verb.ACCESS_LEFT, {"ended": False}),
    ]
    true = list(record_of())
    for verb, lie in lies:
        entry = unwritten(verb, by=cast.installer, location=cast.site, **{**told, **lie})
        with pytest.raises(AssertionError):
            replay([*true, entry])
    assert str(access.uuid) in replay(true)


# --- Nothing that product rule 6 names is left out ------------------------------------------------


@pytest.mark.parametrize("status", ["delivered", "bounced"])
@pytest.mark.parametrize("kind", ["invitation", "transfer", "member-invitation"])
def test_delivery_of_invitations_of_every_kind_is_recorded(cast: Cast, kind: str, status: str) -> None:
    """To a location, to own one, to become a member: on the record of what it is about, and where it went."""
    invite(cast.site, cast.installer, make_person("one@test.example"))
    transfers.start(location=cast.site, by=cast.installer, email="two@test.example")
    invite_member(cast.firm, cast.installer, "three@test.example")
    row = OutgoingEmail.objects.get(kind=kind)
    row.status, row.failure = status, "" if status == "delivered" else "address"
    delivery_changed.send(sender=OutgoingEmail, email=row)
    entry = Activity.objects.latest("pk")
    assert entry.verb == (Verb.INVITATION_DELIVERED if status == "delivered" else Verb.INVITATION_UNDELIVERED)
    assert entry.party_address == row.address and entry.details.get("failure", "") == row.failure
    place = (entry.location_id, entry.organisation_id)
    assert place == ((None, cast.firm.pk) if kind == "member-invitation" else (cast.site.pk, None))


def test_the_failure_of_another_email_is_on_nobodys_record(cast: Cast) -> None:
    count = Activity.objects.count()
    delivery_changed.send(sender=OutgoingEmail, email=OutgoingEmail(kind="accepted", status="bounced"))
    assert Activity.objects.count() == count
