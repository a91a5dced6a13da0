"""Whoever is put out has nothing left to come back by: everywhere access ends or shrinks (product rule 3)."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access, Location
from locations.projection import project_all
from locations.services import settle_ended_access
from organisations import inviting
from organisations.services import add_member, end_membership
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing.access import changing, putting_out, removing
from sharing.bulk import jobs, offers
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import AccessRequest, BulkJob, Invitation, Offer, Transfer
from sharing.requests import services as requests
from sharing.reviews import services as reviews
from sharing.support import services as support
from sharing.transfers import services as transfers
from tests.cast import (
    ADMINISTRATOR,
    MEMBER,
    Cast,
    accept,
    invite,
    invite_operators,
    make_location,
    make_owner,
    share,
)
from tests.organisations.tools import membership
from tests.pages import signed_in, text_of
from tests.tools import html_of, in_days, live, mails, refused, run_out

VIEW, CONFIGURE, MANAGE = Level
PENDING, WITHDRAWN = Invitation.State.PENDING, Invitation.State.WITHDRAWN


def view_and_an_offer_of_more(cast: Cast, level: Level = VIEW) -> tuple[Access, Invitation]:
    """The contractor can view, and the Owner has offered them Manage."""
    make_owner(cast.site, cast.customer, cast.installer)
    access = share(cast.site, cast.installer, cast.contractor, level)
    EmailAddress.objects.create(user=cast.contractor, email="second@test.example", verified=True)
    offered = invitations.share_with_person(
        location=cast.site, by=cast.customer, email="second@test.example", level=MANAGE
    )
    OutgoingEmail.objects.all().delete()
    return access, offered


def state(one: Invitation | Transfer | AccessRequest) -> tuple[str, User | None]:
    one.refresh_from_db()
    return one.state, one.settled_by


# --- Every way of being put out ---------------------------------------------------------------------


def by_tab(cast: Cast, access: Access) -> None:
    removing.remove_access(access=access, by=cast.installer)


def by_review(cast: Cast, access: Access) -> None:
    reviews.end(accesses=[access], by=cast.installer)


def by_many(cast: Cast, access: Access) -> None:
    order(cast, BulkJob.Act.END, access)


def by_support(cast: Cast, access: Access) -> None:
    support.end_access(access=access, by=cast.support, because="Asked for by letter")


def by_cascade(cast: Cast, access: Access) -> None:
    """What it was given on from is taken away."""
    source = share(cast.site, cast.installer, cast.operator)
    Access.objects.filter(pk=access.pk).update(given_by=cast.operator, given_through=source)
    removing.remove_access(access=source, by=cast.installer)


def order(cast: Cast, act: str, access: Access, **terms: Any) -> None:
    job = BulkJob(by=cast.installer, act=act, user=access.user, organisation=access.organisation, **terms)
    job = jobs.draft(job, [cast.site])
    jobs.confirm(job=job, by=cast.installer)
    jobs.work_off()


def offer_all(cast: Cast, sites: list[Location]) -> None:
    """Manage of all these to the contractor, in one envelope."""
    job = BulkJob(by=cast.installer, act=BulkJob.Act.SHARE, email=cast.contractor.email, level=MANAGE)
    job.language = "da"
    jobs.confirm(job=jobs.draft(job, sites), by=cast.installer)
    jobs.work_off()


PUT_OUT: list[Callable[[Cast, Access], None]] = [by_tab, by_review, by_many, by_support, by_cascade]


@pytest.mark.parametrize("put_out", PUT_OUT)
def test_an_old_offer_of_more_opens_nothing_again(cast: Cast, put_out: Any) -> None:
    """Of whoever offered it, to whichever address of theirs; its sender is told, once."""
    access, offered = view_and_an_offer_of_more(cast)
    put_out(cast, access)
    actor = cast.support if put_out is by_support else cast.installer
    assert state(offered) == (WITHDRAWN, actor)
    with refused("was withdrawn"):
        invitations_accepting.accept(invitation=offered, by=cast.contractor, nonce=offered.nonce)
    assert ("Contractor", "email", MANAGE) not in live(cast.site)
    assert mails("offers-taken-back") == [("offers-taken-back", "customer@test.example")]
    # They can always be invited again.
    accept(invite(cast.site, cast.customer, cast.contractor), cast.contractor)


def test_what_is_open_to_others_stays(cast: Cast) -> None:
    """Bait: a stranger's invitation, the location next door, a code nobody used, an unconfirmed address."""
    access, offered = view_and_an_offer_of_more(cast)
    EmailAddress.objects.create(user=cast.contractor, email="not-mine@test.example", verified=False)
    to_stranger = invite(cast.site, cast.installer, cast.stranger)
    unconfirmed = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="not-mine@test.example", level=MANAGE
    )
    elsewhere = invite(cast.bait, cast.stranger, cast.contractor)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    removing.remove_access(access=access, by=cast.installer)
    open_ones = set(Invitation.objects.open())
    assert open_ones == {to_stranger, unconfirmed, elsewhere, code}
    assert state(offered)[0] == WITHDRAWN


def test_an_organisation_that_is_put_out(cast: Cast) -> None:
    """Its own invitation goes; what its people were offered personally is theirs."""
    make_owner(cast.site, cast.customer, cast.installer)
    access = accept(invite_operators(cast, VIEW), cast.operator)
    more = invite_operators(cast, by=cast.customer)
    personal = invite(cast.site, cast.customer, cast.operator)
    removing.remove_access(access=access, by=cast.installer)
    assert state(more) == (WITHDRAWN, cast.installer) and state(personal)[0] == PENDING


def test_its_part_of_an_invitation_to_many_goes_with_it(cast: Cast) -> None:
    """The rest of the envelope stays, and is what is accepted; with the last of it the envelope goes."""
    other = make_location(cast.installer, cast.firm, "Other")
    accesses = [share(site, cast.installer, cast.contractor, VIEW) for site in (cast.site, other)]
    offer_all(cast, [cast.site, other])
    offer = Offer.objects.get()
    removing.remove_access(access=accesses[0], by=cast.installer)
    offer.refresh_from_db()
    assert offer.state == PENDING
    assert [one.location for one in Invitation.objects.open()] == [other]
    removing.remove_access(access=accesses[1], by=cast.installer)
    offer.refresh_from_db()
    assert offer.state == WITHDRAWN and not Invitation.objects.open().exists()


def test_becoming_owner_and_what_they_asked_for_go_too(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    transfer = transfers.start(location=cast.site, by=cast.colleague, email=cast.contractor.email)
    to_other = invite(cast.site, cast.installer, cast.customer)
    asked = requests.ask_for_approval(invitation=to_other, by=cast.contractor)
    OutgoingEmail.objects.all().delete()
    removing.remove_access(access=access, by=cast.installer)
    assert state(transfer) == (WITHDRAWN, cast.installer)
    assert state(asked) == (AccessRequest.State.REFUSED, cast.installer)
    assert mails("request-refused") == [("request-refused", "contractor@test.example")]
    assert mails("offers-taken-back") == [("offers-taken-back", "colleague@test.example")]
    assert state(to_other)[0] == PENDING


def test_put_out_of_an_organisation(cast: Cast) -> None:
    """What its Administrator ends, as far as nothing else is left; the page counts it before."""
    make_owner(cast.site, cast.customer, cast.installer)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    Access.objects.filter(location=cast.site, organisation=cast.firm).update(level=CONFIGURE)
    offered = invite(cast.site, cast.customer, cast.contractor)
    elsewhere = invite(cast.bait, cast.stranger, cast.contractor)
    place = membership(cast.contractor, cast.firm)
    question = signed_in(cast.installer).get(f"/organisations/{cast.firm.uuid}/members/{place.uuid}/remove/")
    assert "1 open invitation is withdrawn" in text_of(question)
    end_membership(membership=place, by=cast.installer)
    assert state(offered) == (WITHDRAWN, cast.installer) and state(elsewhere)[0] == PENDING


def test_put_out_of_an_organisation_with_less_left(cast: Cast) -> None:
    """What would give more than they have left is withdrawn, or lowered; said before as it then happens."""
    access, offered = view_and_an_offer_of_more(cast)
    Access.objects.filter(location=cast.site, organisation=cast.firm).update(level=CONFIGURE)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    place = membership(cast.contractor, cast.firm)
    url = f"/organisations/{cast.firm.uuid}/members/{place.uuid}/remove/"
    assert "1 open invitation is withdrawn" in text_of(signed_in(cast.installer).get(url))
    # Theirs ends: the offer, which does not, gives as much as they have left and no more.
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(5))
    to_other = invite(cast.site, cast.customer, cast.stranger)
    asked = requests.ask_for_approval(invitation=to_other, by=cast.contractor)
    question = text_of(signed_in(cast.installer).get(url))
    assert "The invitation from Customer gives View at most." in question
    assert "What they have asked for is refused." in question and "is withdrawn" not in question
    end_membership(membership=place, by=cast.installer)
    offered.refresh_from_db()
    assert (offered.state, offered.level) == (PENDING, VIEW)
    assert state(asked) == (AccessRequest.State.REFUSED, cast.installer)


# --- Not put out ------------------------------------------------------------------------------------


def test_who_leaves_keeps_what_is_offered(cast: Cast) -> None:
    access, offered = view_and_an_offer_of_more(cast)
    removing.remove_access(access=access, by=cast.contractor)
    assert state(offered)[0] == PENDING
    assert accept(offered, cast.contractor).level == MANAGE


def test_who_leaves_an_organisation_keeps_what_is_offered(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    Access.objects.filter(location=cast.site, organisation=cast.firm).update(level=CONFIGURE)
    offered = invite(cast.site, cast.customer, cast.contractor)
    end_membership(membership=membership(cast.contractor, cast.firm), by=cast.contractor)
    assert state(offered)[0] == PENDING


def test_an_end_date_puts_nobody_out(cast: Cast) -> None:
    access, offered = view_and_an_offer_of_more(cast)
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(-1))
    assert settle_ended_access() == 1
    assert state(offered)[0] == PENDING


def test_they_can_be_let_stand(cast: Cast) -> None:
    access, offered = view_and_an_offer_of_more(cast)
    removing.remove_access(access=access, by=cast.installer, let_stand=True)
    assert state(offered)[0] == PENDING and mails("offers-taken-back") == []


def test_of_several_ways_one_that_gave_no_more(cast: Cast) -> None:
    """Neither the last nor a lower level: nothing else changes."""
    access, offered = view_and_an_offer_of_more(cast)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(5))
    second = accept(code, cast.contractor)
    removing.remove_access(access=second, by=cast.installer)
    assert state(offered)[0] == PENDING


# --- A lowered level --------------------------------------------------------------------------------


def test_a_lowered_level_lowers_what_was_offered_beyond_it(cast: Cast) -> None:
    """Where it would still give something, it gives that much; else it is withdrawn. On the record."""
    access, offered = view_and_an_offer_of_more(cast, CONFIGURE)
    changing.change_level(access=access, by=cast.installer, level=VIEW)
    assert state(offered) == (WITHDRAWN, cast.installer)

    ending = share(cast.site, cast.installer, cast.stranger, CONFIGURE, access_ends_at=in_days(9))
    for_good = invite(cast.site, cast.customer, cast.stranger)
    changing.change_level(access=ending, by=cast.installer, level=VIEW)
    for_good.refresh_from_db()
    assert (for_good.state, for_good.level) == (PENDING, VIEW)
    assert Activity.objects.filter(verb=Verb.INVITATION_LOWERED, location_id=cast.site.pk).count() == 1
    row = OutgoingEmail.objects.get(kind="offers-taken-back", about=for_good.uuid)
    message = outbox.render(row)
    assert message is not None and row.recipient == cast.customer
    assert "gives View now" in html_of(message)
    # Lowered first and then withdrawn is told twice: nothing of it is lost.
    removing.remove_access(access=ending, by=cast.installer)
    assert state(for_good)[0] == WITHDRAWN
    told = OutgoingEmail.objects.filter(kind="offers-taken-back", about=for_good.uuid)
    assert [one.recipient for one in told] == [cast.customer] * 2


def test_what_was_lowered_gives_that_much(cast: Cast) -> None:
    view_and_an_offer_of_more(cast)
    ending = share(cast.site, cast.installer, cast.stranger, CONFIGURE, access_ends_at=in_days(9))
    for_good = invite(cast.site, cast.customer, cast.stranger)
    changing.change_level(access=ending, by=cast.installer, level=VIEW)
    assert accept(for_good, cast.stranger).level == VIEW


def test_many_at_once_lower_too(cast: Cast) -> None:
    access, offered = view_and_an_offer_of_more(cast, CONFIGURE)
    order(cast, BulkJob.Act.TERMS, access, level=VIEW)
    assert state(offered) == (WITHDRAWN, cast.installer)


def test_a_lowered_part_of_many_gives_no_more_than_it_says(cast: Cast) -> None:
    """Accepting the whole envelope takes each invitation at its own level, and its page says so first."""
    share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(9))
    offer_all(cast, [make_location(cast.installer, cast.firm, "Aaa"), cast.site])
    offer = Offer.objects.get()
    client, url = signed_in(cast.contractor), reverse("sharing:invitation", args=[offer.uuid])
    assert "Can view" not in (before := text_of(client.get(url))) and "of the locations less" not in before
    access = Access.objects.live().get(location=cast.site, user=cast.contractor)
    changing.change_level(access=access, by=cast.installer, level=VIEW)
    page = text_of(client.get(url))
    assert "At some of the locations less." in page and page.count("Can view") == 1
    assert page.index(cast.site.name) < page.index("Can view") < page.index("Aaa")
    offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    jobs.work_off()
    assert {level for _party, _why, level in live(cast.site)} == {MANAGE, VIEW}


def test_it_is_named_before(cast: Cast) -> None:
    """With its sender and what it gives; not the address, which may be one that nobody knows to be theirs."""
    access, _offered = view_and_an_offer_of_more(cast)
    client = signed_in(cast.installer)
    tab = f"/locations/{cast.site.uuid}/permissions/access/{access.uuid}/"
    question = text_of(client.get(f"{tab}remove/"))
    assert "The invitation from Customer (Manage) is withdrawn." in question
    assert "second@test.example" not in question and "Let these stand" in question
    client.post(f"{tab}remove/", {"let_stand": "on"})
    assert Invitation.objects.open().filter(email="second@test.example").exists()


def test_the_review_and_the_preview_of_many_name_it_too(cast: Cast) -> None:
    access, _offered = view_and_an_offer_of_more(cast)
    client = signed_in(cast.installer)
    question = text_of(client.get(f"/review/{cast.contractor.uuid}/end/"))
    assert "The invitation from Customer (Manage) is withdrawn. Havnevej 2" in question
    job = jobs.draft(BulkJob(by=cast.installer, act=BulkJob.Act.END, user=cast.contractor), [cast.site])
    page = client.get(reverse("sharing:bulk_job", args=[job.uuid]))
    assert "1 open invitation to Contractor is" in text_of(page)
    assert "has asked for" not in text_of(page)
    transfers.start(location=cast.site, by=cast.customer, email="second@test.example")
    to_other = invite(cast.site, cast.customer, cast.stranger)
    requests.ask_for_approval(invitation=to_other, by=cast.contractor)
    page = client.get(reverse("sharing:bulk_job", args=[job.uuid]))
    assert "2 open invitations to Contractor are" in text_of(page)
    assert "What Contractor has asked for there is refused with it." in text_of(page)
    assert access.ended_at is None


def open_on(cast: Cast, site: Location) -> list[putting_out.Loss]:
    """What would be lowered, what withdrawn, becoming Owner, and two requests, of two who lose some here."""
    make_owner(site, cast.customer, cast.installer)
    ending = share(site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(9))
    invite(site, cast.customer, cast.contractor)
    put_out = share(site, cast.installer, cast.operator, VIEW)
    offered = invite(site, cast.customer, cast.operator)
    to_other = invite(site, cast.customer, cast.stranger)
    for asker in (cast.contractor, cast.operator):
        requests.ask_for_approval(invitation=to_other, by=asker)
    transfers.start(location=site, by=cast.installer, email=cast.operator.email)
    assert offered.is_live()
    Access.objects.filter(pk=ending.pk).update(level=VIEW)
    Access.objects.filter(pk=put_out.pk).update(ended_at=timezone.now())
    return [putting_out.Loss(cast.contractor, site, CONFIGURE), putting_out.Loss(cast.operator, site, VIEW)]


def test_it_takes_as_many_statements_for_ten_locations_as_for_two(cast: Cast) -> None:
    """The preview and the taking back, and what goes with the place of whoever had started transfers."""
    counts = []
    for number in (2, 10):
        sites = [make_location(cast.installer, cast.firm, f"Site {number}-{each}") for each in range(number)]
        losses = [loss for site in sites for loss in open_on(cast, site)]
        Throttle.objects.all().delete()
        OutgoingEmail.objects.filter(kind="invitation").update(status="sent")
        with CaptureQueriesContext(connection) as looking:
            found = putting_out.taken_back_with(losses)
        each = [found.invitations, found.lowered, found.transfers, found.requests]
        assert [len(some) for some in each] == [number, number, number, 2 * number]
        with CaptureQueriesContext(connection) as doing:
            putting_out.take_back(losses, cast.installer)
        lowered = Activity.objects.filter(verb=Verb.INVITATION_LOWERED, location_id__in=[s.pk for s in sites])
        assert lowered.count() == number and not Transfer.objects.open().filter(location__in=sites).exists()
        for site in sites:
            transfers.start(location=site, by=cast.installer, email=cast.operator.email)
        Throttle.objects.all().delete()
        Access.objects.filter(location__in=sites, organisation=cast.firm).update(ended_at=timezone.now())
        project_all(sites, cast.firm)
        with CaptureQueriesContext(connection) as losing:
            removing.withdraw_of_those_who_lost(sites, cast.customer)
        assert not Transfer.objects.open().filter(location__in=sites).exists()
        counts.append((len(looking), len(doing), len(losing)))
    assert counts[0] == counts[1]


def test_what_was_declined_meanwhile_is_not_said_to_be_lowered_or_withdrawn(cast: Cast) -> None:
    """Saying no takes no lock on the location, and its answer stands."""
    invited = invite(cast.site, cast.installer, cast.contractor)
    transfer = transfers.start(location=cast.site, by=cast.installer, email=cast.operator.email)
    for one in (Invitation, Transfer):
        one.objects.update(state="declined", settled_at=timezone.now())
    before = Activity.objects.count()
    assert withdrawing.lower_all([(invited, VIEW)], cast.installer) == []
    assert withdrawing.withdraw_all_transfers([transfer], cast.installer) == []
    assert Activity.objects.count() == before and Invitation.objects.get().level == MANAGE


# --- One piece of code ------------------------------------------------------------------------------

# Who ends or changes access on the floor below, and why that leaves nobody a way back.
ENDS = {"end_all", "end_access", "change_all", "change_access"}
ASKING = {
    "sharing/access/removing.py end_all": "takes back",
    "sharing/access/changing.py _change_all": "takes back",
    "sharing/transfers/accepting.py _end_personal": "the earlier Owner's is taken back by whoever calls it",
    "sharing/deletion/account.py end_all_of": "leaving for good",
    "locations/handover.py hand_over": "an organisation that is no more",
    "locations/handover.py end_all_of": "an organisation that is no more",
    "locations/services.py change_access": "one of many",
    "locations/services.py end_access": "one of many",
    "locations/services.py settle_ended_access": "its end has come",
}
# Who writes what ends or changes a row.
WRITING = {
    "locations/services.py change_all",
    "locations/services.py end_all",
    "locations/services.py _replace_lesser",
}


def functions() -> Iterator[tuple[str, ast.FunctionDef, set[str]]]:
    """Every function of the portal, where it is, and what its module has by name of `locations.services`."""
    root = Path(removing.__file__).parents[2]
    for app in ("portal", "organisations", "locations", "sharing"):
        for path in sorted((root / app).rglob("*.py")):
            tree, where = ast.parse(path.read_text()), str(path.relative_to(root))
            named = {
                each.asname or each.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module == "locations.services"
                for each in node.names
            } | (ENDS if where == "locations/services.py" else set())
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef) and "migrations" not in path.parts:
                    yield f"{where} {function.name}", function, named


def calls(function: ast.FunctionDef) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]


def test_nobody_else_ends_or_changes_access() -> None:
    """A new place that ends or lowers access goes through `removing` or `changing`, or says here why not."""
    floor = {f"locations.{verb}" for verb in ENDS}
    found = {where for where, one, named in functions() if (floor | (ENDS & named)).intersection(calls(one))}
    assert found == set(ASKING)


def test_nobody_else_writes_that_access_ends_or_changes() -> None:
    """Not past the two verbs, by a query of one's own."""
    found = set()
    for where, one, _named in functions():
        for node in ast.walk(one):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            written = ast.unparse(node)
            if node.func.attr in ("update", "bulk_update") and re.search(r"\bAccess\.|accesses\.", written):
                found.add(where)
    assert found == WRITING


# --- Ways back that were found by trying -------------------------------------------------------------


def test_put_out_of_an_organisation_that_came_by_a_code(cast: Cast) -> None:
    """They used the code for it, and so know it."""
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    accept(code, cast.operator2, cast.operators)
    end_membership(membership=membership(cast.operator2, cast.operators), by=cast.operator)
    assert state(code)[0] == WITHDRAWN


def test_put_out_between_accepting_many_and_the_worker(cast: Cast) -> None:
    """What was accepted in time, and has run out since, is not given to who was put out meanwhile."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    offer_all(cast, [cast.site])
    offer = Offer.objects.get()
    offers.accept(offer=offer, by=cast.contractor, nonce=offer.nonce)
    run_out(Invitation.objects.get(offer=offer))
    removing.remove_access(access=access, by=cast.installer)
    jobs.work_off()
    assert {why for _party, why, _level in live(cast.site)} == {"installed"}


def test_put_out_of_an_organisation_they_ask_to_administer(cast: Cast) -> None:
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    inviting.invite(
        organisation=cast.firm, by=cast.installer, addresses=["new@test.example"], role=ADMINISTRATOR
    )
    asked = requests.ask_for_approval(invitation=cast.firm.member_invitations.get(), by=cast.contractor)
    end_membership(membership=membership(cast.contractor, cast.firm), by=cast.installer)
    assert state(asked) == (AccessRequest.State.REFUSED, cast.installer)
