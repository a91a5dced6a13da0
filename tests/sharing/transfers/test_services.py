"""Handing a location over: who may, what acceptance does in one step, every way it goes on (product 2)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location, give_access, restore_location
from organisations import services as organisations
from organisations.closing import close_organisation
from organisations.models import Membership
from portal import limits
from portal.accounts.deletion import close_account, obstacles
from portal.invitations.answering import Holder, Situation
from portal.models import Activity, Throttle, User
from portal.verbs import Verb
from sharing import kinds
from sharing.access import removing
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer
from sharing.tab.entries import tab_of
from sharing.tasks import settle_expired_invitations
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers
from sharing.transfers.handover import for_the_next_owner, what_changes
from tests.cast import Cast, invite, make_location, make_owner, make_person, share
from tests.sharing.replay import as_it_is, replay
from tests.tools import live, mails, projected, refused

State = Transfer.State
FIRM = ("Strøm & Søn", "installed", 3)
NOT_YOURS = "Only the Owner and whoever installed the location can hand it over."


def start(cast: Cast, to: str = "contractor@test.example", by: Any = None, **more: Any) -> Transfer:
    Throttle.objects.all().delete()
    return transfers.start(location=cast.site, by=by or cast.installer, email=to, **more)


def accept(found: Transfer, by: User) -> Access:
    found = Transfer.objects.with_all().get(pk=found.pk)
    return transfers_accepting.accept(transfer=found, by=by, nonce=found.nonce)


def hand_over(cast: Cast, to: User, by: Any = None) -> Access:
    return accept(start(cast, to.email, by), to)


def run_out(found: Transfer) -> None:
    end = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
    Transfer.objects.filter(pk=found.pk).update(expires_at=end, invited_at=end - timedelta(days=7))
    found.refresh_from_db()


def situation(found: Transfer, user: User | None, **holds: bool) -> Situation:
    fresh = Transfer.objects.with_all().get(pk=found.pk)
    return kinds.situation_of(fresh, Holder(user, **holds))


def state(found: Transfer) -> str:
    found.refresh_from_db()
    return str(found.state)


def verbs(cast: Cast) -> list[str]:
    entries = Activity.objects.filter(location_id=cast.site.pk).order_by("pk")
    return list(entries.values_list("verb", flat=True))


def visible_to(cast: Cast) -> set[str]:
    """Everybody of the cast who sees the site."""
    people = User.objects.filter(is_staff=False)
    return {user.email.partition("@")[0] for user in people if Viewer.of(user, cast.site).level}


# --- Who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize("owned", [False, True])
def test_the_owner_and_the_installing_party_and_nobody_else(cast: Cast, owned: bool) -> None:
    """Start, resend, look, withdraw: a recipient with Manage cannot, personally or by an organisation."""
    share(cast.site, cast.installer, cast.operator)
    share(cast.site, cast.installer, cast.contractor, Level.CONFIGURE)
    if owned:
        make_owner(cast.site, cast.customer, cast.installer)
    may = {"installer", "colleague", *(["customer"] if owned else [])}
    for who in ("installer", "colleague", "customer", "operator", "operator2", "contractor", "stranger"):
        by = getattr(cast, who)
        assert Viewer.of(by, cast.site).may_transfer == (who in may), who
        if who in may:
            found = start(cast, "next@test.example", by)
            assert transfers.renew(transfer=found, by=by).is_live()
            assert len(transfers.show_code(transfer=found, by=by)) == 14
            assert transfers.withdraw(transfer=found, by=by)
            continue
        found = start(cast, "next@test.example")
        with refused(NOT_YOURS):
            start(cast, "other@test.example", by)
        for act in (transfers.renew, transfers.withdraw, transfers.show_code):
            with refused(NOT_YOURS):
                act(transfer=found, by=by)  # type: ignore[operator]
        transfers.withdraw(transfer=found, by=cast.installer)


def test_it_is_sent_for_seven_days_and_changes_nothing(cast: Cast) -> None:
    before = live(cast.site)
    found = start(cast, " Next@Test.example ", message=" Hej ")
    assert (found.email, found.message, found.renewed) == ("next@test.example", "Hej", False)
    assert found.expires_at - found.invited_at == timedelta(hours=168)
    assert live(cast.site) == before
    assert mails("transfer") == [("transfer", "next@test.example")]
    assert mails("transfer-started") == []
    assert verbs(cast)[-1] == Verb.TRANSFER_STARTED
    old = found.code
    again = start(cast, "next@test.example", cast.colleague)
    assert (again.pk, again.renewed, again.code != old) == (found.pk, True, True)
    assert verbs(cast)[-1] == Verb.TRANSFER_STARTED_AGAIN


def test_the_owner_is_told_when_somebody_else_begins(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    found = start(cast, "next@test.example")
    assert mails("transfer-started") == [("transfer-started", cast.customer.email)]
    transfers.withdraw(transfer=found, by=cast.customer)
    start(cast, "next@test.example", cast.customer)
    assert len(mails("transfer-started")) == 1


def test_addresses_it_is_not_sent_to(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own, the Owner's, and a second one while the first has not answered."""
    EmailAddress.objects.create(user=cast.installer, email="private@test.example", verified=True)
    for own in ("INSTALLER@test.example", "private@test.example"):
        with refused("That is your own address.", field="email"):
            start(cast, own)
    owned = make_owner(cast.site, cast.customer, cast.installer)
    with refused("customer@test.example is the Owner already.", field="email") as caught:
        start(cast, cast.customer.email)
    assert caught.value.data["access"] == owned
    EmailAddress.objects.create(user=cast.customer, email="further@test.example", verified=True)
    found = start(cast, "further@test.example")
    assert situation(found, cast.customer) is Situation.HAS_ACCESS
    with refused("You are the Owner of this location already."):
        accept(found, cast.customer)
    with refused("further@test.example has been invited already. Withdraw that", field="email"):
        start(cast, "next@test.example")
    run_out(found)
    assert start(cast, "next@test.example").is_live()
    assert state(found) == State.EXPIRED
    with refused("next@test.example has been invited already."):
        transfers.renew(transfer=found, by=cast.installer)
    monkeypatch.setattr(limits, "INVITATIONS_BY_ACCOUNT", limits.Limit("x", 0, timedelta(hours=1)))
    with refused("You have sent very many invitations."):
        start(cast, "next@test.example")


def test_an_archived_location_is_not_handed_over(cast: Cast) -> None:
    found = start(cast)
    archive_location(location=cast.site, by=cast.installer)
    with refused("This location has been archived, so it cannot be handed over."):
        start(cast)
    assert situation(found, cast.contractor) is Situation.STOPPED
    with refused("This location can no longer be handed over by the person who invited you."):
        accept(found, cast.contractor)
    restore_location(location=cast.site, by=cast.installer)
    assert accept(found, cast.contractor).reason == "owner"


# --- Acceptance -------------------------------------------------------------------------------


def test_the_first_owner(cast: Cast) -> None:
    """In one step; the installing organisation stays, until the Owner ends it."""
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    found = start(cast, cast.customer.email)
    access = accept(found, cast.customer)
    assert live(cast.site) == {FIRM, ("Customer", "owner", 3)}
    assert (access.given_by, access.given_through) == (cast.installer, None)
    assert (state(found), found.settled_by) == (State.ACCEPTED, cast.customer)
    assert visible_to(cast) == {"installer", "colleague", "customer"}
    assert mails("transferred") == [
        ("transferred", cast.customer.email),
        ("transferred", cast.installer.email),
    ]
    assert Verb.TRANSFERRED in verbs(cast) and replay() == as_it_is()
    assert Invitation.objects.live_code_of(cast.site) is not None
    installed = Access.objects.get(location=cast.site, reason="installed")
    removing.remove_access(access=installed, by=cast.customer)
    assert live(cast.site) == {("Customer", "owner", 3)}
    assert visible_to(cast) == {"customer"}


def test_from_one_owner_to_the_next(cast: Cast) -> None:
    """The earlier one loses all they had personally, and what they offered; what they gave stays."""
    hand_over(cast, cast.customer)
    give_access(
        location=cast.site,
        party=cast.customer,
        level=Level.VIEW,
        reason=Access.Reason.EMAIL,
        by=cast.installer,
    )
    share(cast.site, cast.customer, cast.operator, Level.VIEW)
    share(cast.site, cast.installer, cast.contractor, Level.CONFIGURE)
    offered = invite(cast.site, cast.customer, cast.stranger)
    by_firm = invite(cast.site, cast.installer, cast.operator2)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    found = start(cast, cast.contractor.email, cast.customer)
    accept(found, cast.contractor)
    assert live(cast.site) == {FIRM, ("Contractor", "owner", 3), ("Operator", "email", 1)}
    assert visible_to(cast) == {"installer", "colleague", "contractor", "operator"}
    states = {each.pk: Invitation.objects.get(pk=each.pk).state for each in (offered, by_firm, code)}
    assert states == {offered.pk: "withdrawn", by_firm.pk: "pending", code.pk: "withdrawn"}
    assert replay() == as_it_is()
    assert not any(row[0] == "user" and row[1] == cast.customer.pk for row in projected(cast.site))
    told = [address.partition("@")[0] for _, address in mails("transferred")]
    assert told == ["contractor", "customer", "customer", "installer", "installer"]
    assert situation(found, cast.contractor) is Situation.HAS_ACCESS


def test_the_earlier_owner_has_nothing_left_to_come_back_by(cast: Cast) -> None:
    """Whatever others offered them goes with it, said before; only the new Owner lets them in again."""
    EmailAddress.objects.create(user=cast.customer, email="second@test.example", verified=True)
    hand_over(cast, cast.customer)
    said = "What others have offered the earlier Owner here is withdrawn."
    assert said not in what_changes(Viewer.of(cast.installer, cast.site))
    share(cast.site, cast.customer, cast.operator)
    second = make_person("second-of-nobody@test.example")
    by_mail, bait = (
        invitations.share_with_person(location=cast.site, by=by, email=email, level=Level.MANAGE)
        for by, email in ((cast.installer, "second@test.example"), (cast.operator, second.email))
    )
    assert said in what_changes(Viewer.of(cast.installer, cast.site))
    hand_over(cast, cast.contractor, cast.customer)
    for invitation, state in ((by_mail, "withdrawn"), (bait, "pending")):
        invitation.refresh_from_db()
        assert invitation.state == state
    assert mails("offers-taken-back") == [("offers-taken-back", cast.installer.email)]
    assert "customer" not in visible_to(cast) and replay() == as_it_is()


def test_a_person_who_installed_it_stays_until_the_owner_ends_it(cast: Cast) -> None:
    """Owner and installing party in one: what goes on is the ownership."""
    cast.site = make_location(cast.operator, None, "Own")
    hand_over(cast, cast.customer, cast.operator)
    hand_over(cast, cast.operator, cast.customer)
    assert live(cast.site) == {("Operator", "installed", 3), ("Operator", "owner", 3)}
    hand_over(cast, cast.contractor, cast.operator)
    assert live(cast.site) == {("Operator", "installed", 3), ("Contractor", "owner", 3)}
    assert ("transferred", cast.operator.email) in mails("transferred")
    removing.remove_access(
        access=Access.objects.live().get(location=cast.site, reason="installed"), by=cast.contractor
    )
    assert live(cast.site) == {("Contractor", "owner", 3)}
    assert visible_to(cast) == {"contractor"}


def test_without_an_installing_party_the_owner_hands_over(cast: Cast) -> None:
    hand_over(cast, cast.customer)
    removing.remove_access(
        access=Access.objects.live().get(location=cast.site, reason="installed"), by=cast.customer
    )
    with refused(NOT_YOURS):
        start(cast)
    leaves_it = "You are no longer the Owner, and the location leaves your list."
    assert what_changes(Viewer.of(cast.customer, cast.site)) == [NEW, leaves_it]
    hand_over(cast, cast.contractor, cast.customer)
    assert live(cast.site) == {("Contractor", "owner", 3)}


# --- What it is to whom -----------------------------------------------------------------------

Arrange = Callable[[Cast, Transfer], Any]
STATES: dict[str, tuple[Arrange, Situation]] = {
    "live": (lambda cast, found: None, Situation.FINE),
    "expired": (lambda cast, found: run_out(found), Situation.EXPIRED),
    "withdrawn": (
        lambda cast, found: transfers.withdraw(transfer=found, by=cast.colleague),
        Situation.WITHDRAWN,
    ),
    "declined": (
        lambda cast, found: transfers_accepting.decline(
            invitation=found, by=cast.contractor, nonce=found.nonce
        ),
        Situation.DECLINED,
    ),
    "accepted": (lambda cast, found: accept(found, cast.contractor), Situation.HAS_ACCESS),
    "accepted, and handed on": (
        lambda cast, found: (accept(found, cast.contractor), hand_over(cast, cast.customer)),
        Situation.USED,
    ),
    "the starter is closed": (
        lambda cast, found: User.objects.filter(pk=cast.installer.pk).update(is_active=False),
        Situation.STOPPED,
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_told_to_those_entitled(cast: Cast, name: str) -> None:
    """And nothing to anybody else; whatever cannot be accepted changes nothing."""
    arrange, expected = STATES[name]
    found = start(cast)
    arrange(cast, found)
    found.refresh_from_db()
    assert situation(found, cast.contractor) is expected
    for nobody in (cast.stranger, cast.installer, None):
        assert situation(found, nobody) is Situation.UNKNOWN
    if expected is not Situation.FINE:
        with refused() as caught:
            accept(found, cast.contractor)
        assert caught.value.data["situation"] is expected
    else:
        assert situation(found, cast.stranger, has_code=True) is Situation.WRONG_ACCOUNT
        assert situation(found, None, has_code=True) is Situation.SIGNED_OUT
        with refused("This invitation was sent to another address than yours."):
            accept(found, cast.stranger)
    assert list(Transfer.objects.waiting_for(cast.contractor)) == ([found] if found.is_live() else [])
    assert not Transfer.objects.waiting_for(cast.stranger).exists()


def test_declining_and_asking_tell_whoever_invited(cast: Cast) -> None:
    found = start(cast)
    transfers_accepting.ask_for_new(invitation=found, by=cast.stranger)
    transfers_accepting.decline(invitation=found, by=cast.contractor, nonce=found.nonce)
    assert mails("transfer-declined") == [("transfer-declined", cast.installer.email)]
    assert mails("transfer-asked-for") == [("transfer-asked-for", cast.installer.email)]
    assert verbs(cast)[-2:] == [Verb.TRANSFER_ASKED_FOR, Verb.TRANSFER_DECLINED]
    with refused("contractor@test.example has answered meanwhile. Nothing was sent."):
        transfers.renew(transfer=found, by=cast.installer)
    assert start(cast).renewed


def test_it_ends_after_seven_days_and_is_told_once(cast: Cast) -> None:
    found = start(cast)
    run_out(found)
    with refused("This code has ended."):
        transfers.show_code(transfer=found, by=cast.installer)
    settle_expired_invitations()
    settle_expired_invitations()
    assert state(found) == State.EXPIRED
    assert mails("transfer-expired") == [("transfer-expired", cast.installer.email)]
    assert verbs(cast).count(Verb.TRANSFER_EXPIRED) == 1
    assert transfers.renew(transfer=found, by=cast.colleague).is_live()


def test_stale_pages(cast: Cast) -> None:
    """Renewed meanwhile, withdrawn meanwhile, accepted meanwhile."""
    found = start(cast)
    old = found.nonce
    transfers.renew(transfer=found, by=cast.installer)
    with refused("This invitation was renewed meanwhile. Look at it again."):
        transfers_accepting.accept(transfer=found, by=cast.contractor, nonce=old)
    transfers.withdraw(transfer=found, by=cast.installer)
    assert not transfers.withdraw(transfer=found, by=cast.installer)
    with refused("This invitation was withdrawn meanwhile. Nothing was sent."):
        transfers.renew(transfer=found, by=cast.installer)
    found = start(cast)
    accept(found, cast.contractor)
    with refused("contractor@test.example has accepted meanwhile."):
        transfers.withdraw(transfer=found, by=cast.installer)


# --- What ends with whoever invited, or with whoever was invited ------------------------------


def put_out(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    removing.remove_access(
        access=Access.objects.live().get(location=cast.site, reason="installed"), by=cast.customer
    )


def leaves(cast: Cast) -> None:
    organisations.end_membership(
        membership=Membership.objects.get(user=cast.colleague, organisation=cast.firm), by=cast.installer
    )


def closes(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    close_organisation(organisation=cast.firm, by=cast.installer, name=cast.firm.name)


LOSSES: dict[str, Callable[[Cast], Any]] = {
    "the installing party is put out": put_out,
    "a colleague is removed": leaves,
    "the organisation is deleted": closes,
    "the account of whoever invited is deleted": lambda cast: close_account(user=cast.colleague),
    "the account of whoever was invited is deleted": lambda cast: close_account(user=cast.contractor),
}


@pytest.mark.parametrize("name", LOSSES)
def test_it_is_withdrawn_at_once(cast: Cast, name: str) -> None:
    found = start(cast, by=cast.colleague)
    bait = transfers.start(location=cast.bait, by=cast.stranger, email="next@test.example")
    LOSSES[name](cast)
    assert state(found) == State.WITHDRAWN
    assert state(bait) == State.PENDING
    assert verbs(cast).count(Verb.TRANSFER_WITHDRAWN) == 1


def test_an_owner_who_leaves_the_installing_organisation_can_still_hand_over(cast: Cast) -> None:
    make_owner(cast.site, cast.colleague, cast.installer)
    found = start(cast, by=cast.colleague)
    leaves(cast)
    assert accept(found, cast.contractor).reason == "owner"


def test_the_page_of_deleting_an_account_leads_to_handing_over(cast: Cast) -> None:
    hand_over(cast, cast.customer)
    (obstacle,) = obstacles(cast.customer)
    assert obstacle.url.endswith(f"/{cast.site.uuid}/permissions/transfer/")
    hand_over(cast, cast.contractor, cast.customer)
    assert obstacles(cast.customer) == []


# --- What is shown ----------------------------------------------------------------------------

NEW = "The new Owner sees everything there, decides who has access, and can end anybody's."
OTHERS = "Everybody else keeps their access, until it is ended."


def test_both_sides_read_what_changes_for_whom(cast: Cast) -> None:
    firm_keeps = "Strøm & Søn keeps access as the installer, until the new Owner ends it."
    you_keep = "You keep access as the installer, until the new Owner ends it."
    assert what_changes(Viewer.of(cast.installer, cast.site)) == [NEW, you_keep]
    nameless = make_person("nameless@test.example")
    share(cast.site, cast.installer, nameless)
    hand_over(cast, cast.customer)
    loses = "Customer is no longer the Owner, and loses their own access."
    assert what_changes(Viewer.of(cast.installer, cast.site)) == [NEW, loses, you_keep, OTHERS]
    assert what_changes(Viewer.of(cast.customer, cast.site)) == [
        NEW,
        "You are no longer the Owner, and the location leaves your list.",
        firm_keeps,
        OTHERS,
    ]
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    organisations.add_member(
        organisation=cast.firm, user=cast.customer, role=Membership.Role.MEMBER, by=cast.installer
    )
    assert what_changes(Viewer.of(cast.customer, cast.site))[1:3] == [
        "You are no longer the Owner. You keep only what you have by other ways.",
        "The invitation code is withdrawn, because the earlier Owner may know it.",
    ]
    assert for_the_next_owner(cast.site) == {
        "parties": [
            "Strøm & Søn · installed it",
            "n•••@test.example · by e-mail invitation",
            "Customer · owner",
        ],
        "changes": [
            loses,
            "Everybody else keeps their access until you end it, those who installed it too.",
        ],
    }
    assert for_the_next_owner(cast.bait)["changes"] == [
        "Everybody keeps their access until you end it, those who installed it too."
    ]


def test_the_tab_shows_it_to_all_and_its_buttons_to_those_who_may(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.operator)
    share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    for who, may in ((cast.installer, True), (cast.operator, False)):
        assert tab_of(Viewer.of(who, cast.site)).handover.may_start is may
    found = start(cast, "next@test.example")
    for who, name, may in (
        (cast.colleague, "next@test.example", True),
        (cast.operator, "next@test.example", False),
        (cast.contractor, "n•••@test.example", False),
    ):
        shown = tab_of(Viewer.of(who, cast.site)).handover
        (row,) = shown.waiting
        assert (row.transfer, row.name, row.delivery) == (found, name, "queued")
        assert (row.may_renew, row.may_withdraw, shown.may_start) == (may, may, False)
    run_out(found)
    assert tab_of(Viewer.of(cast.colleague, cast.site)).handover.may_start
    cast.site = archive_location(location=cast.site, by=cast.installer)
    shown = tab_of(Viewer.of(cast.colleague, cast.site)).handover
    assert (shown.may_start, shown.waiting[0].may_renew, shown.waiting[0].may_withdraw) == (
        False,
        False,
        True,
    )
