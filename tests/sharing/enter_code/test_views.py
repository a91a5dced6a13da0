""" "Add a location": box, link, every situation of the one page, and the way in that keeps it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location
from organisations.services import create_organisation
from portal import codes
from portal.lib.humanize import last_day, until
from portal.mail.outbox import _builders
from portal.models import OutgoingEmail, Throttle, User
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from tests.cast import Cast, accept, invite, invite_operators, make_location, make_person, share
from tests.pages import (
    PASSWORD,
    Scene,
    browser,
    changes,
    grouped,
    letter,
    link_in,
    main_of,
    make_account,
    make_code,
    said,
    signed_in,
    text_of,
    whole_database,
    without_nonces,
    wrong_codes,
)
from tests.tools import in_days, run_out

pytestmark = pytest.mark.pages

ADD, CHECK = "/add/", "/add/check/"


def open_code(client: Client, code: str) -> HttpResponse:
    """Follow a link to its end."""
    return client.get(reverse("sharing:open", args=[code]), follow=True)


def page_of(client: Client, invitation: Invitation) -> HttpResponse:
    return client.get(reverse("sharing:invitation", args=[invitation.uuid]))


def answer(client: Client, invitation: Invitation, **data: str) -> HttpResponse:
    invitation.refresh_from_db()
    data = {"answer": "accept", "nonce": invitation.nonce} | data
    return client.post(reverse("sharing:invitation", args=[invitation.uuid]), data)


# --- The box ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anonymous", "contractor"])
def test_a_typed_code_leads_to_its_invitation(cast: Cast, who: str) -> None:
    """Any case, spaces and dashes, O for 0, I and L for 1."""
    code = make_code(cast.site, cast.installer)
    typed = f" {grouped(code).lower().replace('-', ' – ').replace('0', 'o').replace('1', 'l')} "
    client = browser() if who == "anonymous" else signed_in(cast.contractor)
    posted = client.post(ADD, {"code": typed})
    assert posted.status_code == 302 and posted["Location"] == CHECK
    assert client.get(CHECK)["Location"] == reverse("sharing:invitation", args=[code.uuid])


def one_symbol_wrong(code: str) -> str:
    other = codes.ALPHABET[(codes.ALPHABET.index(code[0]) + 1) % 32]
    return other + code[1:]


def test_a_typing_error_is_told_by_the_check_symbol_and_costs_no_attempt(cast: Cast) -> None:
    """As often as somebody mistypes: nothing is looked up, so nothing is counted, and the text stays."""
    wrong = one_symbol_wrong(grouped(make_code(cast.site, cast.installer)))
    client = signed_in(cast.contractor)
    for _ in range(40):
        page = client.post(ADD, {"code": wrong})
    assert page.status_code == 422
    assert "typing error" in text_of(page) and f'value="{wrong}"' in page.content.decode()
    assert 'aria-invalid="true"' in main_of(page)
    assert not Throttle.objects.exists()
    assert client.get(reverse("sharing:open", args=[wrong])).status_code == 404
    assert not Throttle.objects.exists()


@pytest.mark.parametrize(
    ("typed", "says"), [("", "Enter the code"), ("   ", "Enter the code"), ("ABC", "typing error")]
)
def test_what_is_no_code_is_told_beside_the_field(cast: Cast, typed: str, says: str) -> None:
    page = signed_in(cast.contractor).post(ADD, {"code": typed})
    assert page.status_code == 422 and says in text_of(page)


def test_an_organisation_key_typed_here_is_recognised(cast: Cast) -> None:
    """And neither kept nor counted."""
    client = signed_in(cast.contractor)
    page = client.post(ADD, {"code": codes.grouped(cast.operators.key)})
    assert page.status_code == 422 and "This is an Organisation Key" in text_of(page)
    assert not Throttle.objects.exists()
    assert cast.operators.key not in whole_database()


def test_what_waits_for_somebody_stands_on_the_page(cast: Cast) -> None:
    """A lost e-mail is not fatal; of others' invitations nothing is said."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    link = reverse("sharing:invitation", args=[invitation.uuid])
    assert link in signed_in(cast.contractor).get(ADD).content.decode()
    for other in (cast.stranger, cast.customer, cast.support):
        assert link not in signed_in(other).get(ADD).content.decode()
    assert link not in browser().get(ADD).content.decode()


# --- The link -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["link", "box"])
@pytest.mark.parametrize("who", ["anonymous", "contractor"])
def test_the_session_gets_a_digest_and_never_the_code(cast: Cast, way: str, who: str) -> None:
    """A session lives in the database: a code in it would be a code in the database."""
    code = make_code(cast.site, cast.installer)
    client = browser() if who == "anonymous" else signed_in(cast.contractor)
    if way == "link":
        first = client.get(reverse("sharing:open", args=[grouped(code)]))
    else:
        first = client.post(ADD, {"code": grouped(code)})
    assert first.status_code == 302 and first["Location"] == CHECK
    client.get(CHECK, follow=True)
    kept = [session.get_decoded() for session in Session.objects.all()]
    assert any(code.code_digest in repr(session) for session in kept)
    everything = whole_database().upper()
    assert code.code not in everything and grouped(code) not in everything


def test_the_address_bar_is_clean_and_the_code_on_no_page_on_the_way(cast: Cast) -> None:
    """No history, referrer or log may get it."""
    code = make_code(cast.site, cast.installer)
    page = open_code(signed_in(cast.contractor), grouped(code))
    assert [url for url, _ in page.redirect_chain] == [
        CHECK,
        reverse("sharing:invitation", args=[code.uuid]),
    ]
    assert grouped(code) not in page.content.decode() and code.code not in page.content.decode()


def test_check_without_a_code_goes_to_the_box(cast: Cast) -> None:
    assert signed_in(cast.contractor).get(CHECK)["Location"] == ADD


# --- Every situation ----------------------------------------------------------------------------


def test_fine(cast: Cast) -> None:
    """Who shares what, what one can do, until when, as which account; accepted by button alone."""
    invitation = invite(cast.site, cast.installer, cast.contractor, Level.CONFIGURE, message="Hej <Kim>")
    client = signed_in(cast.contractor)
    page = page_of(client, invitation)
    words = text_of(page)
    for part in (
        "Installer shares Havnevej 2 with you",
        "Configure",
        "8000 Aarhus",
        "contractor@test.example",
    ):
        assert part in words
    assert "Hej &lt;Kim&gt;" in page.content.decode()
    assert not Location.objects.visible_to(cast.contractor).exists()
    done = answer(client, invitation)
    assert done["Location"] == reverse("locations:detail", args=[cast.site.uuid])
    assert Access.objects.get(user=cast.contractor, ended_at=None).level == Level.CONFIGURE


def test_declining_is_a_button_too(cast: Cast) -> None:
    """Nothing is shared; the page afterwards says so."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.contractor)
    assert answer(client, invitation, answer="decline").status_code == 302
    page = page_of(client, invitation)
    assert "was declined" in text_of(page) and not Access.objects.filter(user=cast.contractor).exists()


def test_signed_out_sees_no_address(cast: Cast) -> None:
    """Neither of the location nor of anybody; who shares what stands there, and the way in."""
    invitation = invite(cast.site, cast.installer, cast.contractor, message="Portkode 4711")
    page = open_code(browser(), grouped(invitation))
    body = page.content.decode()
    assert "Installer shares Havnevej 2 with you" in text_of(page)
    # The name of this location is its street: the town is what would give it away.
    for part in ("Aarhus", "8000", "@test.example", "4711", 'name="answer"'):
        assert part not in body, part
    assert reverse("account_login") in main_of(page) and reverse("account_signup") in main_of(page)


def test_signed_out_post_is_sent_to_sign_in_and_changes_nothing(cast: Cast) -> None:
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = browser()
    open_code(client, grouped(invitation))
    with changes() as noted:
        assert answer(client, invitation)["Location"] == reverse("account_login")
    assert noted.tables == set()


def test_wrong_account(cast: Cast) -> None:
    """The address it was sent to is masked, one's own is named; it stays unused; three ways on."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.customer)
    page = open_code(client, grouped(invitation))
    words = text_of(page)
    assert "c•••@test.example" in words and "customer@test.example" in words
    assert "contractor@test.example" not in page.content.decode() and "Aarhus" not in page.content.decode()
    for way in ("sharing:switch_account", "account_email"):
        assert reverse(way) in page.content.decode()
    assert reverse("sharing:ask", args=[invitation.uuid]) in page.content.decode()
    refused = answer(client, invitation)
    assert refused.status_code == 409 and not Access.objects.filter(user=cast.customer).exists()
    asked = client.post(reverse("sharing:ask", args=[invitation.uuid]), follow=True)
    assert "has been asked" in said(asked)
    assert "has been asked to approve this account" in text_of(asked)
    assert "to approve this account</button>" not in asked.content.decode()
    assert "customer@test.example" in letter(kind="approval-asked")


def test_not_an_administrator(cast: Cast) -> None:
    """A member is told whom to ask; an outsider with the code is told no names."""
    from organisations.services import add_member
    from tests.cast import MEMBER

    invitation = invite_operators(cast)
    member = make_person("m@test.example", "Mia")
    add_member(organisation=cast.operators, user=member, role=MEMBER, by=cast.operator)
    page = open_code(signed_in(member), grouped(invitation))
    assert "for an Administrator of Nordlys" in text_of(page) and "Operator2" in main_of(page)
    outside = open_code(signed_in(cast.customer), grouped(invitation))
    assert "Operator2" not in outside.content.decode()
    assert answer(signed_in(member), invitation).status_code in (404, 409)
    assert not Access.objects.filter(organisation=cast.operators).exists()


def test_has_access_already(cast: Cast) -> None:
    """It says so, opens the location, and the code is not used up."""
    code = make_code(cast.site, cast.installer, Level.VIEW, works_once=True)
    share(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.contractor)
    page = open_code(client, grouped(code))
    assert "You already have access" in text_of(page)
    assert reverse("locations:detail", args=[cast.site.uuid]) in main_of(page)
    assert answer(client, code).status_code == 409
    code.refresh_from_db()
    assert (code.uses, code.state) == (0, "pending")


def test_a_higher_level_is_offered_as_a_change(cast: Cast) -> None:
    """Somebody with View who gets Manage finds the invitation open."""
    share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    invitation = invite(cast.site, cast.installer, cast.contractor, Level.MANAGE)
    client = signed_in(cast.contractor)
    page = text_of(page_of(client, invitation))
    assert "Access now View – it stays; the higher level counts You can Manage" in page
    answer(client, invitation)
    assert client.get(reverse("sharing:invite", args=[cast.site.uuid])).status_code == 200


def test_the_end_is_the_one_it_would_have_now(cast: Cast) -> None:
    """The sharer's own came nearer since they sent it."""
    invitation = invite(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(300))
    client = signed_in(cast.contractor)
    before = text_of(page_of(client, invitation))
    assert f"Access until {last_day(invitation.access_ends_at)}" in before
    Access.objects.filter(location=cast.site, reason="installed").update(ends_at=in_days(30))
    after = text_of(page_of(client, invitation))
    assert f"Access until {last_day(in_days(30))}" in after
    # By then it is over, and so is what can be accepted.
    end = in_days(3)
    Access.objects.filter(location=cast.site, reason="installed").update(ends_at=end)
    said = f"Access until {last_day(end)} Answer before {until(end)}"
    assert said in text_of(page_of(client, invitation))
    assert said in text_of(open_code(browser(), grouped(invitation)))
    letter = _builders["invitation"](OutgoingEmail.objects.get(about=invitation.uuid))
    assert letter and dict(letter.facts)["Access until"] == last_day(end)
    assert dict(letter.facts)["Answer before"] == until(end)


def test_expired(cast: Cast) -> None:
    """Told to the one it was sent to, who asks for a new one with one click."""
    invitation = run_out(invite(cast.site, cast.installer, cast.contractor))
    client = signed_in(cast.contractor)
    page = open_code(client, grouped(invitation))
    assert "This invitation has expired" in text_of(page)
    assert answer(client, invitation).status_code == 409
    asked = client.post(reverse("sharing:ask", args=[invitation.uuid]), follow=True)
    assert "Installer has been asked" in said(asked)
    assert not Throttle.objects.filter(key__startswith="wrong").exists()


def test_withdrawn(cast: Cast) -> None:
    invitation = invite(cast.site, cast.installer, cast.contractor)
    invitations.withdraw(invitation=invitation, by=cast.installer)
    client = signed_in(cast.contractor)
    assert "This invitation was withdrawn" in text_of(page_of(client, invitation))
    assert answer(client, invitation).status_code == 409


def test_used_by_a_fellow_administrator(cast: Cast) -> None:
    """Who was second learns who was first, and opens the location."""
    invitation = invite_operators(cast)
    first = signed_in(cast.operator)
    assert "Add to Nordlys's locations" in text_of(page_of(first, invitation))
    accepted = first.get(answer(first, invitation).url)
    assert "is in the list of everybody at Nordlys." in said(accepted)
    client = signed_in(cast.operator2)
    page = open_code(client, grouped(invitation))
    assert "has been accepted" in text_of(page) and "Accepted by Operator" in text_of(page)
    assert reverse("locations:detail", args=[cast.site.uuid]) in main_of(page)


@pytest.mark.parametrize("ending", ["accepted", "declined"])
def test_who_only_has_the_code_is_not_told_who_answered(cast: Cast, ending: str) -> None:
    """What became of it, yes; the name is for whom it was sent to."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    other, addressed = signed_in(cast.customer), signed_in(cast.contractor)
    open_code(other, grouped(invitation))
    answer(addressed, invitation, answer="accept" if ending == "accepted" else "decline")
    page = page_of(other, invitation)
    said_of_it = {"accepted": "has been accepted", "declined": "was declined"}[ending]
    assert said_of_it in text_of(page) and cast.contractor.name not in page.content.decode()
    if ending == "declined":
        assert "You said no" in text_of(page_of(addressed, invitation))


def test_who_used_a_code_up_is_named_to_nobody_else(cast: Cast) -> None:
    """Two hold the code that works once."""
    code = make_code(cast.site, cast.installer, works_once=True)
    first, second = signed_in(cast.contractor), signed_in(cast.customer)
    for client in (first, second):
        open_code(client, grouped(code))
    answer(first, code)
    page = page_of(second, code)
    assert "has been accepted" in text_of(page) and cast.contractor.name not in page.content.decode()
    removing.remove_access(access=Access.objects.get(user=cast.contractor, ended_at=None), by=cast.installer)
    assert f"Accepted by {cast.contractor.name}" in text_of(page_of(first, code))


def test_not_used_up_is_said_only_while_that_is_so(cast: Cast) -> None:
    """To the one who has accepted it, it is not."""
    share(cast.site, cast.installer, cast.contractor, Level.MANAGE)
    invitation = Invitation.objects.get(email=cast.contractor.email)
    client = signed_in(cast.contractor)
    words = text_of(page_of(client, invitation))
    assert "is in your list of locations." in words and "not used up" not in words
    code = make_code(cast.site, cast.installer)
    assert "not used up" in text_of(open_code(client, grouped(code)))


@pytest.mark.parametrize("why", ["archived", "lost"])
def test_stopped(cast: Cast, why: str) -> None:
    """Archived meanwhile, or the sharer may no longer share: said so, nothing shared, and nobody to ask."""
    sharer = cast.installer
    if why == "lost":
        sharer = cast.customer
        access = share(cast.site, cast.installer, sharer)
    invitation = invite(cast.site, sharer, cast.contractor)
    if why == "archived":
        archive_location(location=cast.site, by=cast.installer)
    else:
        # As if the right had been lost by an end date: the invitation itself is not withdrawn then.
        Access.objects.filter(pk=access.pk).update(level=Level.VIEW)
    client = signed_in(cast.contractor)
    page = page_of(client, invitation)
    assert "can no longer be shared" in text_of(page)
    assert "for a new one" not in text_of(page) and ">No thanks<" in main_of(page)
    assert client.post(reverse("sharing:ask", args=[invitation.uuid])).status_code == 409
    assert answer(client, invitation).status_code == 409
    assert not Access.objects.filter(user=cast.contractor).exists()
    if why == "archived":
        # Nor once it has run out: nobody could send a new one.
        page = text_of(page_of(client, run_out(invitation)))
        assert "has expired" in page and "for a new one" not in page


def test_unknown(cast: Cast) -> None:
    page = open_code(signed_in(cast.contractor), wrong_codes(1)[0])
    assert page.status_code == 404
    assert "We don't know this code" in text_of(page) and 'name="code"' in page.content.decode()


def test_a_renewed_invitation_is_looked_at_again_before_it_is_accepted(cast: Cast) -> None:
    """Two tabs: what the older one shows may have changed."""
    invitation = invite(cast.site, cast.installer, cast.contractor, Level.VIEW)
    old = invitation.nonce
    client = signed_in(cast.contractor)
    invitations.renew(invitation=invitation, by=cast.installer)
    page = client.post(
        reverse("sharing:invitation", args=[invitation.uuid]), {"answer": "accept", "nonce": old}
    )
    assert page.status_code == 409 and "renewed meanwhile" in said(page)
    assert not Access.objects.filter(user=cast.contractor).exists()


def test_accepting_twice_is_accepting_once(cast: Cast) -> None:
    """Double click, or Back and the button again."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.contractor)
    assert answer(client, invitation).status_code == 302
    again = answer(client, invitation)
    assert again.status_code == 409 and "already have access" in text_of(again)
    assert Access.objects.filter(user=cast.contractor).count() == 1


def test_a_code_may_be_added_for_an_organisation_one_administers(cast: Cast) -> None:
    """For oneself or for it; never for one of others."""
    code = make_code(cast.site, cast.installer, Level.MANAGE)
    client = signed_in(cast.operator)
    page = open_code(client, grouped(code))
    assert "Me alone" in text_of(page) and "Nordlys" in main_of(page) and "Vestkysten" not in main_of(page)
    bad = answer(client, code, **{"for": str(cast.elsewhere.uuid)})
    assert bad.status_code == 409 and "Choose for whom" in said(bad)
    assert answer(client, code, **{"for": str(cast.operators.uuid)}).status_code == 302
    assert Location.objects.visible_to(cast.operator2).filter(pk=cast.site.pk).exists()
    assert not Access.objects.filter(user=cast.operator).exists()


def test_saying_no_to_a_code_leaves_it_to_others(cast: Cast) -> None:
    """A code is nobody's to decline: this browser forgets it, that is all."""
    code = make_code(cast.site, cast.installer)
    client = signed_in(cast.contractor)
    open_code(client, grouped(code))
    assert answer(client, code, answer="decline").status_code == 302
    code.refresh_from_db()
    assert code.is_live() and page_of(client, code).status_code == 404


# --- Guessers -----------------------------------------------------------------------------------


@pytest.fixture
def ended(cast: Cast) -> dict[str, str]:
    """A code of each kind and way of being over, and one that never was."""
    found = {"unknown": wrong_codes(1)[0]}
    for kind in ("person", "code"):
        for state in ("expired", "swept", "withdrawn", "used", "declined"):
            if kind == "code" and state == "declined":
                continue
            site = make_location(cast.installer, cast.firm, f"Sted {kind} {state}")
            if kind == "person":
                invitation = invite(site, cast.installer, cast.contractor)
            else:
                invitation = make_code(site, cast.installer, works_once=True)
            Throttle.objects.all().delete()
            if state in ("expired", "swept"):
                run_out(invitation)
                if state == "swept":
                    withdrawing.settle_expired_invitations()
            elif state == "withdrawn":
                invitations.withdraw(invitation=invitation, by=cast.installer)
            elif state == "declined":
                invitations_accepting.decline(
                    invitation=invitation, by=cast.contractor, nonce=invitation.nonce
                )
            else:
                accept(invitation, cast.contractor)
            found[f"{kind} {state}"] = grouped(invitation)
    return found


@pytest.mark.parametrize("who", ["anonymous", "stranger", "support"])
def test_a_guesser_gets_one_answer_for_codes_that_never_were_and_codes_that_ended(
    cast: Cast, ended: dict[str, str], who: str
) -> None:
    """Byte for byte, bar the CSRF token: unknown, expired, withdrawn, declined and used are one."""
    answers = {}
    for state, code in ended.items():
        Throttle.objects.all().delete()
        client = browser() if who == "anonymous" else signed_in(getattr(cast, who))
        page = open_code(client, code)
        headers = {
            key: value
            for key, value in page.headers.items()
            if key not in ("Content-Security-Policy", "Expires")
        }
        answers[state] = (
            page.status_code,
            [to for to, _ in page.redirect_chain],
            headers,
            without_nonces(page),
        )
        counted = sorted(Throttle.objects.values_list("tries", flat=True))
        assert counted == ([1] if who == "anonymous" else [1, 1]), state
    assert answers["unknown"][0] == 404
    assert {state for state, got in answers.items() if got != answers["unknown"]} == set()


def test_an_invitation_is_not_reached_by_its_number_without_the_code(
    cast: Cast, ended: dict[str, str]
) -> None:
    """An id seen elsewhere opens nothing, ended or live, and the answer is that of an id that never was."""
    import uuid

    live = invite(cast.site, cast.installer, cast.contractor)
    never = reverse("sharing:invitation", args=[uuid.uuid4()])
    for client in (browser(), signed_in(cast.stranger)):
        unknown = client.get(never)
        for invitation in [*Invitation.objects.all()[:12], live]:
            page = page_of(client, invitation)
            assert page.status_code == 404
            body = without_nonces(page).replace(str(invitation.uuid), "*")
            assert body == without_nonces(unknown).replace(never.split("/")[-2], "*")


def test_who_saw_it_live_is_told_what_became_of_it(cast: Cast) -> None:
    """Not a guesser: this browser was shown it while it worked."""
    code = make_code(cast.site, cast.installer)
    client = signed_in(cast.contractor)
    open_code(client, grouped(code))
    invitations.withdraw(invitation=code, by=cast.installer)
    assert "was withdrawn" in text_of(client.get(CHECK, follow=True))
    assert not Throttle.objects.filter(key__startswith="wrong").exists()


# --- The throttle -------------------------------------------------------------------------------


def tried(client: Client, code: str, **where: str) -> int:
    """What the clean address answers to which the link leads."""
    link = client.get(reverse("sharing:open", args=[code]), **where)
    return client.get(link["Location"], **where).status_code


def test_ten_wrong_codes_an_account_exactly(cast: Cast) -> None:
    """The eleventh is refused before it is looked up, from whatever network; others go on."""
    wrong = wrong_codes(12)
    for number, code in enumerate(wrong[:10]):
        assert tried(signed_in(cast.contractor), code, REMOTE_ADDR=f"10.0.0.{number}") == 404, number
    client = signed_in(cast.contractor)
    assert tried(client, wrong[10], REMOTE_ADDR="10.9.9.9") == 429
    page = client.post(ADD, {"code": wrong[10]}, follow=True)
    assert page.status_code == 429 and "too many wrong codes" in text_of(page)
    right = make_code(cast.site, cast.installer)
    assert tried(signed_in(cast.contractor), grouped(right), REMOTE_ADDR="10.9.9.8") == 429
    # Nobody else is slowed down, neither on that network nor on that invitation.
    assert tried(signed_in(cast.customer), wrong[11], REMOTE_ADDR="10.9.9.9") == 404
    assert tried(signed_in(cast.customer), grouped(right), REMOTE_ADDR="10.0.0.1") == 302


def test_thirty_wrong_codes_a_network_exactly(cast: Cast) -> None:
    """Signed out or with ever new accounts; the next network goes on."""
    wrong = wrong_codes(32)
    for code in wrong[:30]:
        assert tried(browser(), code, REMOTE_ADDR="10.1.1.1") == 404
    assert tried(browser(), wrong[30], REMOTE_ADDR="10.1.1.1") == 429
    assert tried(signed_in(cast.customer), wrong[30], REMOTE_ADDR="10.1.1.1") == 429
    assert tried(browser(), wrong[31], REMOTE_ADDR="10.1.1.2") == 404


def test_an_ipv6_customer_is_one_network(cast: Cast) -> None:
    """A /64 is what one customer gets; the /64 beside it is somebody else's."""
    wrong = wrong_codes(32)
    for number, code in enumerate(wrong[:30]):
        assert tried(browser(), code, REMOTE_ADDR=f"2001:db8:1:1::{number + 1:x}") == 404
    assert tried(browser(), wrong[30], REMOTE_ADDR="2001:db8:1:1:ffff::1") == 429
    assert tried(browser(), wrong[31], REMOTE_ADDR="2001:db8:1:2::1") == 404


def test_a_forged_forwarded_header_is_no_way_round(cast: Cast) -> None:
    """Without a proxy of ours in front X-Forwarded-For is what whoever likes wrote."""
    wrong = wrong_codes(31)
    for number, code in enumerate(wrong[:30]):
        tried(browser(), code, REMOTE_ADDR="10.1.1.1", HTTP_X_FORWARDED_FOR=f"1.2.3.{number}")
    assert tried(browser(), wrong[30], REMOTE_ADDR="10.1.1.1", HTTP_X_FORWARDED_FOR="9.9.9.9") == 429


def test_right_codes_are_not_counted(cast: Cast) -> None:
    """However often and however many; and they do not reset the count either."""
    client = signed_in(cast.contractor)
    right = grouped(make_code(cast.site, cast.installer))
    for _ in range(15):
        assert tried(client, right) == 302
    assert not Throttle.objects.filter(key__startswith="wrong").exists()
    for code in wrong_codes(9):
        assert tried(client, code) == 404
    assert tried(client, right) == 302
    assert tried(client, wrong_codes(10)[9]) == 404
    assert tried(client, wrong_codes(11)[10]) == 429


def test_a_throttled_person_goes_on_when_the_window_is_over(cast: Cast) -> None:
    """After five minutes the count begins anew, whether or not a worker tidied."""
    client, wrong = signed_in(cast.contractor), wrong_codes(12)
    for code in wrong[:10]:
        tried(client, code)
    assert tried(client, wrong[10]) == 429
    from django.utils import timezone

    for row in Throttle.objects.all():
        assert timedelta(minutes=4) < row.ends_at - timezone.now() <= timedelta(minutes=5)
        Throttle.objects.filter(pk=row.pk).update(ends_at=timezone.now())
    assert tried(client, wrong[10]) == 404
    assert set(Throttle.objects.values_list("tries", flat=True)) == {1}
    assert tried(client, grouped(make_code(cast.site, cast.installer))) == 302


def test_an_invitation_already_shown_stays_open_to_a_throttled_person(cast: Cast) -> None:
    """Wrong guesses later do not take away what this browser holds."""
    client = signed_in(cast.contractor)
    code = make_code(cast.site, cast.installer)
    open_code(client, grouped(code))
    for wrong in wrong_codes(9):
        tried(client, wrong)
    assert page_of(client, code).status_code == 200
    assert answer(client, code).status_code == 302


def post_codes(client: Client, *typed: str) -> None:
    """Typed one after the other without ever looking one up."""
    for code in typed:
        assert client.post(ADD, {"code": code})["Location"] == CHECK


@pytest.mark.parametrize("who", ["anonymous", "stranger"])
@pytest.mark.parametrize("kind", ["person", "code"])
def test_many_codes_are_not_tried_at_once_by_a_known_number(cast: Cast, kind: str, who: str) -> None:
    """Whoever knows the id of an invitation tests no codes against it but by the counted way."""
    if kind == "person":
        invitation = invite(cast.site, cast.installer, cast.contractor)
    else:
        invitation = make_code(cast.site, cast.installer)
    Throttle.objects.all().delete()
    client = browser() if who == "anonymous" else signed_in(cast.stranger)
    post_codes(client, grouped(invitation), *wrong_codes(9))
    assert page_of(client, invitation).status_code == 404
    assert not Throttle.objects.exists()
    assert answer(client, invitation).status_code == 404
    assert client.get(CHECK).status_code == 404
    assert page_of(client, invitation).status_code == 404
    post_codes(client, grouped(invitation))
    assert page_of(client, invitation).status_code == 404
    assert client.get(CHECK).status_code == 302
    assert page_of(client, invitation).status_code == 200


def test_seeing_an_invitation_of_ones_own_proves_no_typed_code(cast: Cast) -> None:
    """It is shown to whom it was sent; the code in the session stays one that was never looked up."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.contractor)
    post_codes(client, grouped(invitation))
    assert page_of(client, invitation).status_code == 200
    assert set(client.session["invitation_codes"].values()) == {"new"}


def test_a_throttled_network_looks_nothing_up(cast: Cast) -> None:
    """Neither codes that were typed before it was throttled, nor those found wrong already."""
    code, wrong = make_code(cast.site, cast.installer), wrong_codes(31)
    here = {"REMOTE_ADDR": "10.1.1.1"}
    early, late = browser(), browser()
    early.post(ADD, {"code": grouped(code)}, **here)
    assert tried(late, wrong[0], **here) == 404
    for wrong_one in wrong[1:30]:
        assert tried(browser(), wrong_one, **here) == 404
    for client in (early, late):
        assert client.get(CHECK, **here).status_code == 429
    assert page_of(early, code).status_code == 404
    assert early.get(CHECK, REMOTE_ADDR="10.1.1.2").status_code == 302


@pytest.mark.parametrize("way", ["link", "box"])
def test_a_throttled_network_leaves_no_sessions_behind(cast: Cast, way: str) -> None:
    """Each refused code would otherwise be one more row, for as long as somebody likes to go on."""
    wrong, here = wrong_codes(33), {"REMOTE_ADDR": "10.1.1.1"}
    for code in wrong[:30]:
        tried(browser(), code, **here)
    earlier = Session.objects.count()
    for code in wrong[30:]:
        client = browser()
        if way == "link":
            page = client.get(reverse("sharing:open", args=[code]), follow=True, **here)
        else:
            page = client.post(ADD, {"code": code}, follow=True, **here)
        assert page.status_code == 429 and "too many wrong codes" in text_of(page)
        assert code not in page.content.decode() and "sessionid" not in client.cookies
        assert client.get(f"{ADD}?wait=1", REMOTE_ADDR="10.1.1.2").status_code == 200
    assert Session.objects.count() == earlier


def test_the_link_of_an_invitation_already_shown_works_for_a_throttled_person(cast: Cast) -> None:
    """What this browser has proven, it need not prove again."""
    client, code = signed_in(cast.contractor), grouped(make_code(cast.site, cast.installer))
    assert tried(client, code) == 302
    wrong = wrong_codes(11)
    for wrong_one in wrong[:8]:
        assert tried(client, wrong_one) == 404
    for wrong_one in wrong[8:10]:
        assert tried(signed_in(cast.contractor), wrong_one) == 404
    assert tried(client, wrong[10]) == 429
    assert tried(client, code) == 302


# --- The way in keeps the invitation ------------------------------------------------------------


def sign_up(client: Client, email: str, name: str = "Nina Ny") -> HttpResponse:
    cache.clear()
    return client.post(
        reverse("account_signup"), {"name": name, "email": email, "password1": PASSWORD}, follow=True
    )


def confirm(client: Client, email: str) -> HttpResponse:
    """Open the link of the rendered e-mail in this browser and press the button."""
    link = link_in(letter(kind="account", address=email), "/confirm-email/")
    page = client.get(link)
    assert page.status_code == 200 and 'method="post"' in page.content.decode()
    return client.post(link, follow=True)


@pytest.mark.parametrize("kind", ["person", "code"])
def test_sign_up_on_the_way_keeps_the_invitation(cast: Cast, kind: str) -> None:
    """Link, account, confirmation, and back on the page of the invitation: nothing is typed twice."""
    if kind == "person":
        invitation = invitations.share_with_person(
            location=cast.site, by=cast.installer, email="nina@new.example", level=Level.MANAGE
        )
        link = link_in(letter(kind="invitation", address="nina@new.example"), "/add/")
    else:
        invitation = make_code(cast.site, cast.installer, Level.MANAGE)
        link = reverse("sharing:open", args=[grouped(invitation)])
    client = browser()
    client.get(link, follow=True)
    client.get(reverse("account_signup"))
    sign_up(client, "nina@new.example")
    page = confirm(client, "nina@new.example")
    assert page.redirect_chain[-1][0] == reverse("sharing:invitation", args=[invitation.uuid])
    assert "Installer shares Havnevej 2 with you" in text_of(page)
    assert "nina@new.example" in text_of(page)
    assert answer(client, invitation).status_code == 302
    nina = User.objects.get(email="nina@new.example")
    assert Location.objects.visible_to(nina).get() == cast.site


def test_confirming_with_the_box_open_in_between_still_leads_back(cast: Cast) -> None:
    """Looking at other pages on the way does not lose it."""
    code = make_code(cast.site, cast.installer)
    client = browser()
    open_code(client, grouped(code))
    client.get(ADD)
    sign_up(client, "nina@new.example")
    client.get(ADD)
    client.get(reverse("account_login"))
    page = confirm(client, "nina@new.example")
    assert page.redirect_chain[-1][0] == reverse("sharing:invitation", args=[code.uuid])


def test_confirmation_in_another_browser_loses_nothing(cast: Cast) -> None:
    """There somebody chooses name and password, for whoever signed up may be another. With these, signing in
    here leads on to the invitation.
    """
    invitation = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="nina@new.example", level=Level.MANAGE
    )
    here, there = browser(), browser()
    open_code(here, grouped(invitation))
    sign_up(here, "nina@new.example")
    link = link_in(letter(kind="account", address="nina@new.example"), "/confirm-email/")
    there.post(link, {"name": "Nina", "password1": "et-helt-nyt-kodeord-9"})
    cache.clear()
    credentials = {"login": "nina@new.example", "password": "et-helt-nyt-kodeord-9"}
    page = here.post(reverse("account_login"), credentials, follow=True)
    assert page.redirect_chain[-1][0] == reverse("sharing:invitation", args=[invitation.uuid])


@pytest.mark.parametrize("first", ["page", "button"])
def test_sign_in_on_the_way_keeps_the_invitation(cast: Cast, first: str) -> None:
    """From the page of the invitation, or from its button pressed after the session had ended."""
    user = make_account("known@test.example")
    invitation = invite(cast.site, cast.installer, user)
    client = browser()
    open_code(client, grouped(invitation))
    if first == "button":
        answer(client, invitation)
    page = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("sharing:invitation", args=[invitation.uuid])
    assert "Add to my locations" in text_of(page)


def test_an_ended_invitation_is_explained_after_signing_in(cast: Cast) -> None:
    """Signed out it is unknown; the addressed person who signs in is told what became of it."""
    user = make_account("known@test.example")
    invitation = run_out(invite(cast.site, cast.installer, user))
    client = browser()
    assert open_code(client, grouped(invitation)).status_code == 404
    page = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    assert "This invitation has expired" in text_of(page)


def test_using_another_account_keeps_the_invitation(cast: Cast) -> None:
    """Signed out by one button, signed in as the right one, and there it is."""
    user = make_account("known@test.example")
    invitation = invite(cast.site, cast.installer, user)
    client = signed_in(cast.customer)
    open_code(client, grouped(invitation))
    out = client.post(reverse("sharing:switch_account"), {"invitation": str(invitation.uuid)})
    assert out["Location"] == reverse("account_login")
    assert client.get(reverse("locations:list")).status_code == 302
    page = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("sharing:invitation", args=[invitation.uuid])
    assert answer(client, invitation).status_code == 302


def test_the_next_person_gets_one_code_and_no_more(cast: Cast) -> None:
    """Of the codes this browser holds only that of the invitation on the page goes over; else the newest."""
    codes_held = [make_code(make_location(cast.installer, cast.firm), cast.installer) for _ in range(3)]
    for chosen, posted in ((codes_held[0], str(codes_held[0].uuid)), (codes_held[2], "")):
        client = signed_in(cast.customer)
        for code in codes_held:
            open_code(client, grouped(code))
        client.post(reverse("sharing:switch_account"), {"invitation": posted})
        assert list(client.session["invitation_codes"]) == [chosen.code_digest]
        client.force_login(cast.contractor)
        seen = [code for code in codes_held if page_of(client, code).status_code == 200]
        assert seen == [chosen]


def test_switching_accounts_tells_no_right_code_from_wrong_ones(cast: Cast) -> None:
    """Otherwise the one that goes over would be the one that is right."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    client = signed_in(cast.stranger)
    post_codes(client, grouped(invitation), *wrong_codes(9))
    client.post(reverse("sharing:switch_account"), {"invitation": str(invitation.uuid)})
    assert client.session["invitation_codes"] == {}
    assert client.get(CHECK)["Location"] == ADD


@pytest.mark.parametrize("value", ["https://evil.example/", "//evil.example", "x", "", "\0"])
def test_switching_accounts_leads_nowhere_else(cast: Cast, value: str) -> None:
    """What the form names is an invitation of ours or nothing."""
    make_account("known@test.example")
    client = signed_in(cast.customer)
    client.post(reverse("sharing:switch_account"), {"invitation": value})
    page = client.post(reverse("account_login"), {"login": "known@test.example", "password": PASSWORD})
    assert page["Location"] == ADD


# --- Headers ------------------------------------------------------------------------------------


def every_kind_of_page(scene: Scene) -> dict[str, HttpResponse]:
    """Pages of every sort, refused and failed ones too."""
    site = scene.own.location.uuid
    installer, out = signed_in(scene.cast.installer), browser()
    support, contractor = signed_in(scene.cast.support), signed_in(scene.cast.contractor)
    mistyped = {"code": "ABC"}
    return {
        "list": installer.get(reverse("locations:list")),
        "overview": installer.get(reverse("locations:detail", args=[site])),
        "tab": installer.get(reverse("sharing:permissions", args=[site])),
        "invite": installer.get(reverse("sharing:invite", args=[site])),
        "code": installer.post(reverse("sharing:show_code", args=[site, scene.own.code.uuid])),
        "organisation": installer.get(reverse("organisations:detail", args=[scene.cast.firm.uuid])),
        "box": out.get(ADD),
        "mistyped": out.post(ADD, mistyped),
        "link": out.get(reverse("sharing:open", args=[grouped(scene.own.code)])),
        "check": out.get(CHECK),
        "signed out": open_code(browser(), grouped(scene.own.code)),
        "wrong account": open_code(contractor, grouped(scene.own.invitation)),
        "unknown": open_code(contractor, wrong_codes(1)[0]),
        "sign in": out.get(reverse("account_login")),
        "sign up": out.get(reverse("account_signup")),
        "reset": out.get(reverse("account_reset_password")),
        "404": installer.get("/no/such/page/"),
        "403": signed_in(scene.people["viewer"]).get(reverse("sharing:invite", args=[site])),  # type: ignore[arg-type]
        "csrf": browser(enforce_csrf_checks=True).post(ADD, mistyped),
        "admin": support.get(reverse("admin:index")),
        "admin list": support.get(reverse("admin:locations_location_changelist")),
        "inbox": installer.get(reverse("inbox")),
    }


def test_headers_of_every_page(scene: Scene) -> None:
    """No cache keeps a page, no other site gets a referrer, nothing inline runs, nobody frames it."""
    wrong: list[Any] = []
    for name, page in every_kind_of_page(scene).items():
        cached, policy = (
            page.headers.get("Cache-Control", ""),
            page.headers.get("Content-Security-Policy", ""),
        )
        directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        holds = {
            "no-store": "no-store" in cached and "private" in cached,
            "referrer": page.headers.get("Referrer-Policy") == "same-origin",
            "frame": page.headers.get("X-Frame-Options") == "DENY",
            "nosniff": page.headers.get("X-Content-Type-Options") == "nosniff",
            "unsafe": "unsafe" not in policy,
            "default": directives.get("default-src") == "'none'",
            "scripts": re.fullmatch(r"'self'( 'nonce-[^']+')?", directives.get("script-src", "")) is not None,
            "base": directives.get("base-uri") == "'none'" and directives.get("frame-ancestors") == "'none'",
        }
        wrong += [(name, what) for what, right in holds.items() if not right]
    assert wrong == []


def test_no_page_needs_what_the_policy_forbids(scene: Scene) -> None:
    """No inline script, style or handler on our pages, and nothing from another host."""
    for name, page in every_kind_of_page(scene).items():
        body = page.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", body), name
        assert not re.search(r"<style\b|\sstyle=|\son\w+=|javascript:", body), name
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!localhost|testserver)', body), name


def test_the_browser_is_told_to_forget_the_page_with_the_code(cast: Cast) -> None:
    """Also where the code is in the address: the first answer carries it nowhere."""
    first = signed_in(cast.contractor).get(
        reverse("sharing:open", args=[grouped(make_code(cast.site, cast.installer))])
    )
    assert "no-store" in first["Cache-Control"] and first["Referrer-Policy"] == "same-origin"
    assert not first.content


def test_a_new_organisation_of_the_holder_can_be_chosen_at_once(cast: Cast) -> None:
    """The choices are those of this moment."""
    code = make_code(cast.site, cast.installer)
    client = signed_in(cast.contractor)
    assert "Me alone" not in text_of(open_code(client, grouped(code)))
    create_organisation(name="Kims El", by=cast.contractor)
    assert "Kims El" in text_of(open_code(client, grouped(code)))
