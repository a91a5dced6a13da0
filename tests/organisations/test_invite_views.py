"""Invitations into organisations on the pages: inviting several people, and the page that answers them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organisations import acceptance, inviting, services
from organisations.models import MemberInvitation, Membership
from portal import limits
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_location, make_person
from tests.organisations.tools import membership, roles
from tests.pages import (
    PASSWORD,
    browser,
    grouped,
    invite_member,
    letter,
    link_in,
    main_of,
    make_account,
    said,
    signed_in,
    text_of,
)

pytestmark = pytest.mark.pages


def to_contractor(cast: Cast) -> MemberInvitation:
    Throttle.objects.all().delete()
    return invite_member(cast.operators, cast.operator, cast.contractor.email)


def page_of(found: MemberInvitation) -> str:
    return reverse("sharing:invitation", args=[found.uuid])


def answer(client: Client, found: MemberInvitation, how: str = "accept") -> Any:
    found.refresh_from_db()
    return client.post(page_of(found), {"answer": how, "nonce": found.nonce})


# --- Inviting ---------------------------------------------------------------------------------


def test_good_lines_are_sent_and_bad_ones_stay_with_their_reason(cast: Cast) -> None:
    """Nothing that was typed is lost, the role included; what is said names everybody."""
    client, url = signed_in(cast.operator), reverse("organisations:invite", args=[cast.operators.uuid])
    typed = "nina@test.example, nobody\r\n<b>x</b>\r\noperator2@test.example; per@test.example"
    page = client.post(url, {"addresses": typed, "role": "administrator"})
    assert page.status_code == 422
    html = main_of(page)
    box = html.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    assert box.split() == ["nobody", "&lt;b&gt;x&lt;/b&gt;"]
    for reason in ("nobody: This is not an e-mail address.", "&lt;b&gt;x&lt;/b&gt;: This is not an e-mail"):
        assert reason in html
    assert re.search(r'value="administrator"\s+selected', html)
    told = said(page)
    assert "Invitation sent to nina@test.example, per@test.example. It is valid for 7 days." in told
    assert "A member already: operator2@test.example." in told
    rows = MemberInvitation.objects.values_list("email", "role")
    assert set(rows) == {(f"{who}@test.example", "administrator") for who in ("nina", "per")}

    page = client.post(url, {"addresses": "nina@test.example", "role": "member"}, follow=True)
    assert "New invitation sent to nina@test.example. The earlier code no longer works." in said(page)
    assert page.redirect_chain[0][0] == reverse("organisations:detail", args=[cast.operators.uuid])


@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        ("", "Enter the e-mail address of at least one person."),
        (" ,;\n ", "Enter the e-mail address of at least one person."),
        (",".join(f"p{n}@test.example" for n in range(51)), "These are too many at once: at most 50."),
    ],
)
def test_what_cannot_be_sent_at_all_is_said(cast: Cast, addresses: str, sentence: str) -> None:
    url = reverse("organisations:invite", args=[cast.operators.uuid])
    page = signed_in(cast.operator).post(url, {"addresses": addresses, "role": "member"})
    assert page.status_code == 422 and sentence in text_of(page)
    assert not MemberInvitation.objects.exists()


def test_who_was_demoted_meanwhile_reads_it_and_keeps_what_was_typed(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the page's own question and the lock."""
    lock = inviting.lock_organisation

    def demoted(organisation: Any) -> Any:
        Membership.objects.filter(user=cast.operator).update(role=MEMBER)
        return lock(organisation)

    monkeypatch.setattr(inviting, "lock_organisation", demoted)
    url = reverse("organisations:invite", args=[cast.operators.uuid])
    page = signed_in(cast.operator).post(url, {"addresses": "a@test.example", "role": "member"})
    assert page.status_code == 422
    assert "Only an Administrator of the organisation can do this." in text_of(page)
    assert "a@test.example" in main_of(page)


def test_of_many_only_the_number_is_told_and_five_are_shown(cast: Cast) -> None:
    """Ten addresses in a row say less than their number; the list does not push the members away."""
    typed = ",".join(f"n{number}@test.example" for number in range(7))
    url = reverse("organisations:invite", args=[cast.operators.uuid])
    page = signed_in(cast.operator).post(url, {"addresses": typed, "role": "member"}, follow=True)
    assert "Invitation sent to 7 people. It is valid for 7 days." in said(page)
    shown, _, folded = main_of(page).partition('<details class="fold">')
    assert (shown.count('id="invitation-'), folded.count('id="invitation-')) == (5, 2)
    assert "2 more" in text_of(page)


def test_the_list_of_those_waiting(cast: Cast) -> None:
    """Address, role, by whom, until when, delivery; to Administrators alone."""
    services.add_member(organisation=cast.operators, user=cast.colleague, role=MEMBER, by=cast.operator)
    found = to_contractor(cast)
    invite_member(cast.elsewhere, cast.stranger, "bait@test.example")
    url = reverse("organisations:detail", args=[cast.operators.uuid])
    administrator = signed_in(cast.operator2)
    page = text_of(administrator.get(url))
    assert "Waiting for an answer 1 C contractor@test.example Member · valid until" in page
    assert "by Operator · The e-mail is on its way" in page
    assert "bait@" not in page and "Invite people" in page
    code = administrator.post(reverse("organisations:show_code", args=[cast.operators.uuid, found.uuid]))
    assert grouped(found) in text_of(code) and f"/add/{grouped(found)}/" in text_of(code)
    OutgoingEmail.objects.update(status="failed")
    assert "The e-mail could not be delivered" in text_of(administrator.get(url))
    member = text_of(signed_in(cast.colleague).get(url))
    assert "Waiting for an answer" not in member and "Invite people" not in member

    week = timedelta(days=7)
    MemberInvitation.objects.filter(pk=found.pk).update(
        invited_at=found.invited_at - week, expires_at=found.expires_at - week
    )
    assert "Expired" in text_of(administrator.get(url))
    resent = administrator.post(
        reverse("organisations:resend", args=[cast.operators.uuid, found.uuid]), follow=True
    )
    assert "Invitation sent to contractor@test.example. It is valid until" in said(resent)
    gone = administrator.post(
        reverse("organisations:withdraw", args=[cast.operators.uuid, found.uuid]), follow=True
    )
    assert "The invitation to contractor@test.example was withdrawn." in said(gone)
    assert "Waiting for an answer" not in text_of(gone)
    for name in ("resend", "show_code"):
        url = reverse(f"organisations:{name}", args=[cast.operators.uuid, found.uuid])
        refused = administrator.post(url, follow=True)
        assert "withdrawn meanwhile" in said(refused) or "This code has ended." in said(refused)


# --- Answering --------------------------------------------------------------------------------


def test_a_newcomer_comes_in_by_the_link(cast: Cast) -> None:
    """Link, sign-up with confirmation on the way, back to the invitation, accepted, the locations seen."""
    site = make_location(cast.operator, cast.operators, "Kajen 4")
    found = invite_member(cast.operators, cast.operator, "nina@test.example")
    link = link_in(letter(kind="member-invitation"), "/add/")
    client = browser()
    page = client.get(link, follow=True)
    assert page.redirect_chain[-1][0] == page_of(found)
    shown = text_of(page)
    assert "Operator invites you to Nordlys" in shown
    assert "Sign in to join." in shown and "Use the address the invitation was sent to." in shown
    assert "nina@" not in shown
    assert answer(client, found).url == reverse("account_login")
    client.post(
        reverse("account_signup"),
        {"name": "Nina", "email": "nina@test.example", "password1": PASSWORD},
        follow=True,
    )
    confirm = link_in(letter(kind="account"), "/confirm-email/")
    page = client.post(confirm, follow=True)
    assert "Your role Member – you see all of its locations" in text_of(page)
    assert "Nina (nina@test.example)" in text_of(page)
    page = client.post(page_of(found), {"answer": "accept", "nonce": found.nonce}, follow=True)
    assert "You are a member of Nordlys now. You see all of its locations here." in said(page)
    assert [location.pk for location in page.context["page"].locations] == [site.pk]
    assert roles(cast.operators)["nina"] == "member"


def test_the_code_is_entered_by_hand_and_a_no_is_a_no(cast: Cast) -> None:
    found = to_contractor(cast)
    client = signed_in(cast.contractor)
    page = client.post(reverse("sharing:add"), {"code": grouped(found).lower()}, follow=True)
    assert page.redirect_chain[-1][0] == page_of(found)
    page = client.post(page_of(found), {"answer": "decline", "nonce": found.nonce}, follow=True)
    assert "You said no. Operator is told." in said(page)
    assert "contractor" not in roles(cast.operators)


def run_out(found: MemberInvitation) -> None:
    week = timedelta(days=7)
    MemberInvitation.objects.filter(pk=found.pk).update(
        invited_at=found.invited_at - week, expires_at=found.expires_at - week
    )


def demote_behind_its_back(cast: Cast, found: MemberInvitation) -> None:
    Membership.objects.filter(user=cast.operator).update(role=MEMBER)


# What happened → what the person it is for reads, whether they may ask for a new one.
STATES: dict[str, tuple[Callable[[Cast, MemberInvitation], Any], str, bool]] = {
    "withdrawn": (
        lambda cast, found: inviting.withdraw(invitation=found, by=cast.operator),
        "This invitation was withdrawn You can be invited again at any time.",
        True,
    ),
    "declined": (
        lambda cast, found: acceptance.decline(invitation=found, by=cast.contractor, nonce=found.nonce),
        "This invitation was declined You said no,",
        True,
    ),
    "expired": (lambda cast, found: run_out(found), "This invitation has expired It was valid until", True),
    "stopped": (
        demote_behind_its_back,
        "This invitation no longer works Operator is no longer an Administrator of Nordlys.",
        True,
    ),
    "a member already": (
        lambda cast, found: services.add_member(
            organisation=cast.operators, user=cast.contractor, role=ADMINISTRATOR, by=cast.operator2
        ),
        "You are a member already You see all locations of Nordlys. Open Nordlys",
        False,
    ),
    "accepted": (
        lambda cast, found: acceptance.accept(invitation=found, by=cast.contractor, nonce=found.nonce),
        "You are a member already You see all locations of Nordlys. Open Nordlys",
        False,
    ),
    "accepted, and out again": (
        lambda cast, found: (
            acceptance.accept(invitation=found, by=cast.contractor, nonce=found.nonce),
            services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator),
        ),
        "This invitation has been accepted Accepted by Contractor,",
        False,
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_words_and_none_for_a_stranger(cast: Cast, state: str) -> None:
    """Who it is for is told; whoever tries the code later learns what they learn of any wrong code."""
    arrange, words, may_ask = STATES[state]
    found = to_contractor(cast)
    code = grouped(found)
    arrange(cast, found)
    client = signed_in(cast.contractor)
    before = roles(cast.operators)
    page = client.get(page_of(found))
    assert words in text_of(page)
    # Once whoever invited can no longer help, the others are asked.
    asks, whom = ("Nordlys", "Operator2") if state == "stopped" else ("Operator", "Operator")
    assert (f"Ask {asks} for a new one" in text_of(page)) == may_ask
    posted = answer(client, found)
    assert posted.status_code == 409 and words in text_of(posted)
    assert roles(cast.operators) == before
    asked = client.post(reverse("sharing:ask", args=[found.uuid]))
    assert asked.status_code == (302 if may_ask else 409)
    told = OutgoingEmail.objects.filter(kind="member-asked-for").values_list("address", flat=True)
    assert list(told) == ([f"{whom.lower()}@test.example"] if may_ask else [])

    stranger = signed_in(cast.stranger)
    assert stranger.get(page_of(found)).status_code == 404
    tried = stranger.get(reverse("sharing:open", args=[code]), follow=True)
    if found.is_live():
        assert "This invitation is for another address" in text_of(tried)
    else:
        assert tried.status_code == 404
        assert "We don't know this code, or it no longer works." in text_of(tried)
        assert "Nordlys" not in text_of(tried)
        wrong = Activity.objects.get(verb=Verb.WRONG_CODE)
        assert (wrong.organisation_id, wrong.actor_name) == (cast.operators.pk, "Stranger")
        assert Throttle.objects.filter(key__startswith=limits.WRONG_CODE_BY_ACCOUNT.name).exists()


def test_the_wrong_account_reads_a_masked_address_and_changes_without_losing_it(cast: Cast) -> None:
    found = invite_member(cast.operators, cast.operator, "known@test.example")
    known = make_account("known@test.example")
    client = signed_in(cast.stranger)
    page = client.get(reverse("sharing:open", args=[grouped(found)]), follow=True)
    assert "It was sent to k•••@test.example ; you are signed in as stranger@test.example ." in text_of(page)
    assert "known@" not in page.content.decode()
    assert answer(client, found).status_code == 409
    client.post(reverse("sharing:ask", args=[found.uuid]))
    assert "signed in as stranger@test.example, asks to use the invitation" in " ".join(
        letter(kind="approval-asked").split()
    )
    client.post(reverse("sharing:switch_account"), {"invitation": str(found.uuid)})
    page = client.post(reverse("account_login"), {"login": known.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == page_of(found)
    assert answer(client, found).status_code == 302
    assert roles(cast.operators)["known"] == "member"


def test_what_was_renewed_meanwhile_is_looked_at_again(cast: Cast) -> None:
    found = to_contractor(cast)
    old = found.nonce
    inviting.renew(invitation=found, by=cast.operator2)
    page = signed_in(cast.contractor).post(page_of(found), {"answer": "accept", "nonce": old})
    assert page.status_code == 409
    assert "This invitation was renewed meanwhile. Look at it again." in said(page)
    assert "Operator2 invites you to Nordlys" in text_of(page)


def waiting(user: User, url: str) -> list[str]:
    page = signed_in(user).get(url)
    assert page.status_code == 200
    return re.findall(r'href="/add/invitation/([0-9a-f-]+)/"', page.content.decode())


def test_it_waits_in_the_portal_for_those_whose_mail_did_not_arrive(cast: Cast) -> None:
    """On the lists of locations and of organisations, and beside the box for a code; for nobody else."""
    found = to_contractor(cast)
    invite_member(cast.elsewhere, cast.stranger, "bait@test.example")
    one = make_person("member@test.example")
    services.add_member(organisation=cast.firm, user=one, role=MEMBER, by=cast.installer)
    for url in ("/locations/", "/organisations/", "/add/"):
        assert waiting(cast.contractor, url) == [str(found.uuid)], url
        assert waiting(cast.customer, url) == []
    # Whoever has one organisation is led straight to it, unless another one waits.
    assert signed_in(one).get("/organisations/").status_code == 302
    theirs = invite_member(cast.operators, cast.operator, one.email)
    assert waiting(one, "/organisations/") == [str(theirs.uuid)]
