"""Codes handed out by the sharer: making the location's invitation code, and looking at a code again."""

from datetime import datetime

from django.db import transaction

from locations.levels import Level
from locations.models import Location
from portal import codes
from portal.errors import Refusal
from portal.invitations.models import CODE_HAS_ENDED
from portal.models import User
from portal.verbs import Verb
from sharing.invitations.services import fill, lock_for, lock_to_share
from sharing.invitations.withdrawing import expire
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.record import record_invitation


@transaction.atomic
def create_code(
    *,
    location: Location,
    by: User,
    level: Level,
    works_once: bool = False,
    access_ends_at: datetime | None = None,
) -> tuple[Invitation, bool]:
    """The location's live invitation code, and whether it was made now: there is one at a time (guide)."""
    location, through = lock_to_share(location, by)
    live = Invitation.objects.live_code_of(location)
    if live:
        return live, False
    for ended in Invitation.objects.due_to_expire().filter(location=location, kind=Invitation.Kind.CODE):
        expire(ended)
    invitation = Invitation(location=location, kind=Invitation.Kind.CODE, works_once=works_once)
    fill(invitation, by, through, level, "", access_ends_at)
    invitation.save()
    record_invitation(Verb.CODE_CREATED, invitation, by)
    return invitation, True


@transaction.atomic
def show_code(*, invitation: Invitation, by: User) -> str:
    """The code of a live invitation again, for those who answer for it; on the record.

    Of an e-mail invitation too: where no mail arrives, the sharer passes the link on by hand. It lets in
    nobody but whom it was sent to. Raises Refusal when it has ended.
    """
    lock_for(invitation, by, Viewer.may_withdraw)
    invitation.refresh_from_db()
    if not invitation.is_live():
        raise Refusal(CODE_HAS_ENDED)
    record_invitation(Verb.CODE_SHOWN, invitation, by)
    return codes.grouped(invitation.code)
