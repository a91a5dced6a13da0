"""Asking to be let in, and answering: as people see it."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location
from portal.models import User
from sharing import tasks
from sharing.models import AccessRequest
from sharing.requests import services as requests
from tests.cast import Cast, invite, make_location
from tests.pages import (
    changes,
    invite_member,
    main_of,
    said,
    signed_in,
    text_of,
    without_nonces,
)
from tests.tools import undone

pytestmark = pytest.mark.pages

INVITATIONS = "sharing:invitations"


def ask(client: Any, number: object, sentence: str = "I serve it", **more: Any) -> Any:
    return client.post(reverse("sharing:ask_for_access"), {"number": number, "sentence": sentence}, **more)


def request_of(user: User) -> AccessRequest:
    tasks.look_up_requests()
    found: AccessRequest = AccessRequest.objects.with_all().get(user=user)
    return found


# --- Another account --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["location", "organisation"])
def test_an_account_is_approved_in_place(cast: Cast, kind: str) -> None:
    """Shown beneath the invitation and on the Invitations page, with name and address; then in the list."""
    if kind == "location":
        one: Any = invite(cast.site, cast.installer, cast.contractor)
        place = reverse("sharing:permissions", args=[cast.site.uuid])
    else:
        one = invite_member(cast.firm, cast.installer)
        place = reverse("organisations:detail", args=[cast.firm.uuid])
    request = requests.ask_for_approval(invitation=one, by=cast.customer)
    client, where = signed_in(cast.installer), reverse("sharing:request", args=[request.uuid])
    for page in (client.get(place), client.get(reverse(INVITATIONS))):
        words = "Customer customer@test.example · asks to use the invitation to"
        assert words in text_of(page) and where in main_of(page)
    assert "the invitation is used up" in text_of(client.get(where))
    assert "1 account asks to use an invitation you sent" in text_of(client.get(reverse("locations:list")))
    assert signed_in(cast.customer).get(where).status_code == 404
    done = client.post(where, {"answer": "approve"}, follow=True)
    assert done.redirect_chain == [(place, 302)] and "Customer has been let in" in said(done)
    assert "Installer has approved it" in text_of(client.get(where))
    assert "Havnevej 2" in text_of(signed_in(cast.customer).get(reverse("locations:list")))
    late = client.post(where, {"answer": "refuse"}, follow=True)
    assert "answered this request meanwhile" in said(late)


def test_a_renewed_invitation_leaves_nothing_to_approve(cast: Cast) -> None:
    one = invite(cast.site, cast.installer, cast.contractor)
    request = requests.ask_for_approval(invitation=one, by=cast.customer)
    client = signed_in(cast.installer)
    client.post(reverse("sharing:resend_mine", args=[one.uuid]))
    page = client.get(reverse("sharing:request", args=[request.uuid]))
    assert "there is nothing left to approve" in text_of(page) and 'value="approve"' not in main_of(page)


def test_that_address_is_mine_too_says_that_one_comes_back(cast: Cast) -> None:
    one = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.customer)
    back = "After that you come back to the invitation."
    assert back not in text_of(client.get(reverse("account_email")))
    client.get(reverse("sharing:open", args=[one.code]), follow=True)
    assert back in text_of(client.get(reverse("account_email")))


# --- A location by its number -------------------------------------------------------------------------


def test_a_stranger_learns_nothing(cast: Cast) -> None:
    """Byte for byte the same answer, by the same statements, whatever the number; on later pages too."""
    archived = make_location(cast.installer, cast.firm, "Gone")
    archive_location(location=archived, by=cast.installer)
    ghost = archived.number + 1
    seen = []
    for number in (cast.site.number, archived.number, ghost):
        cache.clear()
        with undone():
            client = signed_in(cast.customer)
            pages = [client.get(reverse("sharing:add"))]
            with CaptureQueriesContext(connection) as captured:
                answer = ask(client, number)
            # At once: the next request empties the log. Savepoints are numbered.
            statements = [
                query["sql"].split("WHERE")[0][:60]
                for query in captured.captured_queries
                if "SAVEPOINT" not in query["sql"]
            ]
            assert len(statements) > 5
            pages.append(answer)
            tasks.look_up_requests()
            # Asking again, and looking round.
            pages.append(ask(client, number, follow=True))
            pages += [client.get(reverse(name)) for name in (INVITATIONS, "locations:list")]
            # The minute in which it was asked may be another.
            texts = [
                re.sub(r"\d\d:\d\d", "", without_nonces(page).replace(f"number {number}<", "number N<"))
                for page in pages
            ]
            seen.append((answer.status_code, answer["Location"], statements, texts))
    assert seen[0] == seen[1] == seen[2]


def test_ones_own_location_is_opened(cast: Cast) -> None:
    client = signed_in(cast.colleague)
    with changes() as noted:
        answer = ask(client, cast.site.number)
    assert answer["Location"] == reverse("locations:detail", args=[cast.site.uuid])
    assert noted.tables == set()


@pytest.mark.parametrize(
    ("number", "sentence", "words"),
    [
        ("", "x", "Enter the number"),
        ("no. 4", "x", "Enter the number"),
        ("0", "x", "Enter the number"),
        ("9" * 30, "x", "Enter the number"),
        ("4", " ", "Say in a sentence"),
    ],
)
def test_what_cannot_be_asked(cast: Cast, number: str, sentence: str, words: str) -> None:
    client = signed_in(cast.stranger)
    with changes() as noted:
        page = ask(client, number, sentence)
    assert page.status_code == 422 and words in text_of(page) and noted.tables == set()


def test_too_many_numbers(cast: Cast) -> None:
    client = signed_in(cast.stranger)
    for number in range(10):
        assert ask(client, 900 + number).status_code == 302
    page = ask(client, cast.site.number)
    assert page.status_code == 422 and "very many" in text_of(page)


def test_let_in_until_a_day_or_refused(cast: Cast) -> None:
    ask(signed_in(cast.stranger), cast.site.number)
    request = request_of(cast.stranger)
    client, where = signed_in(cast.installer), reverse("sharing:request", args=[request.uuid])
    tab = client.get(reverse("sharing:permissions", args=[cast.site.uuid]))
    assert "Stranger stranger@test.example · asks for access" in text_of(tab)
    assert "“I serve it”" in text_of(tab) and "I serve it" in text_of(client.get(where))
    wrong = client.post(where, {"answer": "approve", "level": "1", "access_ends": "2001-01-01"})
    assert wrong.status_code == 422 and not Access.objects.filter(user=cast.stranger).exists()
    with undone():
        refused = client.post(where, {"answer": "refuse"}, follow=True)
        assert "Stranger was refused and is told." in said(refused)
        assert "Installer has refused it" in text_of(client.get(where))
    done = client.post(where, {"answer": "approve", "level": "2", "access_ends": "2040-06-30"}, follow=True)
    assert "Stranger has been let in and is told." in said(done)
    access = Access.objects.live().get(user=cast.stranger, location=cast.site)
    assert access.level == Level.CONFIGURE and str(access.ends_at) == "2040-06-30 22:00:00+00:00"
    assert "asked for access from Installer" in text_of(done)


def test_the_task_forgets(cast: Cast) -> None:
    ask(signed_in(cast.stranger), 987)
    tasks.forget_old_requests()
    assert AccessRequest.objects.exists()
