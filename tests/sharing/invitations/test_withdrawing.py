"""Invitations whose time is over: marked once, and the sharer told once."""

from locations.levels import Level
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from tests.cast import (
    Cast,
    invite,
)
from tests.tools import Mailbox, in_days, mails, send_all


def test_what_ran_out_is_marked_once_and_the_sharer_told_once(cast: Cast) -> None:
    """The sweep only tidies states and tells people (product rule 4); a code's end is told nobody."""
    made, kept = (invite(cast.site, cast.installer, user) for user in (cast.contractor, cast.customer))
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    end = in_days(0)
    Invitation.objects.filter(pk__in=[made.pk, code.pk]).update(invited_at=in_days(-7), expires_at=end)
    OutgoingEmail.objects.all().delete()
    assert withdrawing.settle_expired_invitations() == 2
    assert [withdrawing.settle_expired_invitations() for _ in range(2)] == [0, 0]
    assert mails() == [("expired", "installer@test.example")]
    assert Activity.objects.filter(verb=Verb.INVITATION_EXPIRED).count() == 2
    for invitation, state in ((made, "expired"), (code, "expired"), (kept, "pending")):
        invitation.refresh_from_db()
        assert invitation.state == state
    assert (made.settled_at, made.settled_by) == (end, None)


def test_what_was_renewed_after_the_sweep_looked_is_left_alone(cast: Cast) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    Invitation.objects.filter(pk=made.pk).update(invited_at=in_days(-7), expires_at=in_days(0))
    seen = Invitation.objects.with_all().get(pk=made.pk)
    invitations.renew(invitation=made, by=cast.installer)
    assert not withdrawing.expire(seen)
    made.refresh_from_db()
    assert made.state == "pending"
    # Not even once the renewal has run out too: that is another end, of which the sharer is told by itself.
    Invitation.objects.filter(pk=made.pk).update(invited_at=in_days(-7), expires_at=in_days(0))
    assert not withdrawing.expire(seen)
    assert withdrawing.settle_expired_invitations() == 1


def test_a_sharer_who_renewed_meanwhile_is_not_told_it_expired(cast: Cast, mailoutbox: Mailbox) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    Invitation.objects.filter(pk=made.pk).update(invited_at=in_days(-7), expires_at=in_days(0))
    withdrawing.settle_expired_invitations()
    invitations.renew(invitation=made, by=cast.installer)
    send_all()
    assert [message.to for message in mailoutbox] == [["contractor@test.example"]]
