"""The pages of access review: what stands there, both answers, a second click, and nobody else's access."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Opening
from locations.services import give_access
from organisations.services import change_organisation
from portal.models import Activity
from portal.verbs import Verb
from sharing.models import AccessReview, ReviewReader
from sharing.reviews import services as reviews
from tests.cast import Cast, make_location, make_person, share
from tests.pages import main_of, said, signed_in, text_of

pytestmark = pytest.mark.pages

VIEW, MANAGE = Level.VIEW, Level.MANAGE
LIST = "/review/"


def of(user: Any, name: str = "party", query: str = "") -> str:
    return reverse(f"sharing:review_{name}", args=[user.uuid]) + query


def keep(client: Client, user: Any, **data: str) -> str:
    answer = client.post(of(user, "keep"), {"seen": timezone.now().isoformat()} | data, follow=True)
    assert answer.status_code == 200
    return said(answer)


@pytest.fixture
def shared(cast: Cast) -> tuple[Access, Access]:
    """The contractor sees two locations of the firm's, the one to manage and the other to see."""
    other = make_location(cast.installer, cast.firm, "Anden vej 1")
    first = share(cast.site, cast.installer, cast.contractor)
    return first, share(other, cast.installer, cast.contractor, VIEW)


def test_what_the_page_says(cast: Cast, shared: tuple[Access, Access]) -> None:
    """How many see how much, at which level, since when, and who has not opened it for a year."""
    share(cast.bait, cast.stranger, cast.customer, VIEW)
    client = signed_in(cast.installer)
    page = text_of(client.get(LIST))
    assert "1 party outside · 2 locations" in page and "View, Manage" in page and "never opened" in page
    assert "Not opened for 12 months (0)" in page and "Strøm & Søn: Every year" in page
    assert "Customer" not in page
    signed_in(cast.contractor).get(reverse("locations:detail", args=[cast.site.uuid]))
    Access.objects.filter(pk__in=[each.pk for each in shared]).update(since=timezone.now() - timedelta(370))
    page = text_of(client.get(f"{LIST}?show=unused"))
    assert "Contractor 1 not opened for 12 months" in page and "last opened" in page
    found = main_of(client.get(of(cast.contractor, query="?show=unused")))
    assert "Anden vej 1" in found and ">Havnevej 2</a>" not in found
    Access.objects.filter(pk=shared[0].pk).update(level=VIEW)
    Opening.objects.all().delete()
    assert "Contractor Not opened for 12 months" in text_of(client.get(LIST))


def test_each_page_of_a_location_counts_as_opening_it(cast: Cast) -> None:
    """Looking at it, at who has access and at what happened; a stranger opens nothing."""
    for name in ("locations:detail", "sharing:permissions", "locations:activity"):
        Opening.objects.all().delete()
        signed_in(cast.stranger).get(reverse(name, args=[cast.site.uuid]))
        assert not Opening.objects.exists()
        signed_in(cast.colleague).get(reverse(name, args=[cast.site.uuid]))
        assert Opening.objects.filter(user=cast.colleague, location=cast.site).exists(), name


def test_search_and_nothing_found(cast: Cast, shared: tuple[Access, Access]) -> None:
    client = signed_in(cast.installer)
    assert "Contractor" in main_of(client.get(f"{LIST}?q=contractor@test"))
    assert "Nobody here matches “xyz”" in text_of(client.get(f"{LIST}?q=xyz\0"))
    assert "opened within the last 12 months" in text_of(client.get(f"{LIST}?show=unused"))
    page = main_of(client.get(of(cast.contractor, query="?q=anden")))
    assert "Anden vej 1" in page and ">Havnevej 2</a>" not in page
    assert "Nothing found for “xyz”" in text_of(client.get(of(cast.contractor, query="?q=xyz")))
    assert "opened within" in text_of(client.get(of(cast.contractor, query="?show=unused")))
    assert "There is nothing to review" in text_of(signed_in(cast.customer).get(LIST))


def test_keeping_one_and_the_rest(cast: Cast, shared: tuple[Access, Access]) -> None:
    """What is kept says when and by whom; a page that was seen before changes nothing."""
    client = signed_in(cast.installer)
    seen = timezone.now().isoformat()
    one = {"access": str(shared[0].uuid), "back": "party"}
    assert "Contractor keeps access to Havnevej 2." in keep(client, cast.contractor, **one)
    page = text_of(client.get(of(cast.contractor)))
    assert page.count("reviewed on") == 1 and "by Installer" in page
    again = keep(signed_in(cast.colleague), cast.contractor, seen=seen, **one)
    assert "This has been answered already. Nothing has changed." in again
    told = keep(client, cast.contractor, seen=seen)
    assert "keeps access to Anden vej 1. The others had been answered already." in told
    assert Activity.objects.filter(verb=Verb.REVIEWED).count() == 2
    assert "reviewed on" in text_of(client.get(LIST))
    assert "keeps access to 2 locations" in keep(client, cast.contractor)


@pytest.mark.parametrize(
    "seen", ["", "yesterday", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "2999-01-01"]
)
def test_what_is_no_moment_keeps_nothing_or_is_one(cast: Cast, shared: Any, seen: str) -> None:
    assert keep(signed_in(cast.installer), cast.contractor, seen=seen)
    assert AccessReview.objects.exists() == seen.startswith("2999")


def test_an_access_of_somebody_else_is_not_kept_or_ended_by_its_id(
    cast: Cast, shared: tuple[Access, Access]
) -> None:
    bait = share(cast.bait, cast.stranger, cast.contractor, VIEW)
    client = signed_in(cast.installer)
    assert "no longer yours to review" in keep(client, cast.contractor, access=str(bait.uuid), back="party")
    ended = client.post(of(cast.contractor, "end"), {"access": str(bait.uuid)}, follow=True)
    assert "There is nothing to end here any more." in said(ended)
    page = client.get(of(cast.contractor, "end", f"?access={bait.uuid}"))
    assert "There is nothing to end here any more." in text_of(page)
    assert not AccessReview.objects.exists()
    assert set(Access.objects.live().filter(user=cast.contractor)) == {*shared, bait}


def test_ending_asks_first_and_says_what_was_shared_on(cast: Cast, shared: tuple[Access, Access]) -> None:
    on = share(cast.site, cast.contractor, cast.customer, VIEW)
    client = signed_in(cast.installer)
    asked = client.get(of(cast.contractor, "end"))
    assert "Customer · Havnevej 2 · View" in text_of(asked) and "Anden vej 1 · View" in text_of(asked)
    assert set(Access.objects.live().filter(user=cast.contractor)) == set(shared)
    one = {"access": str(shared[1].uuid), "back": "party"}
    answer = client.post(of(cast.contractor, "end"), one, follow=True)
    assert "Contractor no longer has access to Anden vej 1." in said(answer)
    assert answer.redirect_chain[-1][0] == of(cast.contractor)
    answer = client.post(of(cast.contractor, "end"), {"keep_given_on": "on", "back": "party"}, follow=True)
    assert answer.redirect_chain[-1][0] == LIST
    assert set(Access.objects.live().filter(user__in=[cast.contractor, cast.customer])) == {on}
    again = client.post(of(cast.contractor, "end"), {}, follow=True)
    assert "There is nothing to end here any more." in said(again)
    assert client.get(of(cast.contractor, "end")).status_code == 404


def test_what_becomes_somebody_elses_meanwhile_is_refused(
    cast: Cast, shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and doing the right was lost."""
    group = reviews.group_of(cast.installer, cast.contractor.uuid)
    monkeypatch.setattr(reviews, "group_of", lambda user, party: group)
    answer = signed_in(cast.stranger).post(of(cast.contractor, "end"), {"back": "party"})
    assert answer.status_code == 302
    assert Access.objects.live().filter(user=cast.contractor).count() == 2


def test_more_than_can_be_ended_at_once(cast: Cast, shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviews, "MOST_AT_ONCE", 1)
    client = signed_in(cast.installer)
    assert "1 more is left for another go." in text_of(client.get(of(cast.contractor, "end")))
    assert "Anden vej 1" in said(client.post(of(cast.contractor, "end"), {}, follow=True))
    assert Access.objects.live().filter(user=cast.contractor).count() == 1


def test_being_asked_by_e_mail_is_switched_off_and_on(cast: Cast) -> None:
    """For what is one's own; an organisation's stands in its settings."""
    share(make_location(cast.contractor), cast.contractor, cast.customer, VIEW)
    client = signed_in(cast.contractor)
    assert "Do not ask me by e-mail" in text_of(client.get(LIST))
    url = reverse("sharing:review_mail")
    assert "You will not be asked" in said(client.post(url, {}, follow=True))
    assert not ReviewReader.objects.get(user=cast.contractor).wants_mail
    assert "Ask me once a year" in text_of(client.get(LIST))
    assert "asked once a year" in said(client.post(url, {"wanted": "on"}, follow=True))
    change_organisation(organisation=cast.firm, by=cast.installer, review_every=6)
    share(cast.site, cast.installer, cast.contractor, VIEW)
    page = text_of(signed_in(cast.installer).get(LIST))
    assert "Every 6 months" in page and "Do not ask me" not in page


@pytest.mark.parametrize("parties", [1, 3, 50])
def test_query_counts(cast: Cast, django_assert_num_queries: Any, parties: int) -> None:
    """Session, person, how much waits; memberships, locations, access, people, organisations,
    openings; the reader. A party, or a location of it, costs nothing."""
    for number in range(parties):
        location = make_location(cast.installer, cast.firm, f"Vej {number}")
        for person in (cast.contractor, make_person(f"p{number}@test.example")):
            give_access(
                location=location, party=person, level=VIEW, reason=Access.Reason.EMAIL, by=cast.installer
            )
    client = signed_in(cast.installer)
    for url, expected in (
        (LIST, 10),
        (of(cast.contractor), 9),
        (of(cast.contractor, "end"), 10),
    ):
        client.get(url)
        with django_assert_num_queries(expected):
            page = client.get(url)
        assert page.content.decode().count("Vej ") >= min(parties, 25)
