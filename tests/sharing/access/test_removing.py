"""Taking access away, and leaving: what goes with it, and what stays."""

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from organisations.services import add_member
from portal.models import OutgoingEmail
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import codes as invitations_codes
from sharing.models import Invitation
from sharing.permissions import Viewer
from tests.cast import (
    MEMBER,
    Cast,
    accept,
    invite,
    invite_operators,
    make_owner,
    share,
)
from tests.tools import live, mails, refused, state_of_everything, verbs

VIEW, CONFIGURE, MANAGE = Level


def chain(cast: Cast) -> tuple[Access, Access, Access]:
    """The firm gives to the contractor, who gives to the operator, who gives to the customer."""
    first = share(cast.site, cast.installer, cast.contractor)
    second = share(cast.site, cast.contractor, cast.operator)
    return first, second, share(cast.site, cast.operator, cast.customer, VIEW)


def test_taking_access_away_takes_what_was_given_on_from_it(cast: Cast) -> None:
    """It asks whether that ends too (preset: yes), works at once, and tells the people (product rule 3)."""
    ways = chain(cast)
    bystander = share(cast.site, cast.installer, cast.stranger, VIEW)
    OutgoingEmail.objects.all().delete()
    viewer = Viewer.of(cast.installer, cast.site)
    assert removing.given_on_from(viewer.accesses[ways[0].pk], viewer) == list(ways[1:])
    assert removing.remove_access(access=ways[0], by=cast.installer) == list(ways)
    assert live(cast.site) == {("Strøm & Søn", "installed", 3), ("Stranger", "email", 1)}
    assert bystander.ended_at is None
    people = ["contractor", "customer", "operator"]
    assert mails() == [("access-removed", f"{name}@test.example") for name in people]
    for way in ways:
        way.refresh_from_db()
        assert way.ended_by == cast.installer
    assert Location.objects.visible_to(cast.operator).count() == 0


def test_what_was_given_on_is_kept_when_asked(cast: Cast) -> None:
    first, second, third = chain(cast)
    assert removing.remove_access(access=first, by=cast.installer, also_given_on=False) == [first]
    assert live(cast.site) == {
        ("Strøm & Søn", "installed", 3),
        ("Operator", "email", 3),
        ("Customer", "email", 1),
    }


def test_a_giver_who_can_share_by_another_way_leaves_what_they_gave(cast: Cast) -> None:
    first, second, third = chain(cast)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    # A code is of no use to who has as much already, so it was a lesser way that grew.
    Access.objects.filter(pk=first.pk).update(level=VIEW)
    other = accept(code, cast.contractor)
    Access.objects.filter(pk=first.pk).update(level=MANAGE)
    assert removing.remove_access(access=first, by=cast.installer) == [first]
    assert live(cast.site) == {
        ("Strøm & Søn", "installed", 3),
        ("Contractor", "code", 3),
        ("Operator", "email", 3),
        ("Customer", "email", 1),
    }
    assert removing.remove_access(access=other, by=cast.installer)[1:] == [second, third]


def test_one_in_the_chain_who_can_share_by_another_way_leaves_what_they_gave(cast: Cast) -> None:
    """When one grant ends, what the person has by another way stays (product rule 3), all down the chain."""
    first, second, third = chain(cast)
    other = locations.give_access(
        location=cast.site,
        party=cast.operator,
        level=MANAGE,
        reason=Access.Reason.CODE,
        by=cast.installer,
        through=cast.site.accesses.get(reason="installed"),
    )
    removing.remove_access(access=first, by=cast.installer)
    assert live(cast.site) == {
        ("Strøm & Søn", "installed", 3),
        ("Operator", "code", 3),
        ("Customer", "email", 1),
    }
    assert other.ended_at is None


def test_taking_away_twice_changes_nothing(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    assert removing.remove_access(access=access, by=cast.installer) == [access]
    before = state_of_everything()
    assert removing.remove_access(access=access, by=cast.installer) == []
    assert removing.remove_access(access=access, by=cast.contractor) == []
    assert state_of_everything() == before


def test_who_loses_the_right_to_share_loses_their_open_invitations(cast: Cast) -> None:
    """Theirs alone; and not while they may share by another way (product rule 3)."""
    ways = chain(cast)
    of_contractor = invite(cast.site, cast.contractor, cast.stranger)
    of_operator = invite_operators(cast, by=cast.operator)
    of_installer = invite(cast.site, cast.installer, cast.support)
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.contractor, level=VIEW)
    removing.remove_access(access=ways[0], by=cast.installer)
    states = {each.pk: each.state for each in Invitation.objects.all()}
    for gone in (of_contractor, of_operator, code):
        assert states[gone.pk] == "withdrawn"
    assert states[of_installer.pk] == "pending"


def test_open_invitations_stay_with_who_may_still_share(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    made = invite(cast.site, cast.contractor, cast.stranger)
    add_member(organisation=cast.firm, user=cast.contractor, role=MEMBER, by=cast.installer)
    removing.remove_access(access=access, by=cast.installer)
    made.refresh_from_db()
    assert made.state == "pending"


def test_leaving_is_recorded_as_leaving_and_tells_nobody_who_left(cast: Cast) -> None:
    """Anybody may leave a location they were given (product rule 3)."""
    access = share(cast.site, cast.installer, cast.contractor)
    OutgoingEmail.objects.all().delete()
    removing.remove_access(access=access, by=cast.contractor)
    assert verbs(cast.site)[-1] == Verb.ACCESS_LEFT
    assert mails() == []
    assert invite(cast.site, cast.installer, cast.contractor).state == "pending"


def test_an_organisation_is_told_through_its_administrators(cast: Cast) -> None:
    access = accept(invite_operators(cast), cast.operator)
    add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    OutgoingEmail.objects.all().delete()
    removing.remove_access(access=access, by=cast.installer)
    assert mails() == [
        ("access-removed", "operator2@test.example"),
        ("access-removed", "operator@test.example"),
    ]
    assert Location.objects.visible_to(cast.customer).count() == 0


def test_the_owners_access_is_taken_by_nobody(cast: Cast) -> None:
    owned = make_owner(cast.site, cast.customer, cast.installer)
    for by in (cast.customer, cast.installer, cast.stranger):
        with refused("not yours to take away"):
            removing.remove_access(access=owned, by=by)


def test_the_owner_puts_the_installer_out(cast: Cast) -> None:
    make_owner(cast.site, cast.customer, cast.installer)
    installed = cast.site.accesses.get(reason="installed")
    given = share(cast.site, cast.installer, cast.contractor)
    removing.remove_access(access=installed, by=cast.customer, also_given_on=False)
    assert live(cast.site) == {("Customer", "owner", 3), ("Contractor", "email", 3)}
    with refused("not yours to take away"):
        removing.remove_access(access=given, by=cast.installer)


def test_what_is_removed_with_the_installer_is_not_the_owner(cast: Cast) -> None:
    """The Owner's way came from the installer too, and stays."""
    locations.give_access(
        location=cast.site,
        party=cast.customer,
        level=MANAGE,
        reason=Access.Reason.OWNER,
        by=cast.installer,
        through=cast.site.accesses.get(),
    )
    share(cast.site, cast.installer, cast.contractor)
    installed = cast.site.accesses.get(reason="installed")
    removing.remove_access(access=installed, by=cast.customer)
    assert live(cast.site) == {("Customer", "owner", 3)}
