"""The recipient's side: what an invitation is to whom, and every way accepting it goes (product rule 4)."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location
from organisations.models import Membership, Organisation
from organisations.services import add_member
from portal.invitations.answering import Holder, Situation
from portal.invitations.models import VALIDITY
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.kinds import situation_of
from sharing.models import Acceptance, Invitation
from tests.cast import ADMINISTRATOR, MEMBER, Cast, accept, invite, invite_operators, make_person, share
from tests.sharing.replay import replay
from tests.tools import in_days, live, mails, refused, run_out

VIEW, CONFIGURE, MANAGE = Level
FIRM = ("Strøm & Søn", "installed", 3)


def make_code(cast: Cast, level: Level = MANAGE, **terms: Any) -> Invitation:
    return invitations_codes.create_code(location=cast.site, by=cast.installer, level=level, **terms)[0]


@contextmanager
def refused_as(situation: Situation) -> Any:
    with refused() as caught:
        yield
    assert caught.value.data["situation"] is situation, caught.value


def is_consistent(location: Location) -> bool:
    """Nothing half done: as many uses as acceptances, each with its access, each access with its rows."""
    uses = sum(Invitation.objects.filter(location=location, kind="code").values_list("uses", flat=True))
    by_code = Acceptance.objects.filter(invitation__location=location, invitation__kind="code").count()
    given = Access.objects.filter(location=location).exclude(reason__in=["installed", "owner"])
    return (
        uses == by_code
        and given.count() == Acceptance.objects.filter(invitation__location=location).count()
        and set(replay()) == {str(access.uuid) for access in Access.objects.filter(ended_at=None)}
    )


# --- What it is to whom -----------------------------------------------------------------------

Arrange = Callable[[Cast, Invitation], Any]
STATES: dict[str, Arrange] = {
    "live": lambda cast, invitation: None,
    "expired, unseen by a worker": lambda cast, invitation: run_out(invitation),
    "expired": lambda cast, invitation: (run_out(invitation), withdrawing.settle_expired_invitations()),
    "withdrawn": lambda cast, invitation: invitations.withdraw(invitation=invitation, by=cast.installer),
    "declined": lambda cast, invitation: invitations_accepting.decline(
        invitation=invitation,
        by=cast.contractor if invitation.kind == "person" else cast.operator,
        nonce=invitation.nonce,
    ),
    "accepted": lambda cast, invitation: accept(
        invitation, cast.operator if invitation.kind == "organisation" else cast.contractor
    ),
    "archived": lambda cast, invitation: archive_location(location=cast.site, by=cast.installer),
    "sharer lost": lambda cast, invitation: Access.objects.filter(location=cast.site).update(
        ended_at=in_days(0)
    ),
}
S = Situation
# Who looks: the one it is for, a stranger who has the code, one who has the code and saw it alive, a stranger
# without anything, nobody with the code, nobody without.
LOOKERS = ["addressed", "has code", "saw it", "stranger", "nobody with code", "nobody"]
GUESS = [S.UNKNOWN] * 2
TABLE: dict[tuple[str, str], list[Situation]] = {
    ("person", "live"): [S.FINE, S.WRONG_ACCOUNT, S.WRONG_ACCOUNT, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN],
    ("person", "archived"): [S.STOPPED, S.WRONG_ACCOUNT, S.WRONG_ACCOUNT, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN],
    ("person", "sharer lost"): [
        *(S.STOPPED, S.WRONG_ACCOUNT, S.WRONG_ACCOUNT, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN)
    ],
    ("organisation", "live"): [
        *(S.FINE, S.NOT_ADMINISTRATOR, S.NOT_ADMINISTRATOR, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN)
    ],
    ("organisation", "archived"): [
        *(S.STOPPED, S.NOT_ADMINISTRATOR, S.NOT_ADMINISTRATOR, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN)
    ],
    ("organisation", "sharer lost"): [
        *(S.STOPPED, S.NOT_ADMINISTRATOR, S.NOT_ADMINISTRATOR, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN)
    ],
    # A code is for whoever has it.
    ("code", "live"): [S.FINE, S.FINE, S.FINE, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN],
    ("code", "archived"): [S.STOPPED, S.STOPPED, S.STOPPED, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN],
    ("code", "sharer lost"): [S.STOPPED, S.STOPPED, S.STOPPED, S.UNKNOWN, S.SIGNED_OUT, S.UNKNOWN],
}
for _kind in ("person", "organisation"):
    for _state, _said in [
        ("expired, unseen by a worker", S.EXPIRED),
        ("expired", S.EXPIRED),
        ("withdrawn", S.WITHDRAWN),
        ("declined", S.DECLINED),
    ]:
        TABLE[_kind, _state] = [_said, S.UNKNOWN, _said, S.UNKNOWN, *GUESS]
TABLE["person", "accepted"] = [S.HAS_ACCESS, S.UNKNOWN, S.USED, S.UNKNOWN, *GUESS]
TABLE["organisation", "accepted"] = [S.USED, S.UNKNOWN, S.USED, S.UNKNOWN, *GUESS]
# Of a code that has ended, only those who saw it alive or used it are told.
for _state, _said in [
    ("expired, unseen by a worker", S.EXPIRED),
    ("expired", S.EXPIRED),
    ("withdrawn", S.WITHDRAWN),
]:
    TABLE["code", _state] = [S.UNKNOWN, S.UNKNOWN, _said, S.UNKNOWN, *GUESS]
TABLE["code", "accepted"] = [S.HAS_ACCESS, S.UNKNOWN, S.USED, S.UNKNOWN, *GUESS]


def through(cast: Cast) -> Access:
    """By which the installer shares."""
    return Access.objects.get(location=cast.site, reason="installed")


def make(cast: Cast, kind: str) -> Invitation:
    if kind == "person":
        return invite(cast.site, cast.installer, cast.contractor)
    if kind == "organisation":
        return invite_operators(cast)
    return make_code(cast, works_once=True)


def test_the_table_has_every_kind_in_every_state() -> None:
    kinds = ("person", "organisation", "code")
    every = {(kind, state) for kind in kinds for state in STATES} - {("code", "declined")}
    assert set(TABLE) == every


@pytest.mark.parametrize(("kind", "state"), TABLE)
def test_what_it_is_to_whom(cast: Cast, kind: str, state: str) -> None:
    """To a guesser, codes that never were, expired, were withdrawn or used are one and the same."""
    invitation = make(cast, kind)
    STATES[state](cast, invitation)
    invitation = Invitation.objects.with_all().get(pk=invitation.pk)
    addressed = cast.operator2 if kind == "organisation" else cast.contractor
    live_code = kind == "code" and invitation.is_live()
    holders = [
        Holder(addressed, has_code=live_code),
        Holder(cast.stranger, has_code=True),
        Holder(cast.stranger, has_code=True, saw_it_live=True),
        Holder(cast.stranger),
        Holder(None, has_code=True),
        Holder(None),
    ]
    found = dict(zip(LOOKERS, [situation_of(invitation, holder) for holder in holders], strict=True))
    assert found == dict(zip(LOOKERS, TABLE[kind, state], strict=True))


def test_somebody_signed_out_who_saw_it_end_is_told_nothing(cast: Cast) -> None:
    invitation = make(cast, "person")
    run_out(invitation)
    assert situation_of(invitation, Holder(None, has_code=True, saw_it_live=True)) is S.UNKNOWN


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_who_may_not_sign_in_is_addressed_by_nothing(cast: Cast, kind: str) -> None:
    invitation = make(cast, kind)
    User.objects.filter(pk__in=[cast.contractor.pk, cast.operator.pk]).update(is_active=False)
    for user in (User.objects.get(pk=cast.contractor.pk), User.objects.get(pk=cast.operator.pk)):
        assert situation_of(invitation, Holder(user)) is S.UNKNOWN
        assert not Invitation.objects.waiting_for(user).exists()


def test_who_has_as_much_already_is_told_so(cast: Cast) -> None:
    """And a higher level is offered as a change (product rule 4)."""
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    for level, said in ((VIEW, S.HAS_ACCESS), (CONFIGURE, S.HAS_ACCESS), (MANAGE, S.FINE)):
        code = make_code(cast, level)
        assert situation_of(code, Holder(cast.contractor, has_code=True)) is said
        invitations.withdraw(invitation=code, by=cast.installer)


def test_a_code_is_of_use_to_an_administrator_who_has_access_and_whose_organisation_has_none(
    cast: Cast,
) -> None:
    share(cast.site, cast.installer, cast.operator)
    code = make_code(cast)
    assert invitations_accepting.parties_to_gain(code, cast.operator, through(cast)) == [cast.operators]
    assert situation_of(code, Holder(cast.operator, has_code=True)) is S.FINE
    accept(code, cast.operator2, cast.operators)
    assert situation_of(code, Holder(cast.operator, has_code=True)) is S.HAS_ACCESS
    assert invitations_accepting.parties_to_gain(code, cast.operator, through(cast)) == []


def test_the_portal_keeps_what_waits_for_somebody(cast: Cast) -> None:
    """No mail server, or mail bounced: it waits in the recipient's portal (product rule 4)."""
    own, theirs = invite(cast.site, cast.installer, cast.operator), invite_operators(cast)
    make_code(cast)
    assert list(Invitation.objects.waiting_for(cast.operator)) == [theirs, own]
    assert list(Invitation.objects.waiting_for(cast.operator2)) == [theirs]
    assert not Invitation.objects.waiting_for(cast.stranger).exists()
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    assert not Invitation.objects.waiting_for(cast.customer).exists()
    run_out(own)
    invitations.withdraw(invitation=theirs, by=cast.installer)
    assert not Invitation.objects.waiting_for(cast.operator).exists()


# --- Accepting --------------------------------------------------------------------------------


def test_a_person_accepts_for_themselves(cast: Cast) -> None:
    end = in_days(20)
    invitation = invite(cast.site, cast.installer, cast.contractor, CONFIGURE, access_ends_at=end)
    OutgoingEmail.objects.all().delete()
    access = accept(invitation, cast.contractor)
    assert (access.user, access.organisation, access.level) == (cast.contractor, None, CONFIGURE)
    assert (access.reason, access.given_by, access.ends_at) == ("email", cast.installer, end)
    assert access.given_through == cast.site.accesses.get(reason="installed")
    invitation.refresh_from_db()
    assert (invitation.state, invitation.uses, invitation.settled_by) == ("accepted", 1, cast.contractor)
    used = Acceptance.objects.get()
    assert (used.invitation, used.access, used.by, used.nonce) == (
        *(invitation, access, cast.contractor, invitation.nonce),
    )
    assert mails() == [("accepted", "installer@test.example")]
    assert Activity.objects.latest("pk").verb == Verb.INVITATION_ACCEPTED
    assert is_consistent(cast.site)


def test_an_administrator_accepts_for_the_whole_organisation(cast: Cast) -> None:
    access = accept(invite_operators(cast, VIEW), cast.operator2)
    assert (access.user, access.organisation, access.reason) == (None, cast.operators, "organisation")
    assert live(cast.site) == {FIRM, ("Nordlys", "organisation", 1)}
    assert is_consistent(cast.site)


def test_a_code_is_used_any_number_of_times_and_counts(cast: Cast) -> None:
    """For themselves, or for an organisation they administer (product rule 4)."""
    code = make_code(cast, VIEW)
    accept(code, cast.contractor)
    accept(code, cast.stranger)
    accept(code, cast.operator, cast.operators)
    accept(code, cast.stranger, cast.elsewhere)
    code.refresh_from_db()
    assert (code.uses, code.state, code.settled_by) == (4, "pending", None)
    assert live(cast.site) == {
        *(FIRM, ("Contractor", "code", 1), ("Stranger", "code", 1), ("Nordlys", "code", 1)),
        ("Vestkysten", "code", 1),
    }
    assert len(mails("accepted")) == 4
    assert is_consistent(cast.site)


def test_a_code_that_works_once_works_once(cast: Cast) -> None:
    code = make_code(cast, works_once=True)
    accept(code, cast.contractor)
    code.refresh_from_db()
    assert (code.uses, code.state, code.settled_by) == (1, "accepted", cast.contractor)
    with refused_as(S.USED):
        accept(code, cast.stranger)
    with refused_as(S.HAS_ACCESS):
        accept(code, cast.contractor)
    assert is_consistent(cast.site)


@pytest.mark.parametrize("kind", ["person", "organisation"])
def test_accepting_twice_gives_one_access(cast: Cast, kind: str) -> None:
    """Double click, Back button, two tabs."""
    invitation = make(cast, kind)
    by = cast.contractor if kind == "person" else cast.operator
    accept(invitation, by)
    with refused_as(S.HAS_ACCESS if kind == "person" else S.USED):
        accept(invitation, by)
    assert is_consistent(cast.site)


def test_who_has_access_does_not_use_a_code_up(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    code = make_code(cast, VIEW, works_once=True)
    for by in (cast.contractor, cast.colleague, cast.installer):
        with refused_as(S.HAS_ACCESS):
            accept(code, by)
    code.refresh_from_db()
    assert (code.uses, code.state) == (0, "pending")
    accept(code, cast.stranger)


def test_an_organisation_that_has_access_does_not_use_a_code_up(cast: Cast) -> None:
    accept(invite_operators(cast, CONFIGURE), cast.operator)
    code = make_code(cast, VIEW)
    for organisation in (cast.operators, None):
        with refused_as(S.HAS_ACCESS):
            accept(code, cast.operator, organisation)


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_a_higher_level_is_an_upgrade_of_one_access(cast: Cast, kind: str) -> None:
    """One way per reason: the lesser is replaced, and replaying the record says the same."""

    def once(level: Level) -> Invitation:
        if kind == "person":
            return invite(cast.site, cast.installer, cast.operator, level)
        if kind == "organisation":
            return invite_operators(cast, level)
        return make_code(cast, level, works_once=True)

    name = "Nordlys" if kind == "organisation" else "Operator"
    reason = "email" if kind == "person" else kind
    for level in Level:
        accept(once(level), cast.operator)
        assert live(cast.site) == {FIRM, (name, reason, level)}
    assert Access.objects.filter(location=cast.site).count() == 4


def test_longer_access_is_a_gain_too(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.contractor, VIEW, access_ends_at=in_days(5))
    access = share(cast.site, cast.installer, cast.contractor, VIEW)
    assert access.ends_at is None
    assert live(cast.site) == {FIRM, ("Contractor", "email", 1)}


# --- Refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
@pytest.mark.parametrize(("seconds", "works"), [(1, False), (0, False), (-2, True)])
def test_it_is_refused_from_its_exact_moment_without_a_worker(
    cast: Cast, kind: str, seconds: int, works: bool
) -> None:
    """Valid *at* use is checked at use (product rule 4); the 168th hour is over at its last second."""
    invitation = make(cast, kind)
    run_out(invitation, seconds)
    by = cast.operator if kind == "organisation" else cast.contractor
    assert invitation.is_live() is works
    assert Invitation.objects.open().exists() is works
    assert Invitation.objects.due_to_expire().exists() is not works
    if works:
        accept(invitation, by)
    else:
        with refused_as(S.EXPIRED):
            accept(invitation, by)
        if kind != "code":
            with refused_as(S.EXPIRED):
                invitations_accepting.decline(invitation=invitation, by=by, nonce=invitation.nonce)
    invitation.refresh_from_db()
    assert invitation.state == ("pending" if not works else invitation.state)


def test_seven_days_are_168_hours(cast: Cast) -> None:
    assert VALIDITY == timedelta(hours=168)
    made = invite(cast.site, cast.installer, cast.contractor)
    assert made.is_live(made.expires_at - timedelta(microseconds=1))
    assert not made.is_live(made.expires_at)


def test_access_that_would_have_ended_is_not_given(cast: Cast) -> None:
    """ "Until Friday" cannot be accepted on Saturday: an invitation ends with what it offers."""
    invitation = invite(cast.site, cast.installer, cast.contractor, access_ends_at=in_days(2))
    assert invitation.expires_at == invitation.access_ends_at
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk).update(access_ends_at=in_days(0))
    Invitation.objects.filter(pk=invitation.pk).update(
        invited_at=in_days(-2), access_ends_at=in_days(0), expires_at=in_days(0)
    )
    invitation.refresh_from_db()
    assert situation_of(invitation, Holder(cast.contractor)) is S.EXPIRED
    with refused():
        accept(invitation, cast.contractor)


def test_nobody_gives_for_longer_than_they_have(cast: Cast) -> None:
    """Access until Friday can be shared on, until Friday; also where the sharer's end came later."""
    until = in_days(3)
    share(cast.site, cast.installer, cast.contractor, access_ends_at=until)
    first = share(cast.site, cast.contractor, cast.customer)
    second = share(cast.site, cast.contractor, cast.operator, access_ends_at=in_days(30))
    assert first.ends_at == second.ends_at == until
    shorter = share(cast.site, cast.contractor, cast.operator2, access_ends_at=in_days(1))
    assert shorter.ends_at == in_days(1) or shorter.ends_at < until
    # Invited while the sharer had it for good, accepted after it got an end.
    later = invite(cast.site, cast.installer, cast.stranger)
    Access.objects.filter(location=cast.site, reason="installed").update(ends_at=until)
    assert accept(later, cast.stranger).ends_at == until


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
def test_what_would_give_nothing_is_not_offered(cast: Cast, kind: str) -> None:
    """The sharer's own end came nearer since: what they can still give, the recipient has already."""
    until = in_days(3)
    invitation = make(cast, kind)
    by = cast.operator if kind == "organisation" else cast.contractor
    party = cast.operators if kind == "organisation" else cast.contractor
    held = share(cast.site, cast.installer, cast.contractor, access_ends_at=until)
    if kind == "organisation":
        Access.objects.filter(pk=held.pk).update(user=None, organisation=party)
    holder = Holder(by, has_code=True)
    assert situation_of(invitation, holder) is S.FINE
    assert party in invitations_accepting.parties_to_gain(invitation, by, through(cast))
    Access.objects.filter(location=cast.site, reason="installed").update(ends_at=until)
    assert party not in invitations_accepting.parties_to_gain(invitation, by, through(cast))
    assert situation_of(invitation, holder) is S.HAS_ACCESS
    with refused_as(S.HAS_ACCESS):
        accept(invitation, by)


def test_a_sharer_who_was_switched_off_lets_nobody_in(cast: Cast) -> None:
    """Disabling a compromised account stops what it has sent out."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    User.objects.filter(pk=cast.installer.pk).update(is_active=False)
    invitation = Invitation.objects.with_all().get(pk=invitation.pk)
    assert situation_of(invitation, Holder(cast.contractor)) is S.STOPPED
    with refused():
        accept(invitation, cast.contractor)


def test_having_used_a_code_once_opens_nothing_again(cast: Cast) -> None:
    """Whoever came by code and was put out cannot come back by it, with the code or without."""
    code, _created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    access = accept(code, cast.contractor)
    removing.remove_access(access=access, by=cast.installer)
    code.refresh_from_db()
    assert code.state == "withdrawn"
    new, _created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    Acceptance.objects.create(invitation=new, access=access, by=cast.contractor, nonce=new.nonce)
    assert situation_of(new, Holder(cast.contractor)) is S.UNKNOWN
    assert situation_of(new, Holder(cast.contractor, has_code=True)) is S.FINE


@pytest.mark.parametrize("kind", ["person", "organisation", "code"])
@pytest.mark.parametrize(
    ("what", "situation"),
    [
        ("withdrawn", S.WITHDRAWN),
        ("declined", S.DECLINED),
        ("archived", S.STOPPED),
        ("sharer lost", S.STOPPED),
        ("expired", S.EXPIRED),
    ],
)
def test_what_can_no_longer_be_accepted_says_why(
    cast: Cast, kind: str, what: str, situation: Situation
) -> None:
    """Each with its own plain sentence for the person entitled to it; nothing is used up."""
    if (kind, what) == ("code", "declined"):
        return
    invitation = make(cast, kind)
    STATES[what](cast, invitation)
    with refused_as(situation):
        accept(invitation, cast.operator if kind == "organisation" else cast.contractor)


def test_a_sharer_who_lost_manage_shares_nothing_any_more(cast: Cast) -> None:
    """Also by time alone, which withdraws nothing; and only as much as they have themselves."""
    way = share(cast.site, cast.installer, cast.contractor)
    invitation = invite(cast.site, cast.contractor, cast.stranger, VIEW)
    Access.objects.filter(pk=way.pk).update(ends_at=in_days(0))
    assert situation_of(invitation, Holder(cast.stranger)) is S.STOPPED
    with refused_as(S.STOPPED):
        accept(invitation, cast.stranger)
    Access.objects.filter(pk=way.pk).update(ends_at=None)
    accept(invitation, cast.stranger)


def test_what_was_renewed_meanwhile_is_looked_at_again(cast: Cast) -> None:
    """The nonce says which renewal was on the page: its level may be another now."""
    invitation = invite(cast.site, cast.installer, cast.contractor, MANAGE)
    seen = invitation.nonce
    invite(cast.site, cast.installer, cast.contractor, VIEW)
    for act in (invitations_accepting.accept, invitations_accepting.decline):
        with refused("renewed meanwhile") as caught:
            act(invitation=invitation, by=cast.contractor, nonce=seen)
        assert caught.value.data["situation"] is S.FINE
    assert live(cast.site) == {FIRM}
    accept(invitation, cast.contractor)
    assert live(cast.site) == {FIRM, ("Contractor", "email", 1)}


@pytest.mark.parametrize("who", ["stranger", "operator", "installer", "support"])
def test_another_account_accepts_and_declines_nothing(cast: Cast, who: str) -> None:
    """Wrong account: the invitation stays unused (product rule 4). Its code in hand or not."""
    invitation = invite(cast.site, cast.installer, cast.contractor)
    by = getattr(cast, who)
    with refused_as(S.WRONG_ACCOUNT):
        accept(invitation, by)
    with refused_as(S.WRONG_ACCOUNT):
        accept(invitation, by, cast.operators)
    with refused_as(S.WRONG_ACCOUNT):
        invitations_accepting.decline(invitation=invitation, by=by, nonce=invitation.nonce)


def test_only_a_verified_address_counts(cast: Cast) -> None:
    """Product rule 1; and it need not be the main one, nor in the same case."""
    invitation = invitations.share_with_person(
        location=cast.site, by=cast.installer, email="second@test.example", level=VIEW
    )
    address = EmailAddress.objects.create(user=cast.contractor, email="second@test.example", verified=False)
    with refused_as(S.WRONG_ACCOUNT):
        accept(invitation, cast.contractor)
    EmailAddress.objects.filter(pk=address.pk).update(verified=True, email="Second@Test.example")
    accept(invitation, cast.contractor)


def test_an_account_whose_own_address_is_unverified_accepts_nothing(cast: Cast) -> None:
    person = User.objects.create_user("new@test.example")
    EmailAddress.objects.create(user=person, email=person.email, verified=False, primary=True)
    invitation = invite(cast.site, cast.installer, person)
    with refused_as(S.WRONG_ACCOUNT):
        accept(invitation, person)


def test_an_invitation_to_a_person_is_not_taken_for_an_organisation(cast: Cast) -> None:
    access = accept(invite(cast.site, cast.installer, cast.operator), cast.operator, cast.operators)
    assert (access.user, access.organisation) == (cast.operator, None)


@pytest.mark.parametrize("who", ["stranger", "contractor", "member", "demoted", "former", "inactive"])
def test_who_is_no_administrator_accepts_for_nobody(cast: Cast, who: str) -> None:
    """Neither an invitation to the organisation, nor a code for it; as the role is now."""
    member = make_person("member@test.example")
    add_member(organisation=cast.operators, user=member, role=MEMBER, by=cast.operator)
    by = {"member": member, "stranger": cast.stranger, "contractor": cast.contractor}.get(who, cast.operator2)
    invitation, code = invite_operators(cast), make_code(cast)
    mine = Membership.objects.filter(user=cast.operator2)
    if who == "demoted":
        mine.update(role=MEMBER)
    elif who == "former":
        mine.delete()
    elif who == "inactive":
        User.objects.filter(pk=by.pk).update(is_active=False)
    with refused_as(S.NOT_ADMINISTRATOR):
        accept(invitation, by)
    with refused_as(S.NOT_ADMINISTRATOR):
        accept(code, by, cast.operators)
    if who in ("stranger", "contractor"):
        with refused_as(S.WRONG_ACCOUNT):
            invitations_accepting.decline(invitation=invitation, by=by, nonce=invitation.nonce)


def test_an_administrator_of_another_organisation_takes_a_code_for_that_one(cast: Cast) -> None:
    code = make_code(cast)
    with refused_as(S.NOT_ADMINISTRATOR):
        accept(code, cast.stranger, cast.operators)
    access = accept(code, cast.stranger, cast.elsewhere)
    assert access.organisation == cast.elsewhere


def test_an_organisation_gone_meanwhile_has_nobody_to_accept(cast: Cast) -> None:
    """Every Administrator demoted: the invitation waits, and nobody can take it."""
    invitation = invite_operators(cast)
    Membership.objects.filter(organisation=cast.operators).update(role=MEMBER)
    for by in (cast.operator, cast.operator2):
        with refused_as(S.NOT_ADMINISTRATOR):
            accept(invitation, by)
    Membership.objects.filter(user=cast.operator2).update(role=ADMINISTRATOR)
    accept(invitation, cast.operator2)
    assert Organisation.objects.get(pk=cast.operators.pk).accesses.count() == 1


# --- Declining, and asking for a new one ------------------------------------------------------


@pytest.mark.parametrize("kind", ["person", "organisation"])
def test_declining_shares_nothing_and_tells_the_sharer_once(cast: Cast, kind: str) -> None:
    invitation = make(cast, kind)
    by = cast.contractor if kind == "person" else cast.operator2
    invitations_accepting.decline(invitation=invitation, by=by, nonce=invitation.nonce)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.settled_by) == ("declined", by)
    assert live(cast.site) == {FIRM}
    assert mails("declined") == [("declined", "installer@test.example")]
    assert Activity.objects.latest("pk").verb == Verb.INVITATION_DECLINED
    for act in (invitations_accepting.decline, invitations_accepting.accept):
        with refused_as(S.DECLINED):
            act(invitation=invitation, by=by, nonce=invitation.nonce)


def test_a_code_is_nobodys_to_decline(cast: Cast) -> None:
    code = make_code(cast)
    for by in (cast.contractor, cast.installer):
        with refused_as(S.WRONG_ACCOUNT):
            invitations_accepting.decline(invitation=code, by=by, nonce=code.nonce)


def test_a_new_one_is_asked_for_once_a_day(cast: Cast) -> None:
    invitation = invite(cast.site, cast.installer, cast.contractor)
    run_out(invitation)
    invitations_accepting.ask_for_new(invitation=invitation, by=cast.contractor)
    with refused("You have asked today"):
        invitations_accepting.ask_for_new(invitation=invitation, by=cast.contractor)
    invitations_accepting.ask_for_new(invitation=invitation, by=cast.stranger)
    assert len(mails("asked-for")) == 2
    assert Activity.objects.filter(verb=Verb.INVITATION_ASKED_FOR).count() == 2
