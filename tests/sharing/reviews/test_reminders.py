"""The e-mail that asks to review: whom, how often, about what, and never twice in a period."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from locations.levels import Level
from locations.models import Access
from locations.services import give_access
from organisations.models import Organisation
from organisations.services import add_member, change_organisation
from portal.mail import outbox
from portal.models import OutgoingEmail, User
from sharing.access import removing
from sharing.models import AccessReview, ReviewReader
from sharing.reviews import reminders as reviews_reminders
from sharing.reviews import services as reviews
from sharing.tasks import ask_for_reviews as task
from tests.cast import ADMINISTRATOR, Cast, make_location, make_owner, share
from tests.tools import in_days, mails

VIEW = Level.VIEW
KIND = reviews_reminders.KIND


def sweep(times: int = 1) -> list[str]:
    """Who has been asked so far; each time a day later, as the worker sees it."""
    for _ in range(times):
        ReviewReader.objects.update(looked_at=None)
        task()
    return [address for _kind, address in mails(KIND)]


def shared(cast: Cast, *, days_ago: float, **more: Any) -> Access:
    """The firm's location, shared with the contractor so many days ago; installed long before."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW, **more)
    Access.objects.filter(pk=access.pk).update(since=in_days(-days_ago))
    return access


@pytest.mark.parametrize(
    ("every", "days_ago", "asked"),
    [(12, 364, False), (12, 366, True), (6, 181, False), (6, 183, True), (0, 1000, False)],
)
def test_as_often_as_the_organisation_wants(cast: Cast, every: int, days_ago: int, asked: bool) -> None:
    """Its Administrators, and none of its other members; nobody outside."""
    change_organisation(organisation=cast.firm, by=cast.installer, review_every=every)
    shared(cast, days_ago=days_ago)
    assert sweep(times=3) == (["installer@test.example"] if asked else [])


def test_once_in_a_period(cast: Cast) -> None:
    """Again only a whole period later, and only while something has not been answered for as long."""
    access = shared(cast, days_ago=800)
    assert len(sweep(times=2)) == 1
    ReviewReader.objects.filter(user=cast.installer).update(told_at=in_days(-364))
    assert len(sweep(times=2)) == 1
    ReviewReader.objects.filter(user=cast.installer).update(told_at=in_days(-366))
    reviews.keep(accesses=[access], by=cast.installer, seen=timezone.now())
    assert len(sweep(times=2)) == 1
    AccessReview.objects.update(at=in_days(-366))
    assert len(sweep(times=2)) == 2


def test_what_was_queued_is_not_queued_again_though_it_was_forgotten(cast: Cast) -> None:
    """The key of the e-mail itself holds: the round is the one after the same time before."""
    shared(cast, days_ago=400)
    sweep()
    ReviewReader.objects.update(told_at=None)
    assert len(sweep()) == 1


def test_every_administrator_in_their_language(cast: Cast) -> None:
    User.objects.filter(pk=cast.customer.pk).update(language="da")
    add_member(organisation=cast.firm, user=cast.customer, role=ADMINISTRATOR, by=cast.installer)
    shared(cast, days_ago=400)
    assert sweep(times=2) == ["customer@test.example", "installer@test.example"]
    letters = {row.language: outbox.render(row) for row in OutgoingEmail.objects.filter(kind=KIND)}
    assert all(letters.values())
    assert letters["en-gb"].subject == "Who can see your locations? Keep or end"  # type: ignore[union-attr]
    assert "1 party outside can see" in letters["en-gb"].body  # type: ignore[union-attr]
    assert "/review/" in letters["en-gb"].body  # type: ignore[union-attr]
    with override("da"):
        assert letters["da"].subject != letters["en-gb"].subject  # type: ignore[union-attr]


def test_people_are_asked_about_their_own_unless_they_do_not_want_it(cast: Cast) -> None:
    own = make_location(cast.contractor)
    access = share(own, cast.contractor, cast.customer, VIEW)
    Access.objects.filter(pk=access.pk).update(since=in_days(-400))
    reviews_reminders.want_mail(user=cast.contractor, wanted=False)
    assert sweep() == []
    reviews_reminders.want_mail(user=cast.contractor, wanted=True)
    assert sweep(times=2) == ["contractor@test.example"]


def test_an_owner_is_asked_about_whoever_installed_it(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    Access.objects.update(since=in_days(-400))
    assert sweep() == ["customer@test.example"]


def test_two_organisations_are_one_e_mail_about_what_wants_one(cast: Cast) -> None:
    """What an organisation that wants none has shared is not counted in the other's."""
    other = Organisation.objects.get(pk=cast.operators.pk)
    add_member(organisation=other, user=cast.installer, role=ADMINISTRATOR, by=cast.operator)
    location = make_location(cast.operator, other)
    access = give_access(
        location=location,
        party=cast.customer,
        level=VIEW,
        reason=Access.Reason.EMAIL,
        by=cast.operator,
    )
    Access.objects.filter(pk=access.pk).update(since=in_days(-400))
    shared(cast, days_ago=400)
    both = reviews_reminders.asked_of(cast.installer, personally=True)
    assert len(both.items) == 2 and both.every == timedelta(days=365)
    change_organisation(organisation=other, by=cast.operator, review_every=0)
    assert len(reviews_reminders.asked_of(cast.installer, personally=True).items) == 1
    assert sweep(times=2) == ["installer@test.example"]


@pytest.mark.parametrize("what", ["nothing shared", "removed", "signed off", "no longer Administrator"])
def test_nobody_is_asked_about_nothing(cast: Cast, what: str) -> None:
    Access.objects.update(since=in_days(-400))
    if what != "nothing shared":
        access = shared(cast, days_ago=400)
    if what == "removed":
        removing.remove_access(access=access, by=cast.installer)
    if what == "signed off":
        User.objects.filter(pk=cast.installer.pk).update(is_active=False)
    if what == "no longer Administrator":
        cast.firm.memberships.filter(user=cast.installer).update(role="member")
    assert sweep() == []


@pytest.mark.parametrize("what", ["removed", "switched off"])
def test_what_is_no_longer_to_review_is_not_sent(cast: Cast, what: str) -> None:
    access = shared(cast, days_ago=400)
    sweep()
    if what == "removed":
        removing.remove_access(access=access, by=cast.installer)
    else:
        change_organisation(organisation=cast.firm, by=cast.installer, review_every=0)
    assert outbox.render(OutgoingEmail.objects.get(kind=KIND)) is None


def test_nobody_is_looked_at_twice_a_day(cast: Cast, django_assert_num_queries: Any) -> None:
    """Where all have been, the sweep is one query."""
    shared(cast, days_ago=200)
    task()
    assert ReviewReader.objects.get(user=cast.installer).told_at is None
    with django_assert_num_queries(1):
        task()
