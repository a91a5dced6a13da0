"""The main job in one breath: share in three ways, accept, see it, take it back."""

from locations.levels import Level
from locations.models import Location
from sharing.access import removing
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from tests.cast import Cast, accept, invite


def seen_by(user: object) -> set[str]:
    return {str(location.uuid) for location in Location.objects.visible_to(user)}


def test_a_person_adds_the_location_and_loses_it_again(cast: Cast) -> None:
    access = accept(invite(cast.site, cast.installer, cast.contractor), cast.contractor)
    assert seen_by(cast.contractor) == {str(cast.site.uuid)}
    removing.remove_access(access=access, by=cast.installer)
    assert seen_by(cast.contractor) == set()
    assert seen_by(cast.stranger) == {str(cast.bait.uuid)}


def test_an_organisation_adds_the_location_for_all_its_members(cast: Cast) -> None:
    invitation = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="test", level=Level.VIEW
    )
    accept(invitation, cast.operator2)
    assert seen_by(cast.operator) == seen_by(cast.operator2) == {str(cast.site.uuid)}
    assert seen_by(cast.stranger) == {str(cast.bait.uuid)}


def test_whoever_has_the_code_adds_the_location(cast: Cast) -> None:
    code, created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.MANAGE)
    assert created
    accept(code, cast.contractor)
    accept(code, cast.operator, cast.operators)
    assert seen_by(cast.contractor) == seen_by(cast.operator2) == {str(cast.site.uuid)}
    code.refresh_from_db()
    assert (code.uses, code.state) == (2, "pending")
