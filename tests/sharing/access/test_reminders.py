"""Reminders before access ends: to both sides, once for each end date, and none that nobody needs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location
from organisations.services import add_member
from portal.mail import outbox
from portal.models import OutgoingEmail, User
from sharing.access import changing, removing
from sharing.access import reminders as access_reminders
from sharing.tasks import remind_of_ends as task
from tests.cast import MEMBER, Cast, accept, make_person, share
from tests.pages import make_code
from tests.tools import in_days, mails

VIEW, CONFIGURE, MANAGE = Level
BOTH = [("access-ends", "contractor@test.example"), ("access-ends", "installer@test.example")]


def given(cast: Cast, *, ends_in: float, given_for: float = 100, **more: Any) -> Access:
    """An access of the contractor's that ends in so many days, given so many days before its end."""
    level = more.pop("level", VIEW)
    access = share(cast.site, cast.installer, cast.contractor, level, access_ends_at=in_days(365))
    end = in_days(ends_in)
    Access.objects.filter(pk=access.pk).update(ends_at=end, since=end - timedelta(days=given_for))
    access.refresh_from_db()
    return access


def sweep(times: int = 1) -> list[tuple[str, str]]:
    for _ in range(times):
        access_reminders.remind_of_ends()
    return mails("access-ends")


@pytest.mark.parametrize(
    ("ends_in", "given_for", "which"),
    [
        (8, 100, ""),
        (6.9, 100, "week"),
        (6.9, 7, "week"),
        # Given for less than a week: the day before only; for less than a day: not at all.
        (6.8, 6.9, ""),
        (1.1, 3, ""),
        (0.9, 3, "day"),
        (0.5, 0.9, ""),
        # The worker stood still for a week: one reminder, not two.
        (0.9, 100, "day"),
        (-0.1, 100, ""),
    ],
)
def test_a_week_and_a_day_before(cast: Cast, ends_in: float, given_for: float, which: str) -> None:
    access = given(cast, ends_in=ends_in, given_for=given_for)
    assert sweep(times=3) == (BOTH if which else [])
    versions = set(OutgoingEmail.objects.filter(kind="access-ends").values_list("version", flat=True))
    assert versions == ({f"{which}/{access.ends_at.isoformat()}"} if which else set())


def test_each_end_date_has_its_own_two(cast: Cast) -> None:
    access = given(cast, ends_in=6)
    assert len(sweep(times=2)) == 2
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(0.5))
    assert len(sweep(times=2)) == 4
    changing.extend(access=access, by=cast.installer, known_end=Access.objects.get(pk=access.pk).ends_at)
    assert len(sweep()) == 4
    changing.change_terms(access=access, by=cast.installer, level=VIEW, ends_at=in_days(5))
    assert len(sweep(times=2)) == 6


def test_none_where_another_way_lasts_longer(cast: Cast) -> None:
    """As much, for longer: their own, or through an organisation; less than that is no comfort."""
    given(cast, ends_in=6, level=CONFIGURE)
    other = accept(make_code(cast.site, cast.installer, VIEW), cast.contractor)
    assert len(sweep()) == 2
    OutgoingEmail.objects.all().delete()
    Access.objects.filter(pk=other.pk).update(level=CONFIGURE, ends_at=in_days(6.5), since=in_days(-9))
    assert sweep() == [*BOTH]  # for the other way, which ends within the week too
    assert OutgoingEmail.objects.filter(kind="access-ends", about=other.uuid).count() == 2
    OutgoingEmail.objects.all().delete()
    Access.objects.filter(pk=other.pk).update(ends_at=None)
    assert sweep() == []


def test_none_where_an_organisation_of_theirs_has_as_much_for_longer(cast: Cast) -> None:
    given(cast, ends_in=6)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    assert sweep() == []


def test_an_organisations_administrators_are_told(cast: Cast) -> None:
    """Not its other members, and nobody who cannot sign in."""
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    access = accept(make_code(cast.site, cast.installer, VIEW), cast.operator, cast.operators)
    end = in_days(3)
    Access.objects.filter(pk=access.pk).update(ends_at=end, since=end - timedelta(days=30))
    told = {address for _kind, address in sweep()}
    administrators = cast.operators.memberships.administrators()
    assert told == {each.user.email for each in administrators} | {"installer@test.example"}
    assert cast.customer.email not in told


def test_the_giver_is_told_only_while_they_may_still_manage(cast: Cast) -> None:
    manager = make_person("manager@test.example", "Manager")
    through = share(cast.site, cast.installer, manager)
    access = share(cast.site, manager, cast.contractor, VIEW, access_ends_at=in_days(365))
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(6))
    changing.change_level(access=through, by=cast.installer, level=VIEW)
    Access.objects.filter(pk=access.pk).update(since=in_days(-30))
    assert sweep() == BOTH[:1]


def test_nobody_who_cannot_sign_in_is_told(cast: Cast) -> None:
    given(cast, ends_in=6)
    User.objects.filter(pk__in=[cast.contractor.pk, cast.installer.pk]).update(is_active=False)
    assert sweep() == []


def test_an_archived_location_reminds_nobody(cast: Cast) -> None:
    given(cast, ends_in=6)
    archive_location(location=cast.site, by=cast.installer)
    assert sweep() == []


def test_the_words_for_either_side(cast: Cast) -> None:
    """The one is told whom to ask, the other where one click extends it."""
    access = given(cast, ends_in=6)
    task()
    texts = {row.address: outbox.render(row) for row in OutgoingEmail.objects.filter(kind="access-ends")}
    holder, giver = (texts[address] for _kind, address in BOTH)
    assert holder is not None and giver is not None
    assert holder.subject == "Access to Havnevej 2 ends soon"
    assert "ask Installer to extend it" in holder.body
    assert giver.subject == "The access of Contractor to Havnevej 2 ends soon"
    assert f"/locations/{cast.site.uuid}/permissions/#access-{access.uuid}" in giver.body


@pytest.mark.parametrize("what", ["extended", "removed"])
def test_a_reminder_that_is_no_longer_true_is_not_sent(cast: Cast, what: str) -> None:
    access = given(cast, ends_in=6)
    sweep()
    if what == "extended":
        changing.extend(access=access, by=cast.installer, known_end=access.ends_at)
    else:
        removing.remove_access(access=access, by=cast.installer)
    assert [outbox.render(row) for row in OutgoingEmail.objects.filter(kind="access-ends")] == [None, None]


def test_the_sweep_costs_two_queries_where_all_have_been_told(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        person = make_person(f"p{number}@test.example")
        share(cast.site, cast.installer, person, VIEW, access_ends_at=in_days(365))
    Access.objects.filter(ends_at__isnull=False).update(ends_at=in_days(6), since=in_days(-30))
    sweep()
    with django_assert_num_queries(2):
        assert access_reminders.remind_of_ends() == 0


def test_what_changed_after_the_sweep_looked_is_left_alone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Extended or removed in between: looked at again under the lock."""
    access = given(cast, ends_in=6)
    monkeypatch.setattr(access_reminders, "_not_reminded_of", lambda: [access.pk])
    for end in (timezone.now() + timedelta(days=30), datetime.fromisoformat("2020-01-01T00:00:00+00:00")):
        Access.objects.filter(pk=access.pk).update(ends_at=end)
        assert sweep() == []
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(3), since=timezone.now())
    assert sweep() == []
