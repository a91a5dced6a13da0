"""Correcting the address of an invitation whose e-mail did not arrive: the same offer to another address."""

from datetime import timedelta

import pytest
from django.utils import timezone

from locations.levels import Level
from locations.services import archive_location
from portal import limits
from portal.models import Activity, User
from portal.verbs import Verb
from sharing import kinds
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.invitations.services import correct_address
from sharing.models import Invitation
from tests.cast import Cast, accept, invite, make_owner, make_person, share
from tests.tools import in_days, mails, refused

RIGHT = "right@test.example"


@pytest.fixture
def lost(cast: Cast) -> Invitation:
    """An invitation to an address with a typing error."""
    return invitations.share_with_person(
        location=cast.site,
        by=cast.installer,
        email="wrogn@test.example",
        level=Level.CONFIGURE,
        message="Hej",
        access_ends_at=in_days(30),
    )


def correct(invitation: Invitation, by: User, email: str = RIGHT) -> Invitation:
    return correct_address(invitation=invitation, by=by, email=email)


def verbs(cast: Cast) -> list[tuple[str, str]]:
    rows = Activity.objects.filter(location_id=cast.site.pk, verb__contains="invit").order_by("pk")
    return list(rows.values_list("verb", "party_address"))


def test_the_same_offer_goes_to_the_right_address(cast: Cast, lost: Invitation) -> None:
    """One row, renewed: what is offered stays, the old code is dead, and the record says both addresses."""
    before, old_code = Invitation.objects.get(pk=lost.pk), lost.code
    sent = correct(lost, cast.colleague, f"  {RIGHT.upper()} ")
    assert (sent.pk, sent.email, sent.renewed) == (before.pk, RIGHT, True)
    for name in ("level", "message", "access_ends_at", "location_id", "uuid"):
        assert getattr(sent, name) == getattr(before, name), name
    assert sent.is_live() and sent.invited_by == cast.colleague
    assert kinds.with_code(old_code) is None
    assert mails("invitation") == [("invitation", RIGHT), ("invitation", "wrogn@test.example")]
    assert verbs(cast) == [
        (Verb.INVITED, "wrogn@test.example"),
        (Verb.INVITATION_CORRECTED, "wrogn@test.example"),
        (Verb.INVITED_AGAIN, RIGHT),
    ]
    assert accept(sent, make_person(RIGHT)).level == Level.CONFIGURE


@pytest.mark.parametrize("ended", [False, True])
def test_an_address_with_a_row_of_its_own_keeps_it(cast: Cast, lost: Invitation, ended: bool) -> None:
    """The other row is renewed with this offer, and this one withdrawn: never two for one recipient."""
    other = invitations.share_with_person(
        location=cast.site, by=cast.installer, email=RIGHT, level=Level.VIEW, message="Andet"
    )
    if ended:
        invitations.withdraw(invitation=other, by=cast.installer)
    sent = correct(lost, cast.installer)
    assert (sent.pk, sent.level, sent.message, sent.is_live()) == (other.pk, Level.CONFIGURE, "Hej", True)
    lost.refresh_from_db()
    assert (lost.state, lost.email) == (Invitation.State.WITHDRAWN, "wrogn@test.example")
    assert verbs(cast)[-2:] == [
        (Verb.INVITATION_WITHDRAWN, "wrogn@test.example"),
        (Verb.INVITED_AGAIN, RIGHT),
    ]


def test_an_expired_one_can_be_corrected(cast: Cast, lost: Invitation) -> None:
    """Marked as expired or not yet: it may have expired because it never arrived."""
    for settle in (False, True):
        past = timezone.now().replace(microsecond=0) - timedelta(seconds=1)
        Invitation.objects.filter(pk=lost.pk).update(expires_at=past, invited_at=past - timedelta(days=7))
        if settle:
            withdrawing.settle_expired_invitations()
        assert correct(lost, cast.installer, f"right-{settle}@test.example").is_live()


def test_what_is_wrong_with_the_address_is_said_beside_it(cast: Cast, lost: Invitation) -> None:
    """As when inviting: one's own, of somebody who has access, already invited by another; or the same."""
    share(cast.site, cast.installer, cast.contractor, Level.MANAGE)
    for email, sentence in [
        ("Wrogn@test.example", "was sent to this address already"),
        (cast.installer.email, "your own address"),
        (cast.contractor.email, "already has access"),
    ]:
        with refused(sentence, field="email"):
            correct(lost, cast.installer, email)
    theirs = invitations.share_with_person(
        location=cast.site, by=cast.contractor, email="mine@test.example", level=Level.VIEW
    )
    invitations.share_with_person(location=cast.site, by=cast.installer, email=RIGHT, level=Level.VIEW)
    with refused("has already invited", field="email"):
        correct(theirs, cast.contractor)


def test_only_who_answers_for_it_may(cast: Cast, lost: Invitation) -> None:
    """Not a stranger, not another Manage holder; the Owner may, as for all."""
    share(cast.site, cast.installer, cast.contractor, Level.MANAGE)
    for by in (cast.stranger, cast.support, cast.contractor):
        with refused("no longer have the right"):
            correct(lost, by)
    make_owner(cast.site, cast.customer, cast.installer)
    assert correct(lost, cast.customer).email == RIGHT


def test_only_an_invitation_to_a_person_has_an_address(cast: Cast) -> None:
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    organisation = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=Level.VIEW
    )
    for other in (code, organisation):
        with refused("no longer have the right"):
            correct(other, cast.installer)


def test_an_answered_one_is_left_alone(cast: Cast) -> None:
    """A page from before: whoever accepted keeps it, whoever declined or was withdrawn gets nothing new."""
    for number, (settle, sentence) in enumerate(
        [
            (accept, "has been answered"),
            (
                lambda i, who: invitations_accepting.decline(invitation=i, by=who, nonce=i.nonce),
                "has been answered",
            ),
            (lambda i, who: invitations.withdraw(invitation=i, by=cast.installer), "was withdrawn"),
        ]
    ):
        person = make_person(f"p{number}@test.example")
        invitation = invite(cast.site, cast.installer, person)
        settle(invitation, person)
        with refused(sentence):
            correct(invitation, cast.installer)


def test_an_archived_location_is_not_shared(cast: Cast, lost: Invitation) -> None:
    archive_location(location=cast.site, by=cast.installer)
    with refused("no longer have the right"):
        correct(lost, cast.installer)


def test_it_counts_as_inviting(cast: Cast, lost: Invitation) -> None:
    """Correcting over and over is no way round the limits."""
    for _ in range(limits.INVITATIONS_BY_ACCOUNT.tries):
        limits.count(limits.INVITATIONS_BY_ACCOUNT, cast.installer.pk)
    with refused("very many"):
        correct(lost, cast.installer)
