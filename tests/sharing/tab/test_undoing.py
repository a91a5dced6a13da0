"""Undoing what one has just done on the Permissions tab."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location, change_location
from organisations.services import add_member, change_organisation, end_membership
from portal import limits
from portal.accounts.deletion import close_account
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.access import changing, removing
from sharing.invitations import codes as invitations_codes
from sharing.models import AccessRequest, Invitation, Transfer, Undo
from sharing.requests import services as requests
from sharing.tab import undoing
from sharing.transfers import services as transfers
from tests.cast import ADMINISTRATOR, MEMBER, Cast, accept, invite, invite_operators, make_owner, share
from tests.organisations.tools import membership
from tests.pages import said, signed_in, text_of
from tests.sharing.replay import as_it_is, replay
from tests.tools import in_days, live, mails, projected, projection, refused

VIEW, CONFIGURE, MANAGE = Level


def remove(cast: Cast, access: Access, by: User | None = None, **how: Any) -> Undo:
    """Removed on the tab; what undoes it."""
    by = by or cast.installer
    _ended, undo = undoing.do_undoably(
        cast.site, by, lambda: removing.remove_access(access=access, by=by, **how)
    )
    assert undo is not None
    return undo


def lower(cast: Cast, access: Access, level: Level = VIEW) -> Undo:
    by = cast.installer
    _changed, undo = undoing.do_undoably(
        cast.site, by, lambda: changing.change_level(access=access, by=by, level=level)
    )
    assert undo is not None
    return undo


def held(cast: Cast) -> Access:
    """What the contractor has."""
    access: Access = Access.objects.live().get(location=cast.site, user=cast.contractor)
    return access


def terms(cast: Cast) -> set[tuple[Any, ...]]:
    """Who has what, why, by whom, by way of whom, until when."""
    rows = Access.objects.live().filter(location=cast.site).select_related("given_through")
    return {
        (
            str(one.party),
            one.level,
            one.reason,
            one.given_by_id,
            str(one.given_through and one.given_through.party),
            one.ends_at,
        )
        for one in rows
    }


def test_what_was_removed_comes_back_with_all_that_went_with_it(cast: Cast) -> None:
    """Level, end, reason and giver; what was given on; invitations, with a new code and a new e-mail; another
    live code. Anew, as what has ended stays ended; on the record, and told."""
    first = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(20))
    share(cast.site, cast.contractor, cast.operator, VIEW)
    invited = invite(cast.site, cast.contractor, cast.customer, VIEW)
    transfer = transfers.start(location=cast.site, by=cast.colleague, email=cast.contractor.email)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    asked = requests.ask_for_approval(invitation=invited, by=cast.operator2)
    before, nonces = terms(cast), {one.nonce for one in (invited, code, transfer)}
    undo = remove(cast, first)
    assert not Invitation.objects.open().exists() and len(terms(cast)) == 1
    OutgoingEmail.objects.all().delete()
    undoing.undo(undo=undo, by=cast.installer)
    assert terms(cast) == before
    assert not Access.objects.live().filter(pk=first.pk).exists()
    for one in (invited, code, transfer):
        one.refresh_from_db()
        assert one.is_live() and one.nonce not in nonces
    assert (invited.invited_by, transfer.invited_by) == (cast.contractor, cast.colleague)
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.PENDING
    assert mails("access-back") == [
        ("access-back", "contractor@test.example"),
        ("access-back", "operator@test.example"),
    ]
    assert mails("invitation") == [("invitation", "customer@test.example")]
    assert mails("transfer") == [("transfer", "contractor@test.example")]
    entry = Activity.objects.get(verb=Verb.UNDONE)
    assert (entry.actor_id, entry.location_id) == (cast.installer.pk, cast.site.pk)
    assert replay() == as_it_is()
    assert projected(cast.site) == projection(cast.site)


def test_a_level_comes_back_with_what_it_had_lowered(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(9))
    offered = invite(cast.site, cast.customer, cast.contractor)
    undo = lower(cast, access)
    offered.refresh_from_db()
    assert offered.level == VIEW
    undoing.undo(undo=undo, by=cast.installer)
    offered.refresh_from_db()
    access.refresh_from_db()
    assert (access.level, offered.level, offered.is_live()) == (CONFIGURE, MANAGE, True)
    assert mails("access-back") == []


def test_a_raised_level_goes_down_again(cast: Cast) -> None:
    """As anybody's does: with the live code, which they may have looked at."""
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    undo = lower(cast, access, MANAGE)
    invitations_codes.show_code(invitation=code, by=cast.contractor)
    undoing.undo(undo=undo, by=cast.installer)
    assert ("Contractor", "email", VIEW) in live(cast.site)
    code.refresh_from_db()
    assert not code.is_live()
    assert replay() == as_it_is()
    assert projected(cast.site) == projection(cast.site)


def test_what_was_offered_before_a_level_was_raised_stands_as_it_stood(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    offered = invite(cast.site, cast.customer, cast.contractor, MANAGE)
    undoing.undo(undo=lower(cast, access, CONFIGURE), by=cast.installer)
    nonce = offered.nonce
    offered.refresh_from_db()
    assert (offered.is_live(), offered.level, offered.nonce) == (True, MANAGE, nonce)


def test_invitations_and_codes_come_back_for_what_they_had_left(cast: Cast) -> None:
    """Until when and how often used; what would be over by now stays over."""
    access = share(cast.site, cast.installer, cast.contractor)
    code, _new = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    accept(code, cast.operator)
    invited = invite(cast.site, cast.contractor, cast.customer, VIEW)
    over = invite(cast.site, cast.contractor, cast.stranger, VIEW)
    transfer = transfers.start(location=cast.site, by=cast.colleague, email=cast.contractor.email)
    soon, sooner = in_days(1 / 24 / 60), in_days(0) + timedelta(seconds=30)
    Invitation.objects.filter(pk__in=[code.pk, invited.pk]).update(expires_at=soon)
    Transfer.objects.update(expires_at=soon)
    Invitation.objects.filter(pk=over.pk).update(expires_at=sooner)
    undo = remove(cast, access)
    for was in undo.before["invitations"]:
        if was["pk"] == over.pk:
            was["expires_at"] = in_days(0).isoformat()
    undoing.undo(undo=undo, by=cast.installer)
    for one in (code, invited, over, transfer):
        one.refresh_from_db()
    assert [one.expires_at for one in (code, invited, transfer)] == [soon] * 3
    assert (code.is_live(), code.uses, invited.is_live(), transfer.is_live()) == (True, 1, True, True)
    assert over.state == Invitation.State.WITHDRAWN


def test_only_who_was_told_of_the_ending_is_told_that_it_is_back(cast: Cast) -> None:
    """Nobody, of a way that was replaced."""
    share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(20))
    undoing.undo(
        undo=lower(cast, share(cast.site, cast.installer, cast.contractor, VIEW), MANAGE), by=cast.installer
    )
    assert mails("access-back") == []
    add_member(organisation=cast.operators, user=cast.customer, role=ADMINISTRATOR, by=cast.operator)
    undo = remove(cast, accept(invite_operators(cast), cast.operator))
    undo.before["told"] = [one for one in undo.before["told"] if one["person"] != cast.operator2.pk]
    undoing.undo(undo=undo, by=cast.installer)
    assert {address for _kind, address in mails("access-back")} == {cast.customer.email, cast.operator.email}


def test_removing_and_undoing_again_and_again_writes_to_nobody_without_end(cast: Cast) -> None:
    """As many e-mails to one recipient as by inviting them. Refused, nothing is lost, and it can wait."""
    invited = invite(cast.site, cast.installer, cast.stranger, VIEW)
    Invitation.objects.filter(pk=invited.pk).update(
        invited_by=cast.contractor, invited_through=share(cast.site, cast.installer, cast.contractor)
    )
    for _round in range(limits.MAIL_TO_ONE_RECIPIENT.tries - 1):
        undoing.undo(undo=remove(cast, held(cast)), by=cast.installer)
    undo = remove(cast, held(cast))
    with refused("would send more invitations"):
        undoing.undo(undo=undo, by=cast.installer)
    assert undoing.offered_to(cast.installer, cast.site, str(undo.uuid)) == undo
    assert len(mails("invitation")) <= limits.MAIL_TO_ONE_RECIPIENT.tries + 1


def test_so_many_can_be_undone_in_an_hour(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNDOS_BY_ACCOUNT", limits.Limit("x", 1, timedelta(hours=1)))
    undoing.undo(undo=remove(cast, share(cast.site, cast.installer, cast.contractor)), by=cast.installer)
    undo = remove(cast, held(cast))
    with refused("very many changes within an hour"):
        undoing.undo(undo=undo, by=cast.installer)


def test_the_organisation_that_installed_it_comes_back(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    before = terms(cast)
    installed = cast.site.accesses.get(reason="installed")
    undoing.undo(undo=remove(cast, installed, by=cast.customer), by=cast.customer)
    assert terms(cast) == before


@pytest.mark.parametrize(
    "since",
    [
        lambda cast: change_location(location=cast.site, by=cast.installer, name="Other"),
        lambda cast: share(cast.site, cast.installer, cast.contractor, VIEW),
        lambda cast: invite(cast.site, cast.installer, cast.stranger),
        lambda cast: Undo.objects.update(at=timezone.now() - timedelta(minutes=10, seconds=1)),
        lambda cast: Undo.objects.update(done_at=timezone.now()),
        lambda cast: add_member(
            organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator
        ),
        # As one was kept by an earlier release.
        lambda cast: Undo.objects.update(
            before={"access": [[1, 3, None]], "invitation": [[1, 3]], "transfer": [], "request": []}
        ),
    ],
    ids=["location", "party", "invited", "late", "done", "member", "release"],
)
def test_not_once_anything_has_changed(cast: Cast, since: Callable[[Cast], Any]) -> None:
    undo = remove(cast, share(cast.site, cast.installer, cast.contractor))
    since(cast)
    with refused("no longer be undone"):
        undoing.undo(undo=Undo.objects.get(pk=undo.pk), by=cast.installer)


@pytest.mark.parametrize(
    "since",
    [
        lambda cast: change_organisation(organisation=cast.operators, by=cast.operator, accepts_shares=False),
        lambda cast: end_membership(membership=membership(cast.operator2, cast.operators), by=cast.operator),
        lambda cast: add_member(
            organisation=cast.operators, user=cast.stranger, role=MEMBER, by=cast.operator
        ),
    ],
    ids=["takes no shares", "put out", "let in"],
)
def test_not_once_the_organisation_that_had_it_has_changed(cast: Cast, since: Callable[[Cast], Any]) -> None:
    undo = remove(cast, accept(invite_operators(cast), cast.operator))
    since(cast)
    assert undoing.offered_to(cast.installer, cast.site, str(undo.uuid)) is None
    with refused("no longer be undone"):
        undoing.undo(undo=undo, by=cast.installer)


def test_what_changes_nothing_does_not_count(cast: Cast) -> None:
    undo = remove(cast, share(cast.site, cast.installer, cast.contractor))
    Activity.objects.create(verb=Verb.INVITATION_DELIVERED, location_id=cast.site.pk)
    # Of organisations: another one's, and what is no change of whom it is.
    Activity.objects.create(verb=Verb.MEMBER_JOINED, organisation_id=cast.elsewhere.pk)
    assert undoing.offered_to(cast.installer, cast.site, str(undo.uuid)) == undo


def test_only_whoever_did_it(cast: Cast) -> None:
    """Not a colleague, not the party itself, not who could do it no longer."""
    access = share(cast.site, cast.installer, cast.contractor)
    undo = remove(cast, access)
    for person in (cast.colleague, cast.contractor, cast.stranger, cast.support):
        assert undoing.offered_to(person, cast.site, str(undo.uuid)) is None
        with refused("no longer be undone"):
            undoing.undo(undo=undo, by=person)
    undo = remove(cast, share(cast.site, cast.colleague, cast.operator), by=cast.colleague)
    end_membership(membership=membership(cast.colleague, cast.firm), by=cast.installer)
    with refused("no longer have the right"):
        undoing.undo(undo=undo, by=cast.colleague)


def test_nothing_to_somebody_who_is_gone(cast: Cast) -> None:
    undo = remove(cast, share(cast.site, cast.installer, cast.contractor))
    close_account(user=cast.contractor)
    with refused("Nothing can be given"):
        undoing.undo(undo=undo, by=cast.installer)


def test_twice_is_once(cast: Cast) -> None:
    undo = remove(cast, accept(invite_operators(cast), cast.operator))
    undoing.undo(undo=undo, by=cast.installer)
    with refused("no longer be undone"):
        undoing.undo(undo=undo, by=cast.installer)


def test_they_are_forgotten_after_a_day(cast: Cast) -> None:
    undo = remove(cast, share(cast.site, cast.installer, cast.contractor))
    assert undoing.forget_old() == 0
    Undo.objects.filter(pk=undo.pk).update(at=timezone.now() - timedelta(days=1, minutes=1))
    assert undoing.forget_old() == 1


@pytest.mark.pages
def test_the_tab_offers_it_while_it_can_be_done(cast: Cast) -> None:
    """After a level and after a removal; to whoever did it; not once something has changed."""
    access = share(cast.site, cast.installer, cast.contractor)
    client, tab = signed_in(cast.installer), reverse("sharing:permissions", args=[cast.site.uuid])
    page = client.post(
        reverse("sharing:change_level", args=[cast.site.uuid, access.uuid]), {"level": "1"}, follow=True
    )
    assert "Not what you meant?" in text_of(page)
    page = client.post(reverse("sharing:undo", args=[cast.site.uuid, Undo.objects.get().uuid]), follow=True)
    assert "Undone." in said(page) and "Not what you meant?" not in text_of(page)
    access.refresh_from_db()
    assert access.level == MANAGE
    page = client.post(reverse("sharing:remove", args=[cast.site.uuid, access.uuid]), follow=True)
    assert "Not what you meant?" in text_of(page)
    assert "Not what you meant?" not in text_of(signed_in(cast.colleague).get(tab))
    share(cast.site, cast.installer, cast.stranger, VIEW)
    assert "Not what you meant?" not in text_of(client.get(tab))


def two_ways(cast: Cast, level: Level) -> Access:
    """The contractor has this by a code for some days, and Manage by e-mail: that one is returned."""
    code, _new = invitations_codes.create_code(
        location=cast.site, by=cast.installer, level=level, access_ends_at=in_days(20)
    )
    accept(code, cast.contractor)
    return share(cast.site, cast.installer, cast.contractor)


def give_up_one_of_two(cast: Cast) -> Any:
    """One's own Manage, by one of two ways, on its page."""
    url = reverse("sharing:entry", args=[cast.site.uuid, two_ways(cast, VIEW).uuid])
    return signed_in(cast.contractor).post(url, {"level": "1", "sure": "1"}, follow=True)


def leave_one_of_two(cast: Cast) -> Any:
    url = reverse("sharing:remove", args=[cast.site.uuid, two_ways(cast, VIEW).uuid])
    return signed_in(cast.contractor).post(url, follow=True)


def leave_one_of_two_with_manage(cast: Cast) -> Any:
    """Who can share still, and could give it back to themselves."""
    url = reverse("sharing:remove", args=[cast.site.uuid, two_ways(cast, MANAGE).uuid])
    return signed_in(cast.contractor).post(url, follow=True)


def remove_where_it_is_archived(cast: Cast) -> Any:
    access = share(cast.site, cast.installer, cast.contractor)
    archive_location(location=cast.site, by=cast.installer)
    url = reverse("sharing:remove", args=[cast.site.uuid, access.uuid])
    return signed_in(cast.installer).post(url, follow=True)


def remove_support(cast: Cast) -> Any:
    access = share(cast.site, cast.installer, cast.contractor)
    User.objects.filter(pk=cast.contractor.pk).update(is_staff=True)
    url = reverse("sharing:remove", args=[cast.site.uuid, access.uuid])
    return signed_in(cast.installer).post(url, follow=True)


@pytest.mark.pages
@pytest.mark.parametrize(
    "act",
    [
        give_up_one_of_two,
        leave_one_of_two,
        leave_one_of_two_with_manage,
        remove_where_it_is_archived,
        remove_support,
    ],
)
def test_what_could_not_be_undone_is_not_offered(cast: Cast, act: Callable[[Cast], Any]) -> None:
    page = act(cast)
    assert page.status_code == 200 and said(page)
    assert "Not what you meant?" not in text_of(page) and not Undo.objects.exists()


@pytest.mark.pages
def test_thirty_days_more_can_be_undone(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(3))
    client = signed_in(cast.installer)
    url = reverse("sharing:extend", args=[cast.site.uuid, access.uuid])
    page = client.post(url, {"ends": access.ends_at.isoformat()}, follow=True)
    assert "Not what you meant?" in text_of(page)
    client.post(reverse("sharing:undo", args=[cast.site.uuid, Undo.objects.get().uuid]))
    assert held(cast).ends_at == access.ends_at


@pytest.mark.pages
def test_the_page_says_that_the_code_goes_with_what_is_undone(cast: Cast) -> None:
    """Before and after; not where nobody is lowered by it."""
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    client = signed_in(cast.installer)
    change = reverse("sharing:change_level", args=[cast.site.uuid, access.uuid])
    page = client.post(change, {"level": str(MANAGE)}, follow=True)
    assert "Not what you meant?" in text_of(page) and "so it is withdrawn as well" in text_of(page)
    page = client.post(reverse("sharing:undo", args=[cast.site.uuid, Undo.objects.get().uuid]), follow=True)
    assert "Undone. They may know the invitation code" in said(page)
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    page = client.post(change, {"level": str(VIEW)}, follow=True)
    assert "Not what you meant?" in text_of(page) and "withdrawn as well" not in text_of(page)


@pytest.mark.pages
def test_what_goes_with_a_level_stands_there_before(cast: Cast) -> None:
    """In the row where it was chosen, and without JavaScript on a page; looking changes nothing."""
    make_owner(cast.site, cast.customer, cast.installer)
    access = share(cast.site, cast.installer, cast.contractor)
    invite(cast.site, cast.contractor, cast.stranger, VIEW)
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=CONFIGURE)
    client = signed_in(cast.installer)
    url = reverse("sharing:entry", args=[cast.site.uuid, access.uuid])
    for headers in ({"HX-Request": "true"}, {}):
        page = text_of(client.get(f"{url}?level=1", headers=headers))
        assert "1 open invitation of theirs is withdrawn." in page
        assert "They may know the invitation code" in page and "Save" in page
    assert "withdrawn" not in text_of(client.get(f"{url}?level=3"))
    access.refresh_from_db()
    assert access.level == MANAGE
    for level in ("4", "x", "-1", "\0", "3.0"):
        assert client.get(url, {"level": level}).status_code == 200


@pytest.mark.pages
def test_the_page_of_an_entry_asks_before_more_goes_than_was_chosen(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    invite(cast.site, cast.contractor, cast.stranger, VIEW)
    client, url = (
        signed_in(cast.installer),
        reverse("sharing:entry", args=[cast.site.uuid, access.uuid]),
    )
    page = client.post(url, {"level": "1"})
    assert page.status_code == 200 and "1 open invitation of theirs is withdrawn." in text_of(page)
    access.refresh_from_db()
    assert access.level == MANAGE
    # Of the level it was said of, and of no other.
    assert 'name="sure" value="1"' in page.content.decode()
    page = client.post(url, {"level": "1", "sure": "2"})
    access.refresh_from_db()
    assert access.level == MANAGE and "1 open invitation of theirs is withdrawn." in text_of(page)
    page = client.post(url, {"level": "1", "sure": "1"}, follow=True)
    assert "Contractor: Can view." in said(page)


# --- What undoing must not bring ---------------------------------------------------------------------


def test_what_was_asked_can_be_answered_again(cast: Cast) -> None:
    """Of the invitation as it came back."""
    access = share(cast.site, cast.installer, cast.contractor)
    invited = invite(cast.site, cast.contractor, cast.customer, VIEW)
    asked = requests.ask_for_approval(invitation=invited, by=cast.operator2)
    undoing.undo(undo=remove(cast, access), by=cast.installer)
    asked = AccessRequest.objects.with_all().get(pk=asked.pk)
    assert asked.is_open and requests.answer_what_is_over() == 0


def test_a_way_that_was_replaced_comes_back_beside_the_one_that_was_raised(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=in_days(20))
    for_good = share(cast.site, cast.installer, cast.contractor, VIEW)
    before = terms(cast)
    undoing.undo(undo=lower(cast, for_good, MANAGE), by=cast.installer)
    assert terms(cast) == before


def test_nobody_stands_for_what_is_no_longer_theirs(cast: Cast) -> None:
    """Neither who may hand it over no longer, nor to who takes no shares, nor what was got another way."""
    access = share(cast.site, cast.installer, cast.contractor)
    transfer = transfers.start(location=cast.site, by=cast.colleague, email=cast.contractor.email)
    to_operators = invite_operators(cast, VIEW, by=cast.contractor)
    to_customer = invite(cast.site, cast.contractor, cast.customer, VIEW)
    undo = remove(cast, access)
    end_membership(membership=membership(cast.colleague, cast.firm), by=cast.installer)
    change_organisation(organisation=cast.operators, by=cast.operator, accepts_shares=False)
    add_member(organisation=cast.firm, user=cast.customer, role=MEMBER, by=cast.installer)
    undoing.undo(undo=undo, by=cast.installer)
    for one in (transfer, to_operators, to_customer):
        one.refresh_from_db()
        assert not one.is_live(), one
