"""Many locations at once in the browser: ticking, preview, progress and result, with and without scripts."""

import csv
from io import StringIO
from typing import Any

import pytest
from django.urls import reverse

from locations.levels import Level
from sharing.bulk import jobs
from sharing.models import BulkJob, Invitation, Offer
from tests.cast import Cast, make_location, share
from tests.pages import signed_in

pytestmark = pytest.mark.pages

NEW_ADDRESS = "ny@test.example"


@pytest.fixture
def sites(cast: Cast) -> list[Any]:
    return [make_location(cast.installer, cast.firm, f"Plads {number}") for number in range(3)]


def page(answer: Any) -> str:
    return " ".join(answer.getvalue().decode().split())


def test_the_list_is_as_quiet_as_before_until_one_chooses(cast: Cast, sites: list[Any]) -> None:
    client, url = signed_in(cast.installer), reverse("locations:list")
    plain = page(client.get(url))
    assert "checkbox" not in plain and "?choose=1" in plain
    choosing = page(client.get(url, {"choose": "1", "q": "plads"}))
    assert choosing.count('type="checkbox"') == 4 and "All 3 that match" in choosing
    assert '<input type="hidden" name="q" value="plads">' in choosing


def test_what_is_ticked_survives_the_next_page(cast: Cast, sites: list[Any]) -> None:
    """The pages of the list are a form: their buttons carry on what was ticked before."""
    said = {"choose": "1", "q": "plads", "at": [str(sites[0].pk), str(cast.site.pk), "x"]}
    answer = page(signed_in(cast.installer).get(reverse("locations:list"), said))
    assert f'value="{sites[0].pk}" id="at-{sites[0].pk}" checked' in answer
    assert "1 chosen on other pages" in answer
    assert answer.count(f'<input type="hidden" name="at" value="{cast.site.pk}">') == 2


def test_the_whole_way_without_scripts(cast: Cast, sites: list[Any]) -> None:
    """Choose, say with whom, see what will happen, confirm, watch, and take the list along."""
    client = signed_in(cast.installer)
    url = reverse("sharing:bulk_share")
    form = page(client.get(url, {"all": "1", "q": "plads"}))
    assert "Share 3 locations" in form and '<input type="hidden" name="all" value="1">' in form
    wrong = client.post(url, {"all": "1", "q": "plads", "kind": "person", "email": "ny", "level": "3"})
    assert wrong.status_code == 422 and 'name="q" value="plads"' in page(wrong)
    said = {"all": "1", "q": "plads", "kind": "person", "email": NEW_ADDRESS, "level": "3"}
    preview_at = client.post(url, said)["Location"]
    preview = page(client.get(preview_at))
    assert "Nothing has happened yet" in preview and "3 will change, 0 are skipped" in preview
    assert not Offer.objects.exists()
    assert client.post(preview_at)["Location"] == preview_at
    waiting = page(client.get(preview_at))
    assert '<meta http-equiv="refresh"' in waiting and "0 of 3 done" in waiting
    part = page(client.get(preview_at, headers={"HX-Request": "true"}))
    assert part.startswith('<div id="job"') and 'hx-trigger="every 2s"' in part
    jobs.work_off()
    done = page(client.get(preview_at))
    assert "3 shared, 0 skipped" in done and "hx-get" not in done
    assert "http-equiv" not in done
    file = b"".join(client.get(f"{preview_at}list.csv")).decode("utf-8-sig")
    rows = list(csv.reader(StringIO(file)))
    assert rows[0] == ["Number", "Location", "Address", "Outcome"]
    assert rows[1] == [str(sites[0].pk), "Plads 0", "Havnevej 2, 8000 Aarhus", "is invited"]
    assert NEW_ADDRESS in page(client.get(reverse("sharing:bulk_jobs")))


def test_a_file_calculates_nothing(cast: Cast) -> None:
    evil = make_location(cast.installer, cast.firm, "=1+1")
    said = {"at": [evil.pk], "kind": "person", "email": NEW_ADDRESS, "level": "3"}
    where = signed_in(cast.installer).post(reverse("sharing:bulk_share"), said)["Location"]
    file = b"".join(signed_in(cast.installer).get(f"{where}list.csv")).decode()
    assert "'=1+1" in file


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"kind": "person", "email": "installer@test.example"}, "That is your own address."),
        ({"kind": "person", "email": ""}, "Enter the e-mail address"),
        ({"kind": "organisation", "key": "x"}, "typing error"),
        ({"kind": "code"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(cast: Cast, said: dict[str, str], sentence: str) -> None:
    data = {"at": [cast.site.pk], "level": "3"} | said
    answer = signed_in(cast.installer).post(reverse("sharing:bulk_share"), data)
    assert answer.status_code == 422 and sentence in page(answer)


def test_with_an_organisation_by_its_key(cast: Cast, sites: list[Any]) -> None:
    """Its name is shown before anything is sent; the key itself is kept nowhere."""
    client = signed_in(cast.installer)
    said = {"at": [sites[0].pk], "kind": "organisation", "key": cast.operators.key, "level": "3"}
    where = client.post(reverse("sharing:bulk_share"), said)["Location"]
    assert "Share 1 location with Nordlys" in page(client.get(where))
    job = BulkJob.objects.get()
    assert cast.operators.key not in str(vars(job))


def test_the_recipient_accepts_all_with_one_click(cast: Cast, sites: list[Any]) -> None:
    """From the list of invitations, or from the page the e-mail leads to; a few need no worker."""
    offer = shared(cast, sites, cast.contractor.email)
    client = signed_in(cast.contractor)
    assert "Accept all" in page(client.get(reverse("sharing:invitations")))
    url = reverse("sharing:invitation", args=[offer.uuid])
    look = page(client.get(url))
    assert "Installer shares 3 locations with you" in look and "Plads 2" in look
    one = Invitation.objects.get(location=sites[1])
    assert page(client.get(reverse("sharing:invitation", args=[one.uuid]))).count("Plads 1")
    answer = client.post(url, {"answer": "accept", "nonce": offer.nonce})
    done = page(client.get(answer["Location"]))
    assert "3 added, 0 skipped" in done and "To my locations" in done
    assert "This invitation has been accepted" in page(client.get(url))
    assert signed_in(cast.stranger).get(url).status_code == 404


def test_declining_is_one_click_too(cast: Cast, sites: list[Any]) -> None:
    offer = shared(cast, sites, cast.contractor.email)
    url = reverse("sharing:invitation", args=[offer.uuid])
    signed_in(cast.contractor).post(url, {"answer": "decline", "nonce": offer.nonce})
    assert set(Invitation.objects.values_list("state", flat=True)) == {"declined"}


def test_the_wrong_account_can_ask_for_a_new_one(cast: Cast, sites: list[Any]) -> None:
    """As with any invitation; approving by one click is for single ones."""
    offer = shared(cast, sites, "other@test.example")
    client = signed_in(cast.stranger)
    client.get(reverse("sharing:open", args=[offer.code]), follow=True)
    url = reverse("sharing:invitation", args=[offer.uuid])
    look = page(client.get(url))
    assert "This invitation is for another address" in look and "to approve this account" not in look
    assert "Ask Installer for a new one" in look
    assert client.post(reverse("sharing:ask", args=[offer.uuid])).status_code == 302


def test_only_an_administrator_accepts_for_an_organisation(cast: Cast, sites: list[Any]) -> None:
    offer = shared(cast, sites, "", organisation=cast.operators)
    client = signed_in(cast.stranger)
    client.get(reverse("sharing:open", args=[offer.code]), follow=True)
    look = page(client.get(reverse("sharing:invitation", args=[offer.uuid])))
    assert "This is for an Administrator of Nordlys" in look
    assert "Accept all" in page(signed_in(cast.operator).get(reverse("sharing:invitations")))


def test_the_sender_sees_one_row_and_takes_it_back(cast: Cast, sites: list[Any]) -> None:
    offer = shared(cast, sites, NEW_ADDRESS)
    client = signed_in(cast.installer)
    sent = page(client.get(reverse("sharing:invitations")))
    assert sent.count(NEW_ADDRESS) and "3 locations" in sent and "Plads 1" not in sent
    assert client.post(reverse("sharing:resend_mine", args=[offer.uuid])).status_code == 404
    preview = client.post(reverse("sharing:offer_again", args=[offer.uuid]))["Location"]
    assert "3 will change" in page(client.get(preview))
    client.post(reverse("sharing:withdraw_mine", args=[offer.uuid]))
    assert set(Invitation.objects.values_list("state", flat=True)) == {"withdrawn"}
    client.post(reverse("sharing:offer_again", args=[offer.uuid]))
    assert "Choose at least one location." in page(client.get(reverse("sharing:invitations")))


def test_the_tab_shows_each_with_the_delivery_of_the_one_e_mail(cast: Cast, sites: list[Any]) -> None:
    shared(cast, sites, NEW_ADDRESS)
    tab = page(signed_in(cast.installer).get(reverse("sharing:permissions", args=[sites[1].uuid])))
    assert NEW_ADDRESS in tab and "The e-mail is on its way" in tab


def test_everything_that_somebody_has_from_us(cast: Cast, sites: list[Any]) -> None:
    """From their entry on one location's tab to all of it, taken back in one go."""
    accesses = [share(site, cast.installer, cast.contractor) for site in sites]
    client = signed_in(cast.installer)
    entry = page(client.get(reverse("sharing:entry", args=[sites[0].uuid, accesses[0].uuid])))
    assert "Everything Contractor has from you" in entry
    url = reverse("sharing:bulk_change")
    where = {"all": "1", "archived": "any"}
    form = page(client.get(url, where | {"of": str(accesses[2].uuid)}))
    assert "Everything they have from you" in form
    assert f'<option value="{accesses[0].uuid}" selected>Contractor (3)</option>' in form
    preview = client.post(url, where | {"party": str(accesses[0].uuid), "act": "end"})["Location"]
    assert "3 will change" in page(client.get(preview))
    client.post(preview)
    jobs.work_off()
    assert "3 ended, 0 skipped" in page(client.get(preview))
    assert "Nobody else has access there" in page(client.get(url, where))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"act": "terms"}, "Choose another level, or another end."),
        ({"act": "terms", "ends": "day"}, "Enter the last day."),
        ({"act": "terms", "ends": "day", "access_ends": "2001-01-01"}, "This day has passed."),
        ({"act": "other"}, "Select a valid choice"),
        ({"act": "end", "party": ""}, "Choose whose access."),
    ],
)
def test_other_terms_are_checked(cast: Cast, said: dict[str, str], sentence: str) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    data = {"at": [cast.site.pk], "party": str(access.uuid)} | said
    answer = signed_in(cast.installer).post(reverse("sharing:bulk_change"), data)
    assert answer.status_code == 422 and sentence in page(answer)


def test_level_and_end_are_changed_together(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.installer)
    data = {"at": [cast.site.pk], "party": str(access.uuid), "act": "terms", "level": "1", "ends": "never"}
    preview = client.post(reverse("sharing:bulk_change"), data)["Location"]
    assert "no end" in page(client.get(preview))
    client.post(preview)
    jobs.work_off()
    assert "1 changed, 0 skipped" in page(client.get(preview))
    access.refresh_from_db()
    assert access.level == Level.VIEW


def test_the_rows_of_a_job_are_paged_and_picked(
    cast: Cast, sites: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sharing.bulk.views.PAGE_SIZE", 2)
    share(sites[2], cast.installer, cast.contractor)
    client = signed_in(cast.installer)
    said = {"at": [one.pk for one in sites], "kind": "person", "email": cast.contractor.email, "level": "3"}
    preview = client.post(reverse("sharing:bulk_share"), said)["Location"]
    first = page(client.get(preview))
    assert "Plads 1" in first and "Plads 2" not in first and f"after={sites[1].pk}" in first
    assert "Plads 2" in page(client.get(preview, {"after": sites[1].pk}))
    picked = page(client.get(preview, {"what": "has_access"}))
    assert "Plads 2" in picked and "Plads 1" not in picked


def test_a_preview_of_nothing_offers_no_button(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.installer)
    said = {"at": [cast.site.pk], "kind": "person", "email": cast.contractor.email, "level": "3"}
    preview = client.post(reverse("sharing:bulk_share"), said)["Location"]
    look = page(client.get(preview))
    assert "None of these locations would change" in look and 'class="button button-primary"' not in look
    assert "There is nothing to do here." in page(client.post(preview, follow=True))


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_query_counts_of_the_pages(cast: Cast, rows: int, django_assert_num_queries: Any) -> None:
    """Session, person, how much waits; the job, the counts of its rows, the rows."""
    found = [make_location(cast.installer, cast.firm, f"P {number}") for number in range(rows)]
    client = signed_in(cast.installer)
    said = {"at": [one.pk for one in found], "kind": "person", "email": NEW_ADDRESS, "level": "3"}
    preview = client.post(reverse("sharing:bulk_share"), said)["Location"]
    client.get(preview)
    with django_assert_num_queries(6):
        assert page(client.get(preview)).count("row-main") == rows
    url = reverse("sharing:bulk_share")
    with django_assert_num_queries(5):
        client.get(url, {"at": said["at"]})


def shared(cast: Cast, sites: list[Any], email: str, **terms: Any) -> Offer:
    """Ordered by the installer and worked off."""
    job = BulkJob(by=cast.installer, act="share", email=email, level=Level.MANAGE, language="en-gb", **terms)
    jobs.draft(job, sites)
    jobs.confirm(job=job, by=cast.installer)
    jobs.work_off()
    found: Offer = Offer.objects.with_all().get(jobs=job)
    return found
