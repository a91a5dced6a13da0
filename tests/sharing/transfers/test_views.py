"""Handing a location over on the pages: asking, the tab, the answer, and what went wrong."""

from typing import Any

import pytest
from django.urls import reverse

from locations.models import Access
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing.models import Transfer
from sharing.transfers import services as transfers
from tests.cast import Cast, make_owner, make_person
from tests.pages import grouped, letter, link_in, main_of, said, signed_in, text_of

pytestmark = pytest.mark.pages


def url(cast: Cast, name: str, *more: Any) -> str:
    return reverse(f"sharing:{name}", args=[cast.site.uuid, *more])


def start(cast: Cast, by: User | None = None) -> Transfer:
    Throttle.objects.all().delete()
    return transfers.start(location=cast.site, by=by or cast.installer, email=cast.contractor.email)


def test_the_customer_is_invited_accepts_and_ends_the_installers_access(cast: Cast) -> None:
    """The whole of it: what changes is shown before, to both sides."""
    client = signed_in(cast.installer)
    tab = text_of(client.get(url(cast, "permissions")))
    assert "This location has no Owner yet." in tab and "Hand over to the customer" in tab
    page = text_of(client.get(url(cast, "transfer")))
    assert "Havnevej 2 passes to the new Owner with everything in it, in one step" in page
    assert "You keep access as the installer, until the new Owner ends it." in page
    sent = client.post(url(cast, "transfer"), {"email": cast.contractor.email, "message": "Hej"}, follow=True)
    assert "Invitation to become Owner sent to contractor@test.example. It is valid until" in said(sent)
    tab = text_of(sent)
    assert "Waiting for an answer 1 C contractor@test.example Invited to become Owner · valid until" in tab
    assert "Hand over to the customer" not in tab

    theirs = signed_in(cast.contractor)
    assert "Installer invites you to become its Owner" in text_of(theirs.get(reverse("locations:list")))
    page = theirs.get(link_in(letter(kind="transfer"), "/add/"), follow=True)
    text = text_of(page)
    assert "Installer hands Havnevej 2 over to you" in text and "Hej" in text
    assert "Who has access now Strøm & Søn · installed it" in text
    assert "Become Owner" in text and "No thanks" in text
    found = Transfer.objects.get()
    answer = {"answer": "accept", "nonce": found.nonce}
    done = theirs.post(reverse("sharing:invitation", args=[found.uuid]), answer, follow=True)
    assert "You are the Owner of Havnevej 2 now. You decide who has access." in said(done)
    assert done.redirect_chain[-1][0] == url(cast, "permissions")
    assert "Transfer ownership" in text_of(done)
    installed = Access.objects.get(location=cast.site, reason="installed")
    theirs.post(url(cast, "remove", installed.uuid))
    assert client.get(url(cast, "permissions")).status_code == 404
    again = theirs.get(reverse("sharing:invitation", args=[found.uuid]))
    assert "You are the Owner already" in text_of(again)


def test_the_wrong_account_asks_for_a_new_one(cast: Cast) -> None:
    """Who is to be Owner is decided by a new invitation, not by approving whoever has the link."""
    found = start(cast)
    client = signed_in(cast.stranger)
    page = text_of(client.get(reverse("sharing:open", args=[found.code]), follow=True))
    assert "This invitation is for another address" in page and "to approve this account" not in page
    assert "Ask Installer for a new one" in page
    answer = client.post(reverse("sharing:ask", args=[found.uuid]), follow=True)
    assert "Installer has been asked." in said(answer)
    asked = letter(kind="transfer-asked-for")
    assert "stranger@test.example" in asked
    assert Transfer.objects.get().state == "pending"


def test_no_thanks(cast: Cast) -> None:
    found = start(cast)
    client, page = signed_in(cast.contractor), reverse("sharing:invitation", args=[found.uuid])
    done = client.post(page, {"answer": "decline", "nonce": found.nonce}, follow=True)
    assert "You said no. Installer is told." in said(done)
    assert "You said no" in text_of(client.get(page))


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("", "Enter the e-mail address of the new Owner."),
        ("nobody", "Enter the e-mail address of the new Owner."),
        ("installer@test.example", "That is your own address."),
        ("customer@test.example", "customer@test.example is the Owner already."),
        ("next@test.example", "contractor@test.example has been invited already. Withdraw that"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(cast: Cast, email: str, sentence: str) -> None:
    owned = make_owner(cast.site, cast.customer, cast.installer)
    start(cast)
    page = signed_in(cast.installer).post(url(cast, "transfer"), {"email": email, "message": "Hej du"})
    assert page.status_code == 422
    html = main_of(page)
    assert sentence in html.partition("<textarea")[0] and "Hej du" in html
    assert (f"#access-{owned.uuid}" in html) == (email == "customer@test.example")
    assert Transfer.objects.count() == 1


def test_the_sheet_is_the_page_without_its_frame(cast: Cast) -> None:
    page = signed_in(cast.installer).get(url(cast, "transfer"), headers={"hx-request": "true"})
    assert b"<html" not in page.content and "What changes when they accept" in page.content.decode()


def test_resend_show_link_withdraw(cast: Cast) -> None:
    """What the row on the tab offers, and what each says."""
    found, client = start(cast), signed_in(cast.colleague)
    old = grouped(found)
    OutgoingEmail.objects.update(status="failed")
    tab = client.get(url(cast, "permissions"))
    assert "The e-mail could not be delivered" in text_of(tab)
    code = text_of(client.post(url(cast, "transfer_code", found.uuid)))
    assert old in code and "Only contractor@test.example can use it." in code
    resent = client.post(url(cast, "transfer_resend", found.uuid), follow=True)
    assert "It replaces the earlier one, whose code no longer works." in said(resent)
    assert grouped(found) != old
    gone = client.post(url(cast, "transfer_withdraw", found.uuid), follow=True)
    assert "The invitation to contractor@test.example was withdrawn." in said(gone)
    late = client.post(url(cast, "transfer_resend", found.uuid), follow=True)
    assert "This invitation was withdrawn meanwhile. Nothing was sent." in said(late)
    late = client.post(url(cast, "transfer_code", found.uuid), follow=True)
    assert "This code has ended." in said(late)


def test_once_whoever_invited_may_no_longer(cast: Cast) -> None:
    """Its own sentence, and nobody to ask who could not help. Archived: another."""
    found, client = start(cast, cast.colleague), signed_in(cast.contractor)
    page = reverse("sharing:invitation", args=[found.uuid])
    User.objects.filter(pk=cast.colleague.pk).update(is_active=False)
    text = text_of(client.get(page))
    assert "This location can no longer be handed over" in text
    assert "Colleague may no longer hand it over. Nothing has changed" in text
    assert "for a new one" not in text
    other = signed_in(make_person("other@test.example"))
    assert other.get(page).status_code == 404


def test_a_code_that_ended_tells_a_stranger_nothing_and_is_on_the_record(cast: Cast) -> None:
    found = start(cast)
    code = grouped(found)
    transfers.withdraw(transfer=found, by=cast.installer)
    page = signed_in(cast.stranger).get(reverse("sharing:open", args=[code]), follow=True)
    assert page.status_code == 404
    assert "We don't know this code, or it no longer works." in text_of(page)
    entry = Activity.objects.get(verb=Verb.WRONG_CODE)
    assert (entry.location_id, entry.details["invitation"]) == (cast.site.pk, str(found.uuid))
