"""Deleting one's own account: what stands in the way, what ends, what stays, and what others then read."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress

from locations.levels import Level
from locations.models import Access, Location
from locations.services import archive_location, give_access
from organisations.joining import approve, ask_to_join
from organisations.models import JoinRequest, Organisation
from organisations.services import add_member
from portal.accounts import deletion
from portal.activity.page import Record
from portal.activity.record import record
from portal.activity.sentences import lines
from portal.mail import outbox
from portal.models import Activity, FormerAddress, OutgoingEmail, User, digest_of
from portal.verbs import Kind, Verb
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations.accepting import SHARES
from sharing.models import Invitation
from sharing.permissions import Viewer
from tests.cast import ADMINISTRATOR, MEMBER, Cast, invite, make_location, make_owner, make_person, share
from tests.organisations.tools import assert_sound, last_entry
from tests.tools import in_days, refused


def sentences(user: User) -> list[str]:
    return [obstacle.sentence for obstacle in deletion.obstacles(user)]


def test_archiving_is_offered_to_whom_it_is_given(cast: Cast) -> None:
    """Who was left alone with a share leaves it."""
    share(cast.site, cast.installer, cast.contractor, Level.MANAGE)
    Access.objects.filter(location=cast.site, reason="installed").update(ended_at=in_days(0))
    assert sentences(cast.contractor) == [
        "Nobody but you manages Havnevej 2. Let somebody else manage it first, or leave it."
    ]


def test_what_stands_in_the_way(cast: Cast) -> None:
    """The last Administrator, the Owner, and who alone manages; what is archived or shared does not."""
    own = make_location(cast.customer, name="Alone")
    put_away = make_location(cast.customer, name="Put away")
    archive_location(location=put_away, by=cast.customer)
    shared = make_location(cast.customer, name="Shared")
    share(shared, cast.customer, cast.stranger, Level.MANAGE)
    lent = make_location(cast.customer, name="Lent")
    share(lent, cast.customer, cast.stranger, Level.MANAGE, access_ends_at=in_days(5))
    seen = make_location(cast.customer, name="Seen")
    share(seen, cast.customer, cast.stranger, Level.CONFIGURE)
    make_owner(cast.site, cast.customer, cast.installer)
    assert sentences(cast.customer) == [
        "You are the Owner of Havnevej 2. Hand it over to somebody else first.",
        "Nobody but you manages Alone. Let somebody else manage it first, or archive it.",
        "Nobody but you manages Lent. Let somebody else manage it first, or archive it.",
        "Nobody but you manages Seen. Let somebody else manage it first, or archive it.",
    ]
    assert sentences(cast.installer) == [
        "You are the last Administrator of Strøm & Søn. Make somebody else Administrator first."
    ]
    assert sentences(cast.operator) == sentences(cast.colleague) == sentences(cast.contractor) == []
    User.objects.filter(pk=cast.operator2.pk).update(is_active=False)
    assert len(sentences(cast.operator)) == 1
    managed = Location.objects.managed_by_nobody_but
    assert set(managed(cast.customer)) == {own, put_away, lent, seen}
    assert set(managed(cast.elsewhere)) == {cast.bait}
    assert set(managed(cast.firm)) == set()
    assert set(managed(cast.colleague)) == set()


@pytest.mark.parametrize("who", ["installer", "customer"])
def test_the_account_stays_while_something_stands_in_the_way(cast: Cast, who: str) -> None:
    """Asked again in the act itself, whatever the page said; nothing has ended then."""
    make_location(cast.customer, name="Alone")
    with refused("first"):
        deletion.close_account(user=getattr(cast, who))


@pytest.fixture
def nina(cast: Cast) -> User:
    """Somebody with everything an account can have."""
    user = make_person("nina@test.example", "Nina Ny", language="da")
    EmailAddress.objects.create(user=user, email="nina@home.example", verified=True)
    add_member(organisation=cast.firm, user=user, role=MEMBER, by=cast.installer)
    add_member(organisation=cast.operators, user=user, role=ADMINISTRATOR, by=cast.operator)
    share(cast.bait, cast.stranger, user, Level.MANAGE)
    share(cast.bait, user, cast.contractor, Level.VIEW)
    invite(cast.bait, user, cast.customer, Level.VIEW)
    invitations_codes.create_code(location=cast.site, by=user, level=Level.VIEW)
    own = make_location(cast.installer, cast.firm, "To her")
    invitations.share_with_person(
        location=own, by=cast.installer, email="nina@home.example", level=Level.MANAGE
    )
    ask_to_join(organisation=cast.elsewhere, by=user, sentence="I am Nina")
    # One she says is hers, and is not.
    EmailAddress.objects.create(user=user, email="customer@test.example", verified=False)
    return user


def test_everything_ends_with_the_account(cast: Cast, nina: User) -> None:
    """Memberships, access, invitations both ways, requests, addresses, mail: and nobody else's."""
    others = invite(cast.site, cast.installer, cast.contractor)
    theirs = Access.objects.live().exclude(user=nina)
    kept = set(theirs)
    deletion.close_account(user=nina)
    assert_sound()
    assert not nina.memberships.exists() and not nina.groups.exists()
    assert not Access.objects.live().filter(user=nina).exists()
    assert Access.objects.get(user=nina).ended_by == nina
    assert set(Location.objects.visible_to(User.objects.get(pk=nina.pk))) == set()
    # What she gave stays, and so does what was never hers.
    assert set(theirs) == kept
    assert list(Invitation.objects.open()) == [others]
    assert set(Invitation.objects.filter(state="withdrawn").values_list("settled_by", flat=True)) == {nina.pk}
    assert not JoinRequest.objects.exists()
    assert list(EmailAddress.objects.filter(email="customer@test.example")) == [
        EmailAddress.objects.get(user=cast.customer)
    ]
    nina.refresh_from_db()
    assert (str(nina), nina.name, nina.is_active) == ("Deleted user", "", False)
    assert nina.email == f"{nina.uuid}@nobody.invalid"
    assert not nina.has_usable_password() and not nina.emailaddress_set.exists()
    assert {each.digest for each in FormerAddress.objects.all()} == {
        digest_of("nina@test.example"),
        digest_of("NINA@home.example"),
    }


def test_the_account_is_deleted_once(cast: Cast, nina: User) -> None:
    deletion.close_account(user=nina)
    with refused("This account has been deleted."):
        deletion.close_account(user=nina)


@pytest.mark.parametrize("sites", [1, 20])
def test_deleting_takes_as_many_statements_whatever_they_had(
    cast: Cast, django_assert_num_queries: Any, sites: int
) -> None:
    for number in range(sites):
        site = make_location(cast.installer, cast.firm, f"Havnevej {number}")
        for reason in (Access.Reason.EMAIL, Access.Reason.CODE):
            give_access(
                location=site, party=cast.customer, level=Level.VIEW, reason=reason, by=cast.installer
            )
    with django_assert_num_queries(36):
        deletion.close_account(user=cast.customer)
    assert Activity.objects.filter(verb=Verb.ACCESS_LEFT).count() == 2 * sites
    assert not Location.objects.visible_to(cast.customer).exists()


def test_the_last_mail_says_so_and_no_other_is_sent(cast: Cast, nina: User, mailoutbox: list) -> None:  # type: ignore[type-arg]
    """To the address itself; what waited is dropped, and what comes later goes to nobody."""
    while outbox.deliver_due():
        pass
    mailoutbox.clear()
    outbox.queue(
        "account", key="w", address=nina.email, language="da", recipient=nina, template="email_changed"
    )
    deletion.close_account(user=nina)
    nina.refresh_from_db()
    outbox.queue(
        "account", key="l", address=nina.email, language="da", recipient=nina, template="email_changed"
    )
    while outbox.deliver_due():
        pass
    assert [(each.to, each.subject) for each in mailoutbox] == [
        (["nina@test.example"], "Your account was deleted")
    ]
    assert set(OutgoingEmail.objects.filter(key__in="wl").values_list("status", flat=True)) == {"obsolete"}
    rest = OutgoingEmail.objects.exclude(kind="account-deleted")
    assert not rest.filter(address__in=["nina@test.example", "nina@home.example"]).exists()


def named(location: Location) -> set[tuple[str, str]]:
    entries = Activity.objects.filter(location_id=location.pk).order_by("pk")
    return {(line.actor, line.party) for line in lines(entries, may_see_addresses=True)}


def test_others_read_of_a_deleted_user(cast: Cast, nina: User) -> None:
    """The record keeps what happened; who it was, as one who did it or to whom, is no longer told."""
    assert ("Nina Ny", "Contractor") in named(cast.bait)
    deletion.close_account(user=nina)
    after = named(cast.bait) | named(cast.site)
    assert not {name for pair in after for name in pair if "nina" in name.lower()}
    assert ("Deleted user", "Deleted user") in after
    assert ("Stranger", "Deleted user") in after
    # Somebody whose address she had never shown to be hers keeps their name.
    assert ("Deleted user", "customer@test.example") in after


def test_the_address_starts_anew(cast: Cast, nina: User) -> None:
    """The same person again is another account: it has nothing, and is called by its name."""
    deletion.close_account(user=nina)
    again = make_person("nina@test.example", "Nina Igen")
    assert set(Location.objects.visible_to(again)) == set()
    assert not Invitation.objects.waiting_for(again).exists()
    assert not Organisation.objects.of(again).exists()
    share(cast.site, cast.installer, again, Level.VIEW)
    assert ("Installer", "Nina Igen") in named(cast.site)
    assert ("Installer", "Deleted user") not in named(cast.site)
    assert ("Stranger", "Deleted user") in named(cast.bait)
    deletion.close_account(user=again)
    assert ("Installer", "Deleted user") in named(cast.site)


def test_nothing_is_given_to_a_deleted_user(cast: Cast, nina: User) -> None:
    """Whoever still has them in hand is told."""
    asked = JoinRequest.objects.get(user=nina)
    deletion.close_account(user=nina)
    with refused("Nothing can be given to this account"):
        add_member(organisation=cast.firm, user=nina, role=MEMBER, by=cast.installer)
    with refused("Nothing can be given to this account"):
        give_access(
            location=cast.site, party=nina, level=Level.VIEW, reason=Access.Reason.EMAIL, by=cast.installer
        )
    with refused("Somebody has answered"):
        approve(request=asked, by=cast.stranger, role=MEMBER)


def test_the_record_says_that_the_account_was_deleted(cast: Cast, nina: User) -> None:
    deletion.close_account(user=nina)
    entry = Activity.objects.latest("pk")
    assert (entry.verb, entry.actor_id, entry.actor_name) == (Verb.ACCOUNT_DELETED, nina.pk, "Nina Ny")
    assert last_entry(cast.firm).verb == Verb.MEMBER_LEFT


@pytest.mark.parametrize("entries", [1, 30])
def test_asking_who_is_gone_costs_one_query(
    cast: Cast,
    nina: User,
    entries: int,
    django_assert_num_queries: object,
) -> None:
    for _ in range(entries):
        record(Verb.JOIN_ASKED, by=nina, location=cast.site, party="N", party_address="nina@test.example")
    found = list(Activity.objects.all())
    with django_assert_num_queries(1):  # type: ignore[operator]
        lines(found, may_see_addresses=True)


def test_who_is_deleted_cannot_be_found_by_name_or_address(cast: Cast) -> None:
    """Or both could be spelled out, letter by letter, from what is shown as "Deleted user"."""
    share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    share(cast.site, cast.installer, cast.customer, Level.VIEW)
    entries = Activity.objects.filter(location_id=cast.site.pk)
    record = Record(of=cast.site, entries=entries, kinds=tuple(Kind), may_see_addresses=True)

    def found(who: str) -> int:
        return record.matching({"who": who, "what": "", "from": None, "to": None}).count()

    assert found("contr") > 0 and found("customer@test") > 0
    deletion.close_account(user=cast.contractor)
    assert found("contr") == found("contractor@test.example") == 0
    assert found("customer@test") > 0 and found("installer") > 0


def test_somebody_is_always_there_who_cannot_be_put_out(cast: Cast) -> None:
    """The person who installed a location goes: whoever has managed it for longest takes the place."""
    own = make_location(cast.customer, name="Own")
    share(own, cast.customer, cast.contractor, Level.MANAGE)
    late = share(own, cast.customer, cast.stranger, Level.MANAGE)
    deletion.close_account(user=cast.customer)
    (place,) = Access.objects.live().filter(location=own, reason="installed")
    assert place.user == cast.contractor
    assert Viewer.of(cast.contractor, own).may_end(late)
    assert not Viewer.of(cast.stranger, own).may_end(place)


def test_nobody_is_offered_to_ask_somebody_who_is_gone(cast: Cast) -> None:
    """Neither a person nor an organisation."""
    own = make_location(cast.customer, name="Own")
    share(own, cast.customer, cast.stranger, Level.MANAGE)
    invitation = invite(own, cast.customer, cast.contractor)
    assert SHARES.whom_to_ask(invitation) == [cast.customer]
    deletion.close_account(user=cast.customer)
    invitation = Invitation.objects.with_all().get(pk=invitation.pk)
    assert SHARES.whom_to_ask(invitation) == []
