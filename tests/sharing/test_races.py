"""Real races on PostgreSQL: threads with connections of their own, let go at once.

Whatever the order: one outcome, the loser gets a true Refusal, and nothing is half done.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from organisations.models import Organisation
from portal.errors import Refusal
from portal.invitations.answering import Situation
from portal.mail import delivery
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing import kinds
from sharing.access import changing, removing
from sharing.access import reminders as access_reminders
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.invitations.services import correct_address
from sharing.models import Acceptance, Invitation
from tests.cast import Cast, invite, make_cast, make_location, make_person, share
from tests.sharing.replay import as_it_is, record_of, replay
from tests.tools import in_days, projected, projection, rounds_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ROUNDS = rounds_of(20)
VIEW, CONFIGURE, MANAGE = Level
Act = Callable[[], Any]
FIRM = ("installed", 3)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, committed; nobody nudges a worker there is not."""
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    return make_cast()


def at_once(*acts: Act) -> list[Any]:
    """What each act returned or refused, all let go at the same moment; any other error is raised."""
    start = threading.Barrier(len(acts), timeout=20)
    outcomes: list[Any] = [None] * len(acts)

    def run(number: int, act: Act) -> None:
        try:
            connection.ensure_connection()
            start.wait()
            outcomes[number] = act()
        except BaseException as error:
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "they wait for each other"
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
            raise outcome
    return outcomes


def split(outcomes: list[Any]) -> tuple[list[Any], list[Refusal]]:
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    return [each for each in outcomes if not isinstance(each, Refusal)], refusals


def accepts(invitation: Invitation, by: User, organisation: Organisation | None = None) -> Act:
    """As a request does: everything read by itself, then one call."""
    nonce = invitation.nonce

    def act() -> Acceptance:
        mine = Invitation.objects.get(pk=invitation.pk)
        return invitations_accepting.accept(invitation=mine, by=by, nonce=nonce, organisation=organisation)

    return act


def rounds(cast: Cast) -> Iterator[Location]:
    """A fresh location each time; afterwards everything must fit together."""
    for number in range(ROUNDS):
        Throttle.objects.all().delete()
        location = make_location(cast.installer, cast.firm, f"Race {number}")
        yield location
        fits_together(location)


def fits_together(location: Location) -> None:
    """Acceptances, uses, access, permission rows and the record say the same."""
    given = Access.objects.filter(location=location).exclude(reason="installed")
    used = Acceptance.objects.filter(invitation__location=location)
    assert set(given.values_list("pk", flat=True)) == set(used.values_list("access", flat=True))
    for invitation in Invitation.objects.filter(location=location):
        accepted = used.filter(invitation=invitation, nonce=invitation.nonce).count()
        assert invitation.uses == accepted
        if invitation.kind != "code" or invitation.works_once:
            assert (invitation.state == "accepted") == (accepted == 1)
    told = Activity.objects.filter(location_id=location.pk, verb=Verb.INVITATION_ACCEPTED).count()
    assert told == used.count()
    assert projected(location) == projection(location)
    assert replay(record_of(location)) == as_it_is(location)


def live(location: Location) -> set[tuple[str, int]]:
    return set(Access.objects.live().filter(location=location).values_list("reason", "level"))


def run_out_in(invitation: Invitation, seconds: float) -> None:
    end = timezone.now() + timedelta(seconds=seconds)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=end, invited_at=end - timedelta(days=7))


# --- accept × accept --------------------------------------------------------------------------


def test_one_of_eight_tabs_accepts(people: Cast) -> None:
    """Sixteen threads on one code: read-then-save let 11 to 15 in."""
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        won, lost = split(at_once(*[accepts(invitation, people.contractor)] * 8))
        assert (len(won), len(lost)) == (1, 7)
        assert {each.data["situation"] for each in lost} == {Situation.HAS_ACCESS}
        assert live(location) == {FIRM, ("email", 3)}
        assert OutgoingEmail.objects.filter(kind="accepted", about=invitation.uuid).count() == 1


def test_one_of_two_administrators_accepts_for_the_organisation(people: Cast) -> None:
    for location in rounds(people):
        invitation = invitations.share_with_organisation(
            location=location, by=people.installer, key=people.operators.key, network="n", level=MANAGE
        )
        acts = [accepts(invitation, by) for by in (people.operator, people.operator2)] * 2
        won, lost = split(at_once(*acts))
        assert (len(won), len(lost)) == (1, 3)
        assert {each.data["situation"] for each in lost} == {Situation.USED}
        assert live(location) == {FIRM, ("organisation", 3)}


def test_one_of_twenty_people_uses_a_code_that_works_once(people: Cast) -> None:
    twenty = [make_person(f"p{number}@test.example") for number in range(20)]
    for location in rounds(people):
        code, _ = invitations_codes.create_code(
            location=location, by=people.installer, level=VIEW, works_once=True
        )
        won, lost = split(at_once(*[accepts(code, person) for person in twenty]))
        assert (len(won), len(lost)) == (1, 19)
        assert {each.data["situation"] for each in lost} == {Situation.USED}


def test_all_of_eight_people_use_a_code_and_each_is_counted(people: Cast) -> None:
    eight = [make_person(f"p{number}@test.example") for number in range(8)]
    for location in rounds(people):
        code, _ = invitations_codes.create_code(location=location, by=people.installer, level=VIEW)
        won, lost = split(at_once(*[accepts(code, person) for person in eight]))
        assert (len(won), len(lost)) == (8, 0)
        code.refresh_from_db()
        assert (code.uses, code.state) == (8, "pending")


def test_two_ways_at_once_for_one_person_are_one_access_or_two_true_ones(people: Cast) -> None:
    """An e-mail invitation and a code, accepted in two tabs: the second is told there is access already."""
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        code, _ = invitations_codes.create_code(location=location, by=people.installer, level=MANAGE)
        acts = [accepts(invitation, people.contractor), accepts(code, people.contractor)]
        won, lost = split(at_once(*acts))
        assert (len(won), len(lost)) == (1, 1)
        assert lost[0].data["situation"] is Situation.HAS_ACCESS
        assert len(live(location)) == 2


# --- accept × something else ------------------------------------------------------------------


def test_accepted_or_withdrawn_but_never_both(people: Cast) -> None:
    """Naive code failed 197 times of 200."""
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        accepted, withdrawn = at_once(
            accepts(invitation, people.contractor),
            lambda invitation=invitation: invitations.withdraw(
                invitation=Invitation.objects.get(pk=invitation.pk), by=people.installer
            ),
        )
        invitation.refresh_from_db()
        if isinstance(accepted, Refusal):
            assert (accepted.data["situation"], withdrawn) == (Situation.WITHDRAWN, True)
            assert (invitation.state, live(location)) == ("withdrawn", {FIRM})
        else:
            assert "has accepted meanwhile" in str(withdrawn)
            assert (invitation.state, live(location)) == ("accepted", {FIRM, ("email", 3)})


def test_accepted_or_declined_but_never_both(people: Cast) -> None:
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        accepted, declined = at_once(
            accepts(invitation, people.contractor),
            lambda invitation=invitation: invitations_accepting.decline(
                invitation=invitation, by=people.contractor, nonce=invitation.nonce
            ),
        )
        invitation.refresh_from_db()
        if isinstance(accepted, Refusal):
            assert (accepted.data["situation"], declined) == (Situation.DECLINED, None)
            assert invitation.state == "declined"
        else:
            assert declined.data["situation"] is Situation.HAS_ACCESS
            assert invitation.state == "accepted"


def test_accepted_or_expired_but_never_both(people: Cast) -> None:
    """The sweep and an acceptance meet at the very end of the invitation."""
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        run_out_in(invitation, 0.03)

        invitation.refresh_from_db()

        def sweep(end: datetime = invitation.expires_at) -> int:
            settled = 0
            while timezone.now() <= end:
                settled += withdrawing.settle_expired_invitations()
            return settled + withdrawing.settle_expired_invitations()

        def accept_late(invitation: Invitation = invitation) -> Acceptance:
            time.sleep(0.026)
            return accepts(invitation, people.contractor)()

        accepted, *settled = at_once(accept_late, sweep, sweep)
        invitation.refresh_from_db()
        if isinstance(accepted, Refusal):
            assert accepted.data["situation"] is Situation.EXPIRED
            assert (invitation.state, sum(settled), live(location)) == ("expired", 1, {FIRM})
            assert OutgoingEmail.objects.filter(kind="expired", about=invitation.uuid).count() == 1
        else:
            assert (invitation.state, sum(settled)) == ("accepted", 0)


def test_accepted_or_sent_again_and_the_page_that_was_seen_counts(people: Cast) -> None:
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        seen = invitation.nonce
        accepted, renewed = at_once(
            accepts(invitation, people.contractor),
            lambda invitation=invitation: invitations.renew(
                invitation=Invitation.objects.get(pk=invitation.pk), by=people.installer
            ),
        )
        invitation.refresh_from_db()
        if isinstance(accepted, Refusal):
            assert "renewed meanwhile" in str(accepted)
            assert (invitation.state, invitation.nonce != seen, live(location)) == ("pending", True, {FIRM})
        else:
            assert "already has access" in str(renewed)
            assert (invitation.state, invitation.nonce) == ("accepted", seen)


def test_accepted_from_somebody_whose_access_is_taken_away(people: Cast) -> None:
    """Nothing is given any more by who can share no longer; what was given before goes with it."""
    for location in rounds(people):
        giver = share(location, people.installer, people.contractor)
        invitation = invite(location, people.contractor, people.stranger)
        accepted, removed = at_once(
            accepts(invitation, people.stranger),
            lambda giver=giver: removing.remove_access(access=giver, by=people.installer),
        )
        assert live(location) == {FIRM}
        if isinstance(accepted, Refusal):
            assert accepted.data["situation"] in (Situation.WITHDRAWN, Situation.STOPPED)
            assert removed == [giver]
        else:
            assert {each.pk for each in removed} == {giver.pk, accepted.access_id}


def test_put_out_while_accepting_by_another_way(people: Cast) -> None:
    """Whoever came by a code does not come back by it. What else they had accepted by then is their own way;
    what they had not goes with the last they have.
    """
    for location in rounds(people):
        code, _ = invitations_codes.create_code(location=location, by=people.installer, level=VIEW)
        access = accepts(code, people.contractor)().access
        more = invite(location, people.installer, people.contractor, CONFIGURE)
        accepted, again, removed = at_once(
            accepts(more, people.contractor),
            accepts(code, people.contractor),
            lambda access=access: removing.remove_access(access=access, by=people.colleague),
        )
        assert removed == [access]
        assert again.data["situation"] in (Situation.HAS_ACCESS, Situation.WITHDRAWN)
        if isinstance(accepted, Refusal):
            assert accepted.data["situation"] == Situation.WITHDRAWN
        assert live(location) == {FIRM} | (set() if isinstance(accepted, Refusal) else {("email", 2)})
        code.refresh_from_db()
        assert code.state == "withdrawn"


# --- The sharer's side ------------------------------------------------------------------------


def test_accepted_or_corrected_but_never_both(people: Cast) -> None:
    """The wrong address turns out to be somebody's just when it is corrected."""
    for number in range(ROUNDS):
        who = make_person(f"wrong{number}@test.example")
        invitation = invite(people.site, people.installer, who)
        seen, right = Invitation.objects.get(pk=invitation.pk), f"right{number}@test.example"
        done, refusals = split(
            at_once(
                lambda: invitations_accepting.accept(invitation=seen, by=who, nonce=seen.nonce),  # noqa: B023
                lambda: correct_address(invitation=invitation, by=people.installer, email=right),  # noqa: B023
            )
        )
        assert (len(done), len(refusals)) == (1, 1)
        invitation.refresh_from_db()
        corrected = invitation.email == right
        assert invitation.state == ("pending" if corrected else "accepted")
        assert Access.objects.live().filter(user=who).exists() != corrected
        Throttle.objects.all().delete()


def test_one_report_told_eight_times_at_once_is_one(people: Cast) -> None:
    """Providers tell again what was not answered in time: one step, one entry."""
    invite(people.site, people.installer, people.contractor)
    OutgoingEmail.objects.update(status="sent", provider_id="x")
    address = people.contractor.email

    def told() -> bool:
        return delivery.note(
            provider_id="x", address=address, status=delivery.Status.BOUNCED, failure="address"
        )

    assert sorted(at_once(*[told] * 8)) == [False] * 7 + [True]
    assert Activity.objects.filter(verb=Verb.INVITATION_UNDELIVERED).count() == 1


def test_two_codes_at_once_are_one(people: Cast) -> None:
    for location in rounds(people):
        acts = [
            lambda by=by, location=location: invitations_codes.create_code(
                location=location, by=by, level=VIEW
            )
            for by in (people.installer, people.colleague)
        ] * 2
        won, lost = split(at_once(*acts))
        assert lost == []
        assert sorted(created for _, created in won) == [False, False, False, True]
        assert len({code.code for code, _ in won}) == 1
        assert Invitation.objects.filter(location=location).count() == 1


def test_two_invitations_to_one_new_address_at_once_are_one(people: Cast) -> None:
    for location in rounds(people):
        acts = [
            lambda by=by, location=location: invitations.share_with_person(
                location=location, by=by, email="new@test.example", level=VIEW
            )
            for by in (people.installer, people.colleague)
        ] * 2
        won, lost = split(at_once(*acts))
        assert lost == []
        assert sorted(each.renewed for each in won) == [False, True, True, True]
        invitation = Invitation.objects.get(location=location)
        assert kinds.with_code(invitation.code) == invitation
        sent = OutgoingEmail.objects.filter(about=invitation.uuid)
        assert (sent.count(), sent.filter(version=invitation.nonce).count()) == (4, 1)


def test_a_level_changed_or_the_access_removed(people: Cast) -> None:
    for location in rounds(people):
        access = share(location, people.installer, people.contractor)
        changed, removed = at_once(
            lambda access=access: changing.change_level(access=access, by=people.colleague, level=VIEW),
            lambda access=access: removing.remove_access(access=access, by=people.installer),
        )
        assert removed == [access]
        assert live(location) == {FIRM}
        if isinstance(changed, Refusal):
            assert "not yours to change" in str(changed)


def test_an_end_changed_or_the_access_removed(people: Cast) -> None:
    for location in rounds(people):
        access = share(location, people.installer, people.contractor, access_ends_at=in_days(5))
        extended, changed, removed = at_once(
            lambda access=access: changing.extend(
                access=access, by=people.colleague, known_end=access.ends_at
            ),
            lambda access=access: changing.change_terms(
                access=access, by=people.colleague, level=VIEW, ends_at=None
            ),
            lambda access=access: removing.remove_access(access=access, by=people.installer),
        )
        assert removed == [access]
        assert live(location) == {FIRM}
        for each in (extended, changed):
            assert not isinstance(each, Refusal) or "not yours to change" in str(each)


def test_extended_twice_at_once_is_extended_once(people: Cast) -> None:
    for location in rounds(people):
        access = share(location, people.installer, people.contractor, access_ends_at=in_days(5))
        acts = [
            lambda by=by, access=access: changing.extend(access=access, by=by, known_end=access.ends_at)
            for by in (people.installer, people.colleague)
        ] * 2
        won, lost = split(at_once(*acts))
        assert lost == []
        assert len({each.ends_at for each in won}) == 1
        assert Activity.objects.filter(location_id=location.pk, verb=Verb.ACCESS_CHANGED).count() == 1


def test_a_reminder_and_an_extension(people: Cast) -> None:
    """Once for the end there was, by however many sweeps; or not at all where it was given up before."""
    for location in rounds(people):
        access = share(location, people.installer, people.contractor, access_ends_at=in_days(6))
        Access.objects.filter(pk=access.pk).update(since=in_days(-9))
        at_once(
            access_reminders.remind_of_ends,
            lambda access=access: changing.extend(
                access=access, by=people.colleague, known_end=access.ends_at
            ),
            access_reminders.remind_of_ends,
        )
        told = OutgoingEmail.objects.filter(kind="access-ends", about=access.uuid)
        assert told.count() in (0, 2)
        assert all(row.version == f"week/{access.ends_at.isoformat()}" for row in told)


def test_removed_twice_at_once_is_removed_once(people: Cast) -> None:
    for location in rounds(people):
        access = share(location, people.installer, people.contractor)
        acts = [
            lambda by=by, access=access: removing.remove_access(access=access, by=by)
            for by in (people.installer, people.colleague, people.contractor)
        ]
        won, lost = split(at_once(*acts))
        assert lost == []
        assert sorted(len(each) for each in won) == [0, 0, 1]
        ended = Activity.objects.filter(location_id=location.pk, verb__in=["access_removed", "access_left"])
        assert ended.count() == 1


def test_a_withdrawal_and_a_sweep_tell_one_story(people: Cast) -> None:
    for location in rounds(people):
        invitation = invite(location, people.installer, people.contractor)
        Invitation.objects.filter(pk=invitation.pk).update(invited_at=in_days(-8), expires_at=in_days(0))
        at_once(
            withdrawing.settle_expired_invitations,
            lambda invitation=invitation: invitations.withdraw(invitation=invitation, by=people.installer),
            withdrawing.settle_expired_invitations,
        )
        invitation.refresh_from_db()
        assert invitation.state == "withdrawn"
