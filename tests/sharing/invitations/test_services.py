"""The sharer's verbs: what each does, and every refusal."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils.translation import override

from locations import services as locations
from locations.levels import Level
from locations.models import Access
from organisations.models import Membership, Organisation
from organisations.services import add_member, find_by_key
from portal import codes, limits
from portal.invitations.answering import Holder, Situation
from portal.lib.humanize import last_day
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing import kinds
from sharing.access import changing, removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.invitations.forms import InviteForm
from sharing.invitations.services import correct_address
from sharing.kinds import situation_of
from sharing.models import Invitation
from sharing.support import services as support
from tests.cast import (
    ADMINISTRATOR,
    MEMBER,
    Cast,
    accept,
    invite,
    invite_operators,
    make_location,
    share,
)
from tests.sharing.bulk.test_jobs import Act, order, outcomes, share_all
from tests.tools import in_days, live, mails, refused, run_out, state_of_everything, verbs

VIEW, CONFIGURE, MANAGE = Level


# --- Inviting a person ------------------------------------------------------------------------


def test_inviting_a_person_says_what_was_offered(cast: Cast) -> None:
    end = in_days(30)
    with override("da"):
        made = invitations.share_with_person(
            location=cast.site,
            by=cast.installer,
            email="  New@Test.Example ",
            level=CONFIGURE,
            message="  Hej ",
            access_ends_at=end,
        )
    made.refresh_from_db()
    assert (made.kind, made.email, made.organisation) == ("person", "new@test.example", None)
    assert (made.level, made.message, made.access_ends_at) == (CONFIGURE, "Hej", end)
    assert (made.state, made.uses, made.settled_at, made.settled_by) == ("pending", 0, None, None)
    assert (made.invited_by, made.language) == (cast.installer, "da")
    assert made.invited_through == cast.site.accesses.get()
    assert made.expires_at - made.invited_at == timedelta(hours=168)
    assert made.invited_at.microsecond == 0
    assert mails() == [("invitation", "new@test.example")]
    assert verbs(cast.site)[-1] == Verb.INVITED
    assert live(cast.site) == {("Strøm & Søn", "installed", 3)}


def test_a_code_is_found_by_its_digest_and_is_not_in_the_row(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    assert kinds.with_code(made.code) == made
    assert made.code not in str(Invitation.objects.filter(pk=made.pk).values().get())


@pytest.mark.parametrize(
    "typed", ["installer@test.example", " Installer@TEST.example ", "second@test.example"]
)
@pytest.mark.parametrize("verified", [True, False])
def test_ones_own_address_is_refused(cast: Cast, typed: str, verified: bool) -> None:
    """Second addresses included."""
    EmailAddress.objects.create(user=cast.installer, email="second@test.example", verified=verified)
    with refused("your own address", field="email"):
        invitations.share_with_person(location=cast.site, by=cast.installer, email=typed, level=VIEW)


def test_who_has_as_much_is_not_invited_and_who_has_less_is(cast: Cast) -> None:
    """A higher level is offered as a change (product rule 4)."""
    access = share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    for level in (VIEW, CONFIGURE):
        with refused("contractor@test.example already has access", field="email") as caught:
            invite(cast.site, cast.installer, cast.contractor, level)
        assert caught.value.data["access"] == access
    # Of the accepted one there is nothing to replace.
    assert not invite(cast.site, cast.installer, cast.contractor, MANAGE).renewed


def test_nobody_is_invited_to_what_a_sharer_with_an_end_cannot_give(cast: Cast) -> None:
    """Nobody gives for longer than they have: until then, the recipient has as much already."""
    until = in_days(3)
    for person in (cast.contractor, cast.customer, cast.operator):
        share(cast.site, cast.installer, person, access_ends_at=until)
    Access.objects.filter(user=cast.operator).update(user=None, organisation=cast.operators)
    for ends_at in (None, in_days(30)):
        until_when = f"for as long as it can be given: until {last_day(until)}"
        with refused(f"customer@test.example already has access {until_when}", field="email"):
            invite(cast.site, cast.contractor, cast.customer, access_ends_at=ends_at)
        with refused("Nordlys already has access", field="key"):
            invitations.share_with_organisation(
                location=cast.site,
                by=cast.contractor,
                key=cast.operators.key,
                network="n",
                level=MANAGE,
                access_ends_at=ends_at,
            )
    assert not Invitation.objects.open().exists()


def test_nothing_is_sent_again_that_a_sharer_with_an_end_cannot_give(cast: Cast) -> None:
    """Sent for good; then the sharer's own access got an end, until which the recipients have as much."""
    until = in_days(3)
    share(cast.site, cast.installer, cast.contractor)
    waiting = invite(cast.site, cast.contractor, cast.customer)
    wrong = invitations.share_with_person(
        location=cast.site, by=cast.contractor, email="wrong@test.example", level=MANAGE
    )
    offer = share_all(cast, [cast.site], by=cast.contractor, email=cast.stranger.email)
    for person in (cast.customer, cast.stranger):
        locations.give_access(
            location=cast.site,
            party=person,
            level=MANAGE,
            reason=Access.Reason.CODE,
            by=cast.installer,
            ends_at=until,
        )
    holder = Holder(cast.stranger)
    assert situation_of(offer, holder) is Situation.FINE
    Access.objects.filter(user=cast.contractor).update(ends_at=until)
    assert situation_of(offer, holder) is Situation.HAS_ACCESS
    email = cast.customer.email
    with refused("already has access", field="email"):
        invitations.renew(invitation=waiting, by=cast.contractor)
    with refused("already has access", field="email"):
        correct_address(invitation=wrong, by=cast.contractor, email=email)
    with refused("already has access", field="email"):
        support.resend(invitation=waiting, by=cast.support, because="Asked for")
    job = order(cast, Act.SHARE, [cast.site], by=cast.contractor, email=email)
    assert set(outcomes(job).values()) == {"has_access"}


def test_a_second_address_of_somebody_who_has_access_tells_nothing(cast: Cast) -> None:
    """Only under the address that the tab shows is it said that they have access."""
    share(cast.site, cast.installer, cast.contractor)
    EmailAddress.objects.create(user=cast.contractor, email="second@test.example", verified=True)
    with refused("contractor@test.example already has access"):
        invitations.share_with_person(
            location=cast.site, by=cast.installer, email="contractor@test.example", level=VIEW
        )
    invitations.share_with_person(
        location=cast.site, by=cast.installer, email="second@test.example", level=VIEW
    )


def test_somebody_elses_open_invitation_is_not_taken_over(cast: Cast) -> None:
    """A recipient with Manage may not change, by inviting again, what they may not withdraw."""
    share(cast.site, cast.installer, cast.contractor)
    made = invite(cast.site, cast.installer, cast.customer)
    with refused("Installer has already invited customer@test.example", field="email"):
        invite(cast.site, cast.contractor, cast.customer, VIEW)
    made.refresh_from_db()
    assert (made.level, made.invited_by, made.state) == (Level.MANAGE, cast.installer, "pending")
    invitations.withdraw(invitation=made, by=cast.installer)
    assert invite(cast.site, cast.contractor, cast.customer, VIEW).renewed


def test_who_is_put_out_cannot_use_the_code_they_may_know(cast: Cast) -> None:
    """Manage shows the live code, so it ends with somebody's Manage; View does not, so it lives on."""
    manager = share(cast.site, cast.installer, cast.contractor)
    viewer = share(cast.site, cast.installer, cast.customer, VIEW)
    lowered = share(cast.site, cast.installer, cast.operator)
    code, _created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.MANAGE)
    removing.remove_access(access=viewer, by=cast.installer)
    code.refresh_from_db()
    assert code.is_live()
    changing.change_level(access=lowered, by=cast.installer, level=Level.CONFIGURE)
    code.refresh_from_db()
    assert code.state == "withdrawn"
    code, _created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    removing.remove_access(access=manager, by=cast.installer)
    code.refresh_from_db()
    assert code.state == "withdrawn"


def test_colleagues_have_access_already(cast: Cast) -> None:
    with refused("already has access", field="email"):
        invite(cast.site, cast.installer, cast.colleague)


def test_nothing_is_told_of_another_organisations_people(cast: Cast) -> None:
    """Their access through it stays its own affair: the invitation goes out like any (docs/rules.md)."""
    accept(invite_operators(cast), cast.operator)
    assert not invite(cast.site, cast.installer, cast.operator2).renewed
    assert ("invitation", "operator2@test.example") in mails()


def test_access_given_personally_is_seen_though_an_organisation_gives_it_too(cast: Cast) -> None:
    """What the sharer can see on the tab is what the form says (docs/rules.md)."""
    accept(invite_operators(cast, level=VIEW), cast.operator)
    share(cast.site, cast.installer, cast.operator, MANAGE)
    with refused("operator@test.example already has access", field="email"):
        invite(cast.site, cast.installer, cast.operator, VIEW)


@pytest.mark.parametrize("length", [129, 200, 254])
def test_the_longest_address_there_is_can_be_invited(cast: Cast, length: int) -> None:
    """The column takes 254 characters, so what is derived from the address must bear as many."""
    email = "a" * (length - len("@test.example")) + "@test.example"
    made = invitations.share_with_person(location=cast.site, by=cast.installer, email=email, level=VIEW)
    assert mails("invitation") == [("invitation", email)]
    invitations.renew(invitation=made, by=cast.installer)
    assert len(mails("invitation")) == 2


@pytest.mark.parametrize(("length", "fits"), [(254, True), (255, False), (320, False)])
def test_an_address_longer_than_the_column_is_no_address(length: int, fits: bool) -> None:
    """The form says so; PostgreSQL would answer with an error."""
    email = "a" * (length - len("@test.example")) + "@test.example"
    form = InviteForm({"kind": "person", "email": email, "level": "1"})
    assert form.is_valid() is fits


@pytest.mark.parametrize(
    ("who", "sentence"),
    [("stranger", "no longer have the right"), ("support", "no longer have the right")],
)
def test_who_has_no_manage_shares_in_no_way(cast: Cast, who: str, sentence: str) -> None:
    _shares_in_no_way(cast, getattr(cast, who), sentence)


@pytest.mark.parametrize("level", [VIEW, CONFIGURE])
def test_view_and_configure_do_not_share(cast: Cast, level: Level) -> None:
    share(cast.site, cast.installer, cast.contractor, level)
    _shares_in_no_way(cast, cast.contractor, "no longer have the right")


def test_who_lost_manage_shares_no_longer(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    Access.objects.filter(pk=access.pk).update(ends_at=in_days(0))
    _shares_in_no_way(cast, cast.contractor, "no longer have the right")


def test_an_archived_location_is_not_shared(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    locations.archive_location(location=cast.site, by=cast.installer)
    _shares_in_no_way(cast, cast.installer, "has been archived")
    with refused("no longer have the right"):
        invitations.renew(invitation=made, by=cast.installer)


def _shares_in_no_way(cast: Cast, by: User, sentence: str) -> None:
    with refused(sentence, field=""):
        invitations.share_with_person(location=cast.site, by=by, email="new@test.example", level=VIEW)
    with refused(sentence, field=""):
        invite_operators(cast, VIEW, by=by)
    with refused(sentence, field=""):
        invitations_codes.create_code(location=cast.site, by=by, level=VIEW)


# --- Inviting an organisation -----------------------------------------------------------------


def test_every_administrator_is_told_each_in_their_language(cast: Cast) -> None:
    """Product rule 4: every Administrator, nobody else of it."""
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    add_member(organisation=cast.operators, user=cast.contractor, role=ADMINISTRATOR, by=cast.operator)
    User.objects.filter(pk=cast.contractor.pk).update(is_active=False)
    User.objects.filter(pk=cast.operator2.pk).update(language="da")
    made = invite_operators(cast)
    assert (made.kind, made.organisation, made.email) == ("organisation", cast.operators, "")
    rows = OutgoingEmail.objects.filter(about=made.uuid).values_list("address", "language")
    assert set(rows) == {("operator@test.example", "en-gb"), ("operator2@test.example", "da")}


@pytest.mark.parametrize("form", ["{}", " {} ", "lower", "grouped"])
def test_the_key_is_taken_in_any_form(cast: Cast, form: str) -> None:
    key = cast.operators.key
    typed = {"lower": key.lower(), "grouped": codes.grouped(key)}.get(form) or form.format(key)
    found = find_by_key(key=typed, by=cast.installer, network="net")
    assert found == cast.operators
    assert not Throttle.objects.exists()


def test_a_mistyped_key_is_told_as_such_and_costs_nothing(cast: Cast) -> None:
    key = cast.operators.key
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    for typed in (wrong, "x", "7QKM-3RXD-9HFA", key[:-1]):
        with refused("typing error", field="key"):
            invitations.share_with_organisation(
                location=cast.site, by=cast.installer, key=typed, network="net", level=VIEW
            )
    for typed in ("", "   "):
        with refused("Enter the Organisation Key", field="key"):
            invitations.share_with_organisation(
                location=cast.site, by=cast.installer, key=typed, network="net", level=VIEW
            )
    assert not Throttle.objects.exists()


def test_wrong_keys_are_refused_alike_and_throttled(cast: Cast) -> None:
    """Unknown and replaced keys give one answer; ten an hour by one account (product rule 1, 0003-codes)."""
    replaced = cast.operators.key
    nonce = codes.new_nonce()
    cast.operators.key_nonce = nonce
    cast.operators.key_digest = codes.digest(cast.operators.key, purpose="organisation-key")
    cast.operators.save()
    invented = codes.derive(purpose="x", subject="y", nonce="z", length=16)
    for key in [replaced, invented] * 5:
        with refused("No organisation has this key", field="key"):
            find_by_key(key=key, by=cast.installer, network="net")
    for key in (invented, cast.operators.key):
        with refused("too many wrong keys", field="key"):
            find_by_key(key=key, by=cast.installer, network="elsewhere")
    # It slows nobody else down: behind the same address, too, the right key of somebody else passes …
    assert find_by_key(key=cast.operators.key, by=cast.stranger, network="net") == cast.operators
    for _ in range(20):
        limits.count(limits.WRONG_KEY_BY_ADDRESS, "net")
    assert find_by_key(key=cast.operators.key, by=cast.stranger, network="net") == cast.operators
    # … and wrong ones of many accounts there are stopped together, unknown and replaced keys alike.
    for key in (invented, replaced):
        with refused("too many wrong keys", field="key"):
            find_by_key(key=key, by=cast.stranger, network="net")
    with refused("No organisation has this key", field="key"):
        find_by_key(key=invented, by=cast.stranger, network="other")


def test_a_right_key_costs_no_try(cast: Cast) -> None:
    for _ in range(12):
        find_by_key(key=cast.operators.key, by=cast.installer, network="net")
    assert not Throttle.objects.exists()


def test_ones_own_organisation_is_refused(cast: Cast) -> None:
    with refused("your own organisation", field="key"):
        invitations.share_with_organisation(
            location=cast.site, by=cast.colleague, key=cast.firm.key, network="net", level=VIEW
        )


def test_ones_own_organisation_without_access_can_be_given_it(cast: Cast) -> None:
    """What somebody has alone they may share with their colleagues."""
    alone = make_location(cast.operator, None, "Alone")
    made = invitations.share_with_organisation(
        location=alone, by=cast.operator, key=cast.operators.key, network="net", level=VIEW
    )
    accept(made, cast.operator2)
    assert live(alone) == {("Operator", "installed", 3), ("Nordlys", "organisation", 1)}


def test_an_organisation_that_has_access_is_refused_unless_it_gains(cast: Cast) -> None:
    access = accept(invite_operators(cast, level=CONFIGURE), cast.operator)
    with refused("Nordlys already has access", field="key") as caught:
        invite_operators(cast, level=CONFIGURE)
    assert caught.value.data["access"] == access
    assert not invite_operators(cast, level=MANAGE).renewed


def test_an_organisation_that_takes_no_shares_is_not_asked(cast: Cast) -> None:
    """An organisation may switch off incoming shares (product rule 1)."""
    Organisation.objects.filter(pk=cast.operators.pk).update(accepts_shares=False)
    with refused("does not take shared locations", field="key"):
        invite_operators(cast)


def test_an_organisation_without_administrator_is_refused(cast: Cast) -> None:
    """One who may not sign in does not count."""
    Membership.objects.filter(user=cast.operator2).update(role=MEMBER)
    User.objects.filter(pk=cast.operator.pk).update(is_active=False)
    with refused("has no Administrator", field="key"):
        invite_operators(cast)


# --- Invited again ----------------------------------------------------------------------------


def _accepted_and_removed(made: Invitation, cast: Cast) -> None:
    removing.remove_access(access=accept(made, cast.operator), by=cast.installer)


def _expired_and_settled(made: Invitation, cast: Cast) -> None:
    run_out(made)
    withdrawing.settle_expired_invitations()


AFTER = {
    "pending": lambda made, cast: None,
    "declined": lambda made, cast: invitations_accepting.decline(
        invitation=made, by=cast.operator, nonce=made.nonce
    ),
    "withdrawn": lambda made, cast: invitations.withdraw(invitation=made, by=cast.installer),
    "run out": lambda made, cast: run_out(made),
    "expired": _expired_and_settled,
    "removed": _accepted_and_removed,
}


@pytest.mark.parametrize("kind", ["person", "organisation"])
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("how", ["invite", "renew"])
def test_who_was_invited_before_is_invited_in_the_same_row(
    cast: Cast, kind: str, after: str, how: str
) -> None:
    """Never a second row: new code, new seven days, old code dead, and it says so (product rule 4)."""

    def send(level: Level = MANAGE) -> Invitation:
        if kind == "person":
            return invite(cast.site, cast.installer, cast.operator, level)
        return invite_operators(cast, level=level)

    first = send()
    assert not first.renewed
    AFTER[after](first, cast)
    state = Invitation.objects.get().state
    old_code, old_nonce = first.code, first.nonce
    if how == "renew" and after == "withdrawn":
        # A page from before the withdrawal must not undo it.
        with refused("withdrawn meanwhile"):
            invitations.renew(invitation=first, by=cast.installer)
        return
    again = send(VIEW) if how == "invite" else invitations.renew(invitation=first, by=cast.installer)
    # Of one that was accepted there was nothing left to replace.
    assert (again.pk, again.renewed) == (first.pk, state != "accepted")
    again = Invitation.objects.get()
    assert (again.state, again.uses, again.settled_at, again.settled_by) == ("pending", 0, None, None)
    assert again.nonce != old_nonce
    assert again.code != old_code
    assert kinds.with_code(old_code) is None
    assert again.is_live()
    assert again.expires_at - again.invited_at == timedelta(days=7)
    assert again.level == (VIEW if how == "invite" else MANAGE)
    assert Activity.objects.filter(verb=Verb.INVITED_AGAIN).count() == 1
    addresses = OutgoingEmail.objects.filter(kind="invitation", version=again.nonce)
    everyone = {"operator@test.example"} | ({"operator2@test.example"} if kind == "organisation" else set())
    assert set(addresses.values_list("address", flat=True)) == everyone
    accept(again, cast.operator)


def test_a_renewal_keeps_what_was_offered_and_is_now_of_who_sent_it(cast: Cast) -> None:
    end = in_days(9)
    made = invite(cast.site, cast.installer, cast.contractor, CONFIGURE, message="Hi", access_ends_at=end)
    again = invitations.renew(invitation=made, by=cast.colleague)
    assert (again.level, again.message, again.access_ends_at) == (CONFIGURE, "Hi", end)
    assert again.invited_by == cast.colleague


def test_a_renewal_is_refused_once_there_is_access(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    accept(made, cast.contractor)
    with refused("contractor@test.example already has access"):
        invitations.renew(invitation=made, by=cast.installer)
    to_all = invite_operators(cast)
    accept(to_all, cast.operator)
    with refused("Nordlys already has access"):
        invitations.renew(invitation=to_all, by=cast.installer)


def test_a_renewal_is_refused_once_the_access_offered_would_have_ended(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(9))
    Invitation.objects.filter(pk=made.pk).update(
        invited_at=in_days(-2), access_ends_at=in_days(0), expires_at=in_days(0)
    )
    with refused("would have ended by now"):
        invitations.renew(invitation=made, by=cast.installer)


def test_a_code_is_not_renewed(cast: Cast) -> None:
    """A code gets a new row each time, because its uses are history (0004)."""
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    with refused("no longer have the right"):
        invitations.renew(invitation=made, by=cast.installer)


def test_a_renewal_by_somebody_who_may_not_share_is_refused(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    for by in (cast.stranger, cast.contractor, cast.support):
        with refused("no longer have the right"):
            invitations.renew(invitation=made, by=by)


# --- Throttles --------------------------------------------------------------------------------


def test_one_recipient_is_not_flooded(cast: Cast) -> None:
    """Five a day by one sharer, resending included; nobody else is slowed down."""
    made = invite(cast.site, cast.installer, cast.contractor)
    for _ in range(4):
        made = invitations.renew(invitation=made, by=cast.installer)
    with refused("several times today"):
        invitations.renew(invitation=made, by=cast.installer)
    with refused("several times today"):
        invite(cast.site, cast.installer, cast.contractor)
    invite(cast.site, cast.installer, cast.operator)
    invitations.renew(invitation=made, by=cast.colleague)
    Throttle.objects.update(ends_at=in_days(0))
    invitations.renew(invitation=made, by=cast.installer)


def test_only_what_is_sent_counts(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor)
    for _ in range(6):
        with refused("already has access"):
            invite(cast.site, cast.installer, cast.contractor)
    invite(cast.bait, cast.stranger, cast.contractor)


def test_an_account_that_is_taken_over_sends_sixty_an_hour_at_most(cast: Cast) -> None:
    for _ in range(60):
        assert limits.count(limits.INVITATIONS_BY_ACCOUNT, cast.installer.pk)
    with refused("very many invitations"):
        invite(cast.site, cast.installer, cast.contractor)
    with refused("very many invitations"):
        invite_operators(cast)
    invite(cast.site, cast.colleague, cast.contractor)


def test_an_installer_shares_ten_sites_with_one_partner_on_one_day(cast: Cast) -> None:
    """The throttle is against flooding one mailbox about one thing, not against a day's work."""
    for number in range(10):
        place = make_location(cast.installer, cast.firm, f"Site {number}")
        invite(place, cast.installer, cast.contractor)
    assert len(mails("invitation")) == 10


# --- Withdrawing ------------------------------------------------------------------------------


def test_what_is_withdrawn_is_dead_at_once_and_a_second_time_changes_nothing(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    assert invitations.withdraw(invitation=made, by=cast.installer)
    made.refresh_from_db()
    assert (made.state, made.settled_by) == ("withdrawn", cast.installer)
    before = state_of_everything()
    assert not invitations.withdraw(invitation=made, by=cast.installer)
    assert state_of_everything() == before


def test_what_was_accepted_is_not_withdrawn(cast: Cast) -> None:
    """The loser gets a true sentence, and the way on."""
    made = invite(cast.site, cast.installer, cast.contractor)
    accept(made, cast.contractor)
    with refused("contractor@test.example has accepted meanwhile"):
        invitations.withdraw(invitation=made, by=cast.installer)


def test_what_was_declined_cannot_be_withdrawn_and_needs_not(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    invitations_accepting.decline(invitation=made, by=cast.contractor, nonce=made.nonce)
    assert not invitations.withdraw(invitation=made, by=cast.installer)
    made.refresh_from_db()
    assert made.state == "declined"


def test_what_expired_can_be_taken_off_the_tab(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    run_out(made)
    withdrawing.settle_expired_invitations()
    assert made in Invitation.objects.on_tab(cast.site)
    assert invitations.withdraw(invitation=made, by=cast.installer)
    assert made not in Invitation.objects.on_tab(cast.site)


def test_a_leaked_code_is_stopped_by_whoever_has_manage(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.operator)
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    with refused("no longer have the right"):
        invitations.withdraw(invitation=made, by=cast.contractor)
    assert invitations.withdraw(invitation=made, by=cast.operator)
