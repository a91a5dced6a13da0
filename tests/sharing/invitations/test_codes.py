"""The code to pass on: one lives at a time, who is shown it, and when there is another."""

import pytest

from locations.levels import Level
from portal import codes
from portal.models import Activity
from portal.verbs import Verb
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from tests.cast import (
    Cast,
    accept,
    invite,
    share,
)
from tests.tools import mails, refused, run_out, verbs

VIEW, CONFIGURE, MANAGE = Level


def test_one_live_code_per_location(cast: Cast) -> None:
    """While it lives, sharing by code shows that code (guide, product rule 4)."""
    first, created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=MANAGE)
    assert created
    same, created = invitations_codes.create_code(
        location=cast.site, by=cast.colleague, level=VIEW, works_once=True
    )
    assert (same, created) == (first, False)
    assert (same.level, same.works_once, same.code) == (MANAGE, False, first.code)
    assert Invitation.objects.live_code_of(cast.site) == first
    assert verbs(cast.site).count(Verb.CODE_CREATED) == 1
    assert mails() == []


def test_the_next_code_comes_when_the_last_has_ended(cast: Cast) -> None:
    """After seven days, when withdrawn, or when one that works once was used."""
    first, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    run_out(first)
    assert Invitation.objects.live_code_of(cast.site) is None
    second, created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    assert created
    first.refresh_from_db()
    assert first.state == "expired"
    assert verbs(cast.site).count(Verb.INVITATION_EXPIRED) == 1
    invitations.withdraw(invitation=second, by=cast.colleague)
    third, created = invitations_codes.create_code(
        location=cast.site, by=cast.installer, level=VIEW, works_once=True
    )
    assert created
    accept(third, cast.contractor)
    fourth, created = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    assert created
    assert len({first.code, second.code, third.code, fourth.code}) == 4
    assert mails() == [("accepted", "installer@test.example")]


def test_showing_a_code_is_on_the_record(cast: Cast) -> None:
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    assert invitations_codes.show_code(invitation=made, by=cast.colleague) == codes.grouped(made.code)
    entry = Activity.objects.latest("pk")
    assert (entry.verb, entry.actor_id) == (Verb.CODE_SHOWN, cast.colleague.pk)


def test_a_code_is_shown_to_nobody_who_may_not_share(cast: Cast) -> None:
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=VIEW)
    share(cast.site, cast.installer, cast.contractor, CONFIGURE)
    for by in (cast.stranger, cast.contractor, cast.support):
        with refused("no longer have the right"):
            invitations_codes.show_code(invitation=made, by=by)


def test_the_code_of_an_invitation_is_shown_to_those_who_answer_for_it(cast: Cast) -> None:
    """No mail server, or mail bounced: the sharer copies the link (product rule 4)."""
    made = invite(cast.site, cast.installer, cast.contractor)
    share(cast.site, cast.installer, cast.operator)
    assert invitations_codes.show_code(invitation=made, by=cast.installer) == codes.grouped(made.code)
    for by in (cast.operator, cast.stranger, cast.contractor):
        with refused("no longer have the right"):
            invitations_codes.show_code(invitation=made, by=by)


@pytest.mark.parametrize("ended", ["withdrawn", "run out", "expired", "used"])
def test_a_code_that_has_ended_is_not_shown(cast: Cast, ended: str) -> None:
    made, _ = invitations_codes.create_code(
        location=cast.site, by=cast.installer, level=VIEW, works_once=True
    )
    if ended == "withdrawn":
        invitations.withdraw(invitation=made, by=cast.installer)
    elif ended == "used":
        accept(made, cast.contractor)
    else:
        run_out(made)
        if ended == "expired":
            withdrawing.settle_expired_invitations()
    with refused("has ended"):
        invitations_codes.show_code(invitation=made, by=cast.installer)
