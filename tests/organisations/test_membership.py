"""The verbs of organisations: what each does, and every way it refuses (product rule 1)."""

import logging
from collections.abc import Collection
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location, give_access
from organisations import services
from organisations.models import Membership, Organisation
from portal import codes
from portal.errors import Refusal
from portal.invitations.answering import Holder, Situation
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, User
from portal.verbs import Verb
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.kinds import situation_of
from sharing.models import Invitation
from tests.cast import ADMINISTRATOR, MEMBER, Cast, accept, invite, make_location, make_person, share
from tests.organisations.tools import (
    administrators,
    assert_sound,
    everything,
    last_entry,
    listed,
    membership,
    roles,
    seen,
    sound,
    verbs,
)
from tests.tools import mails, refused, state_of_everything, undone

VIEW, CONFIGURE, MANAGE = Level
LAST = "There must be at least one Administrator"
NOT_ALLOWED = "Only an Administrator"


def leave(user: User, organisation: Organisation) -> None:
    services.end_membership(membership=membership(user, organisation), by=user)


def remove(user: User, organisation: Organisation, by: User) -> None:
    services.end_membership(membership=membership(user, organisation), by=by)


def switch_off(user: User) -> None:
    """They can no longer sign in."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    user.refresh_from_db()


# --- Creating ---------------------------------------------------------------------------------


def test_whoever_creates_one_is_its_administrator(cast: Cast) -> None:
    """Product rule 1: any signed-in installer; the creator is its first Administrator."""
    with sound():
        made = services.create_organisation(name="Ny", by=cast.contractor, country="SE", language="da")
    made.refresh_from_db()
    assert (made.name, made.country, made.language, made.accepts_shares) == ("Ny", "SE", "da", True)
    assert roles(made) == {"contractor": "administrator"}
    assert membership(cast.contractor, made).added_by == cast.contractor
    assert verbs(made) == [Verb.ORGANISATION_CREATED, Verb.MEMBER_JOINED]
    assert {entry.actor_id for entry in Activity.objects.filter(organisation_id=made.pk)} == {
        cast.contractor.pk
    }


def test_two_may_have_one_name_and_are_two(cast: Cast) -> None:
    """Names are not unique in the world; groups and keys are."""
    other = services.create_organisation(name=cast.firm.name, by=cast.stranger)
    assert_sound()
    assert other.key != cast.firm.key
    assert other.group_id != cast.firm.group_id
    assert seen(cast.stranger) == {cast.bait}


def test_a_key_has_sixty_bits_at_least_and_no_two_are_alike(cast: Cast) -> None:
    """At least 60 bits. Fifteen symbols of 5 bits and one to check."""
    keys = {services.create_organisation(name="x", by=cast.stranger).key for _ in range(20)}
    assert len(keys) == 20
    for key in keys:
        assert codes.normalise(key, length=16) == key
        assert (len(key) - 1) * 5 >= 60
    assert len({key[:4] for key in keys}) > 15


# --- Adding -----------------------------------------------------------------------------------


def test_adding_somebody_makes_them_a_member_once(cast: Cast) -> None:
    with sound():
        made = services.add_member(
            organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer
        )
    assert (made.role, made.added_by) == ("member", cast.installer)
    before = everything()
    again = services.add_member(
        organisation=cast.firm, user=cast.contractor, role=ADMINISTRATOR, by=cast.colleague
    )
    assert again == made
    assert everything() == before
    assert roles(cast.firm)["contractor"] == "member"


def test_adding_an_administrator_again_as_member_takes_nothing(cast: Cast) -> None:
    """Somebody who is one already stays as they are, role included."""
    services.add_member(organisation=cast.firm, user=cast.installer, role=MEMBER, by=cast.installer)
    assert administrators(cast.firm) == {"installer@test.example"}


def test_a_new_member_sees_all_of_its_locations_on_the_next_request(cast: Cast, client: Client) -> None:
    """Product rule 1 (guide): automatically, without an invitation; those it was given too."""
    received = make_location(cast.stranger, cast.elsewhere, "Received")
    give_access(
        location=received, party=cast.firm, level=VIEW, reason=Access.Reason.ORGANISATION, by=cast.stranger
    )
    client.force_login(cast.contractor)
    assert listed(client) == set()
    with sound():
        services.add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    assert listed(client) == {"Havnevej 2", "Received"}
    assert seen(cast.contractor) == {cast.site, received}
    assert client.get(f"/locations/{cast.site.uuid}/").status_code == 200
    assert client.get(f"/locations/{cast.bait.uuid}/").status_code == 404
    later = make_location(cast.installer, cast.firm, "Later")
    assert seen(cast.contractor) == {cast.site, received, later}


# --- Ending -----------------------------------------------------------------------------------

ENDINGS = [
    pytest.param(lambda cast: leave(cast.operator2, cast.operators), id="leaves"),
    pytest.param(lambda cast: remove(cast.operator2, cast.operators, cast.operator), id="is removed"),
]


@pytest.fixture
def worked(cast: Cast) -> dict[str, Location]:
    """Operator2 sees locations in every way, has shared each, and the stranger's look just like them."""
    by, one, org = cast.operator, cast.operator2, cast.operators
    second = services.create_organisation(name="Second", by=one)
    made = {
        "through": make_location(by, org, "Through"),
        "archived": make_location(by, org, "Archived"),
        "and personally": make_location(by, org, "And personally"),
        "and viewing": make_location(by, org, "And viewing"),
        "and second": make_location(by, org, "And second"),
        "given": cast.site,
        "own": make_location(one, None, "Own"),
    }
    give_access(location=made["and personally"], party=one, level=MANAGE, reason=Access.Reason.EMAIL, by=by)
    give_access(location=made["and viewing"], party=one, level=VIEW, reason=Access.Reason.EMAIL, by=by)
    give_access(
        location=made["and second"], party=second, level=MANAGE, reason=Access.Reason.ORGANISATION, by=by
    )
    share(cast.site, cast.installer, one)
    for name, location in made.items():
        invitations.share_with_person(
            location=location, by=one, email=f"guest{len(name)}@x.example", level=VIEW
        )
        invitations_codes.create_code(location=location, by=one, level=VIEW)
    archive_location(location=made["archived"], by=by)
    invite(made["through"], by, cast.customer)
    assert seen(one) == set(made.values())
    return made


LOST = {"through", "archived"}
MAY_NO_LONGER_SHARE = {*LOST, "and viewing"}


@pytest.mark.parametrize("ends", ENDINGS)
def test_who_goes_sees_none_of_it_on_the_next_request(
    cast: Cast, worked: dict[str, Location], ends: Any, client: Client
) -> None:
    """Product rule 1: ended at once; what they were given personally is theirs until it is taken away."""
    client.force_login(cast.operator2)
    assert listed(client) == {location.name for name, location in worked.items() if name != "archived"}
    with sound():
        ends(cast)
    kept = {location for name, location in worked.items() if name not in LOST}
    assert seen(cast.operator2) == kept
    assert listed(client) == {location.name for location in kept}
    for name, location in worked.items():
        answer = 404 if name in LOST else 200
        assert client.get(f"/locations/{location.uuid}/").status_code == answer, name
        assert client.get(f"/locations/{location.uuid}/permissions/").status_code == answer, name
    assert seen(cast.operator) == {worked[n] for n in worked if n not in ("given", "own")}
    assert seen(cast.stranger) == {cast.bait}


@pytest.mark.parametrize("ends", ENDINGS)
def test_open_invitations_of_who_goes_are_withdrawn_where_they_may_no_longer_share(
    cast: Cast, worked: dict[str, Location], ends: Any
) -> None:
    """None with any link or code they made. Elsewhere, and those of others, stay open."""
    mine = {
        (name, invitation.kind): invitation
        for name, location in worked.items()
        for invitation in Invitation.objects.filter(location=location, invited_by=cast.operator2)
    }
    assert len(mine) == 14
    assert {one.state for one in mine.values()} == {"pending"}
    ends(cast)
    for (name, kind), invitation in mine.items():
        invitation.refresh_from_db()
        withdrawn = name in MAY_NO_LONGER_SHARE
        assert invitation.state == ("withdrawn" if withdrawn else "pending"), (name, kind)
        holder = Holder(user=cast.contractor, has_code=True)
        if kind == "code":
            expected = Situation.UNKNOWN if withdrawn else Situation.FINE
            assert situation_of(invitation, holder) is expected, name
        if kind == "code" and withdrawn:
            with refused("withdrawn"):
                invitations_accepting.accept(
                    invitation=invitation, by=cast.contractor, nonce=invitation.nonce
                )
    others = Invitation.objects.get(email="customer@test.example")
    assert others.state == "pending"
    assert accept(others, cast.customer).location == worked["through"]


def test_leaving_and_being_removed_are_recorded_as_what_they_are(cast: Cast) -> None:
    remove(cast.colleague, cast.firm, cast.installer)
    entry = last_entry(cast.firm)
    assert (entry.verb, entry.actor_id, entry.party_name) == (
        Verb.MEMBER_REMOVED,
        cast.installer.pk,
        "Colleague",
    )
    assert mails("membership-ended") == [("membership-ended", "colleague@test.example")]
    leave(cast.operator2, cast.operators)
    entry = last_entry(cast.operators)
    assert (entry.verb, entry.actor_id, entry.party_name) == (
        Verb.MEMBER_LEFT,
        cast.operator2.pk,
        "Operator2",
    )
    assert mails("membership-ended") == [("membership-ended", "colleague@test.example")]


def test_who_was_removed_can_come_back_and_sees_it_all_again(cast: Cast) -> None:
    remove(cast.colleague, cast.firm, cast.installer)
    assert seen(cast.colleague) == set()
    with sound():
        services.add_member(
            organisation=cast.firm, user=cast.colleague, role=ADMINISTRATOR, by=cast.installer
        )
    assert seen(cast.colleague) == {cast.site}
    assert roles(cast.firm) == {"installer": "administrator", "colleague": "administrator"}


def test_going_from_one_leaves_the_other_alone(cast: Cast) -> None:
    services.add_member(organisation=cast.operators, user=cast.colleague, role=MEMBER, by=cast.operator)
    theirs = make_location(cast.operator, cast.operators, "Theirs")
    with sound():
        leave(cast.colleague, cast.firm)
    assert seen(cast.colleague) == {theirs}
    assert roles(cast.operators)["colleague"] == "member"


@pytest.mark.parametrize("who", ["colleague", "stranger", "customer", "support", "operator"])
def test_nobody_but_an_administrator_removes_others(cast: Cast, who: str) -> None:
    services.add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    with sound(), refused(NOT_ALLOWED):
        remove(cast.contractor, cast.firm, getattr(cast, who))
    with refused(NOT_ALLOWED):
        remove(cast.installer, cast.firm, getattr(cast, who))


def test_ending_what_has_ended_says_so(cast: Cast) -> None:
    stale = membership(cast.colleague, cast.firm)
    remove(cast.colleague, cast.firm, cast.installer)
    for by in (cast.installer, cast.colleague):
        with refused("no longer a member"):
            services.end_membership(membership=stale, by=by)
    with refused("no longer a member"):
        services.change_role(membership=stale, by=cast.installer, role=ADMINISTRATOR)


# --- The last Administrator -------------------------------------------------------------------


def test_the_last_administrator_can_neither_leave_nor_be_demoted(cast: Cast) -> None:
    """Product rule 1: there is always at least one Administrator."""
    with sound(), refused(LAST):
        leave(cast.installer, cast.firm)
    with sound(), refused(LAST):
        services.change_role(membership=membership(cast.installer, cast.firm), by=cast.installer, role=MEMBER)
    assert administrators(cast.firm) == {"installer@test.example"}


def test_the_last_but_one_may_go_and_then_the_other_may_not(cast: Cast) -> None:
    with sound():
        leave(cast.operator, cast.operators)
    with sound(), refused(LAST):
        leave(cast.operator2, cast.operators)


def test_an_administrator_who_cannot_sign_in_does_not_count(cast: Cast) -> None:
    switch_off(cast.operator2)
    with sound(), refused(LAST):
        leave(cast.operator, cast.operators)
    with sound(), refused(LAST):
        services.change_role(
            membership=membership(cast.operator, cast.operators), by=cast.operator, role=MEMBER
        )


@pytest.mark.parametrize("act", ["remove", "demote"])
def test_an_administrator_who_cannot_sign_in_can_be_put_out(cast: Cast, act: str) -> None:
    """They are not the last one as long as somebody else can sign in."""
    switch_off(cast.operator2)
    with sound():
        if act == "remove":
            remove(cast.operator2, cast.operators, cast.operator)
        else:
            services.change_role(
                membership=membership(cast.operator2, cast.operators), by=cast.operator, role=MEMBER
            )
    assert administrators(cast.operators) == {"operator@test.example"}


def test_an_administrator_who_cannot_sign_in_may_do_nothing(cast: Cast) -> None:
    switch_off(cast.operator2)
    with refused(NOT_ALLOWED):
        remove(cast.operator, cast.operators, cast.operator2)
    with refused(NOT_ALLOWED):
        services.replace_key(organisation=cast.operators, by=cast.operator2)


def test_an_administrator_elsewhere_does_not_count_here(cast: Cast) -> None:
    services.add_member(organisation=cast.firm, user=cast.operator, role=MEMBER, by=cast.installer)
    with refused(LAST):
        leave(cast.installer, cast.firm)


# --- Roles ------------------------------------------------------------------------------------


def test_changing_a_role_is_recorded_and_told(cast: Cast) -> None:
    User.objects.filter(pk=cast.colleague.pk).update(language="da")
    with sound():
        changed = services.change_role(
            membership=membership(cast.colleague, cast.firm), by=cast.installer, role=ADMINISTRATOR
        )
    assert changed.role == "administrator"
    assert roles(cast.firm)["colleague"] == "administrator"
    entry = last_entry(cast.firm)
    assert (entry.verb, entry.details["changes"]) == (
        Verb.ROLE_CHANGED,
        {"role": ["member", "administrator"]},
    )
    assert mails("role-changed") == [("role-changed", "colleague@test.example")]
    assert OutgoingEmail.objects.get(kind="role-changed").language == "da"


def test_the_same_role_again_is_nothing_new(cast: Cast) -> None:
    before = everything()
    services.change_role(membership=membership(cast.colleague, cast.firm), by=cast.installer, role=MEMBER)
    services.change_role(
        membership=membership(cast.installer, cast.firm), by=cast.installer, role=ADMINISTRATOR
    )
    assert everything() == before


def test_who_steps_down_gets_no_mail_about_it(cast: Cast) -> None:
    with sound():
        services.change_role(
            membership=membership(cast.operator2, cast.operators), by=cast.operator2, role=MEMBER
        )
    assert mails("role-changed") == []
    with refused(NOT_ALLOWED):
        services.change_role(
            membership=membership(cast.operator2, cast.operators), by=cast.operator2, role=ADMINISTRATOR
        )


@pytest.mark.parametrize("who", ["colleague", "stranger", "operator", "support"])
def test_nobody_but_an_administrator_changes_roles(cast: Cast, who: str) -> None:
    for user in (cast.colleague, cast.installer):
        for role in (ADMINISTRATOR, MEMBER):
            with refused(NOT_ALLOWED):
                services.change_role(membership=membership(user, cast.firm), by=getattr(cast, who), role=role)


def test_a_demoted_administrator_can_no_longer_accept_for_the_organisation(cast: Cast) -> None:
    made = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=VIEW
    )
    services.change_role(membership=membership(cast.operator2, cast.operators), by=cast.operator, role=MEMBER)
    with pytest.raises(Refusal, match=NOT_ALLOWED):
        accept(made, cast.operator2)
    accept(made, cast.operator)
    assert seen(cast.operator2) == {cast.site}


# --- The key ----------------------------------------------------------------------------------


def share_by_key(cast: Cast, key: str) -> Invitation:
    return invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=key, network="n", level=VIEW
    )


def test_the_old_key_is_unknown_at_once_and_the_new_one_works(cast: Cast) -> None:
    """Product rule 1: replaced, the old one stops working at once; unknown and replaced are one answer."""
    old = cast.operators.key
    with sound():
        replaced = services.replace_key(organisation=cast.operators, by=cast.operator)
    assert replaced.key != old
    with refused("No organisation has this key", field="key") as replaced_one:
        services.find_by_key(key=old, by=cast.installer, network="n")
    never = codes.derive(purpose="organisation-key", subject="x", nonce="y", length=16)
    with refused("No organisation has this key", field="key") as never_one:
        services.find_by_key(key=never, by=cast.installer, network="n")
    assert str(replaced_one.value) == str(never_one.value)
    with refused("No organisation has this key", field="key"):
        share_by_key(cast, old)
    assert share_by_key(cast, replaced.key).organisation == cast.operators
    assert Organisation.objects.get(pk=cast.operators.pk).key == replaced.key


def test_what_was_sent_by_the_old_key_stays(cast: Cast) -> None:
    """The page says so: what partners have shared already stays."""
    made = share_by_key(cast, cast.operators.key)
    services.replace_key(organisation=cast.operators, by=cast.operator)
    assert accept(made, cast.operator2).organisation == cast.operators


def test_every_administrator_is_told_of_a_new_key(cast: Cast) -> None:
    """Each in their language; members and those who cannot sign in are not."""
    User.objects.filter(pk=cast.operator2.pk).update(language="da")
    for name, role in (("contractor", MEMBER), ("customer", ADMINISTRATOR)):
        services.add_member(
            organisation=cast.operators, user=getattr(cast, name), role=role, by=cast.operator
        )
    switch_off(cast.customer)
    services.replace_key(organisation=cast.operators, by=cast.operator)
    told = OutgoingEmail.objects.filter(kind="key-replaced").values_list("address", "language")
    assert sorted(told) == [("operator2@test.example", "da"), ("operator@test.example", "en-gb")]
    assert last_entry(cast.operators).verb == Verb.KEY_REPLACED


def test_the_key_stands_in_no_row_no_mail_and_no_log(
    cast: Cast, caplog: pytest.LogCaptureFixture, mailoutbox: list[Any]
) -> None:
    """Never in logs, URLs or the queue. Not in the database either."""
    caplog.set_level(logging.DEBUG)
    keys = {cast.operators.key}
    keys.add(services.replace_key(organisation=cast.operators, by=cast.operator).key)
    share_by_key(cast, services.replace_key(organisation=cast.operators, by=cast.operator2).key)
    keys.add(Organisation.objects.get(pk=cast.operators.pk).key)
    assert len(keys) == 3
    while outbox.deliver_due():
        pass
    assert len([m for m in mailoutbox if "Organisation Key" in m.subject or "nøgle" in m.subject]) == 4
    said = "".join(str(m.message()) + m.body + m.alternatives[0].content for m in mailoutbox) + caplog.text
    rows = "".join(
        str(list(model._base_manager.values_list())) for model in apps.get_models() if model._meta.managed
    )
    for key in keys:
        for text in (key, codes.grouped(key), key.lower()):
            assert text not in said
            assert text not in rows


@pytest.mark.parametrize("who", ["colleague", "stranger", "operator", "support"])
def test_nobody_but_an_administrator_replaces_the_key_or_changes_it(cast: Cast, who: str) -> None:
    with refused(NOT_ALLOWED):
        services.replace_key(organisation=cast.firm, by=getattr(cast, who))
    with refused(NOT_ALLOWED):
        services.change_organisation(organisation=cast.firm, by=getattr(cast, who), name="Mine")


@pytest.mark.parametrize("typed", [str.lower, codes.grouped, lambda key: f" {codes.grouped(key)} \n"])
def test_case_dashes_and_spaces_of_a_key_are_forgiven(cast: Cast, typed: Any) -> None:
    found = services.find_by_key(key=typed(cast.operators.key), by=cast.installer, network="n")
    assert found == cast.operators


# --- Settings ---------------------------------------------------------------------------------


def test_what_changed_is_recorded_old_and_new(cast: Cast) -> None:
    with sound():
        changed = services.change_organisation(
            organisation=cast.firm, by=cast.installer, name="Strøm", country="DK", language="da"
        )
    assert (changed.name, changed.language) == ("Strøm", "da")
    entry = last_entry(cast.firm)
    assert (entry.verb, entry.actor_id) == (Verb.ORGANISATION_CHANGED, cast.installer.pk)
    assert entry.details["changes"] == {"name": ["Strøm & Søn", "Strøm"], "language": ["en-gb", "da"]}
    assert entry.organisation_name == "Strøm"


def test_nothing_changed_is_not_recorded(cast: Cast) -> None:
    before = everything()
    services.change_organisation(organisation=cast.firm, by=cast.installer, name="Strøm & Søn", country="DK")
    assert everything() == before


def test_a_new_name_changes_neither_key_nor_group(cast: Cast) -> None:
    key = cast.firm.key
    services.change_organisation(organisation=cast.firm, by=cast.installer, name="Nordlys")
    assert services.find_by_key(key=key, by=cast.operator, network="n") == cast.firm
    assert_sound()
    assert seen(cast.colleague) == {cast.site}


def test_incoming_shares_can_be_switched_off_and_on(cast: Cast) -> None:
    """Product rule 1; a sharer who enters the key is told."""
    services.change_organisation(organisation=cast.operators, by=cast.operator, accepts_shares=False)
    with refused("Nordlys does not take shared locations at the moment", field="key"):
        share_by_key(cast, cast.operators.key)
    services.change_organisation(organisation=cast.operators, by=cast.operator, accepts_shares=True)
    assert share_by_key(cast, cast.operators.key).state == "pending"
    assert [e["accepts_shares"] for e in recorded_changes(cast.operators)] == [
        ["True", "False"],
        ["False", "True"],
    ]


def recorded_changes(organisation: Organisation) -> list[dict[str, Any]]:
    entries = Activity.objects.filter(organisation_id=organisation.pk, verb=Verb.ORGANISATION_CHANGED)
    return [entry.details["changes"] for entry in entries.order_by("pk")]


# --- Between finding the organisation and inviting it -------------------------------------------


@pytest.mark.parametrize("meanwhile", ["key replaced", "shares switched off"])
def test_what_changes_between_look_up_and_lock_is_seen(
    cast: Cast, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old key stops at once: lock, check again, then change (anchors.md, habit 4)."""
    throttle = invitations.throttle_sender

    def let_others_in(*args: Any, **about: Any) -> None:
        throttle(*args, **about)
        if meanwhile == "key replaced":
            services.replace_key(organisation=cast.operators, by=cast.operator)
        else:
            services.change_organisation(organisation=cast.operators, by=cast.operator, accepts_shares=False)

    monkeypatch.setattr(invitations, "throttle_sender", let_others_in)
    with pytest.raises(Refusal):
        share_by_key(cast, cast.operators.key)


def test_who_goes_locks_their_locations_in_one_order(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are taken in one order everywhere, so among locations too."""
    sites = [make_location(cast.operator, cast.operators, f"Site {number}") for number in range(4)]
    for site in (sites[2], sites[0], sites[3], sites[1]):
        invite(site, cast.operator2, cast.customer)
    locked: list[list[int]] = []
    lock = withdrawing.locations.lock_locations

    def watch(ids: Collection[int]) -> list[Location]:
        found = lock(ids)
        locked.append([location.pk for location in found])
        return found

    monkeypatch.setattr(withdrawing.locations, "lock_locations", watch)
    leave(cast.operator2, cast.operators)
    assert locked == [[site.pk for site in sites]]


# --- How it is written ------------------------------------------------------------------------

VERBS = {
    "add": lambda c: services.add_member(
        organisation=c.operators, user=c.contractor, role=MEMBER, by=c.operator
    ),
    "leave": lambda c: leave(c.operator2, c.operators),
    "remove": lambda c: remove(c.operator2, c.operators, c.operator),
    "demote": lambda c: services.change_role(
        membership=membership(c.operator2, c.operators), by=c.operator, role=MEMBER
    ),
    "replace key": lambda c: services.replace_key(organisation=c.operators, by=c.operator),
    "settings": lambda c: services.change_organisation(organisation=c.operators, by=c.operator, name="x"),
}


@pytest.mark.postgres
@pytest.mark.parametrize("verb", VERBS)
def test_every_change_locks_the_organisation_before_it_writes(cast: Cast, verb: str) -> None:
    """A lock on the organisation row for leave, remove and demote alike."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        VERBS[verb](cast)
    said = [query["sql"] for query in queries]
    locked = [n for n, sql in enumerate(said) if "organisations_organisation" in sql and "FOR NO KEY" in sql]
    written = [n for n, sql in enumerate(said) if sql.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert locked[0] < written[0]


@pytest.mark.parametrize("verb", ["add", "leave", "remove"])
def test_membership_and_group_are_written_both_or_neither(
    cast: Cast, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails after the first of the two takes back both, and the record with them."""
    before = everything()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    manager = type(cast.contractor.groups)
    monkeypatch.setattr(manager, "add" if verb == "add" else "remove", fail, raising=False)
    with pytest.raises(ZeroDivisionError):
        VERBS[verb](cast)
    assert everything() == before


@pytest.mark.parametrize("verb", ["leave", "remove"])
def test_who_hears_of_an_ending_can_stop_it(
    cast: Cast, worked: dict[str, Location], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal runs inside the transaction: an invitation that cannot be withdrawn keeps the membership."""

    def fail(*args: Any) -> None:
        raise Refusal("no")

    monkeypatch.setattr(withdrawing, "withdraw_all", fail)
    with refused("no"):
        VERBS[verb](cast)
    assert_sound()


def test_drift_can_be_seen_at_all(cast: Cast) -> None:
    """The helper the other tests rely on sees each way in which membership and group may disagree."""
    assert_sound()
    for break_it in (
        cast.colleague.groups.clear,
        lambda: cast.stranger.groups.add(cast.firm.group),
        lambda: Membership.objects.filter(organisation=cast.firm).update(role="member"),
        lambda: Group.objects.create(name="left over"),
    ):
        with undone():
            break_it()
            with pytest.raises(AssertionError):
                assert_sound()


# --- Organisations and who founds them ----------------------------------------------------------


def test_an_organisation_comes_with_its_group_its_key_and_its_first_administrator(cast: Cast) -> None:
    made = services.create_organisation(name="Strøm & Søn", by=cast.contractor, country="SE", language="da")
    assert (made.country, made.language, made.accepts_shares) == ("SE", "da", True)
    founder = Membership.objects.get(organisation=made)
    assert (founder.user, founder.role) == (cast.contractor, ADMINISTRATOR)
    assert list(made.group.user_set.all()) == [cast.contractor]
    assert Organisation.objects.with_key(made.key).get() == made
    assert made.key != cast.firm.key


def test_who_is_a_member_already_stays_as_they_are(cast: Cast) -> None:
    before = state_of_everything()
    services.add_member(organisation=cast.firm, user=cast.installer, role=MEMBER, by=cast.colleague)
    assert state_of_everything() == before
    assert make_person("x@test.example").groups.count() == 0
