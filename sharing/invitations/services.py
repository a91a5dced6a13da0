"""The sharer's verbs: invite, renew, correct an address, withdraw. Codes to pass on are made in `codes`.

Each locks the location, asks `sharing.permissions` again under the lock, changes, and records, in one
transaction. Who can be invited is asked of `recipients`. What a recipient does with an invitation stands in
`accepting`, taking access back in `sharing.access.removing`.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from organisations.services import UNKNOWN_KEY, find_by_key, lock_organisation
from portal.errors import Refusal
from portal.invitations.models import refuse_withdrawn, throttle_recipient, throttle_sender
from portal.models import User
from portal.verbs import Verb
from sharing.invitations import emails
from sharing.invitations.recipients import (
    check_organisation,
    known_address,
    refuse_if_person_has_access,
    refuse_if_they_have_access,
    refuse_own_address,
)
from sharing.invitations.withdrawing import withdraw_pending
from sharing.models import Invitation
from sharing.permissions import Viewer, access_to_share_by
from sharing.record import record_invitation

LOCATION_ARCHIVED = _("This location has been archived, so it cannot be shared.")
MAY_NOT_SHARE = _("You no longer have the right to share this location.")


def share_with_person(
    *,
    location: Location,
    by: User,
    email: str,
    level: Level,
    message: str = "",
    access_ends_at: datetime | None = None,
) -> Invitation:
    """Invite the person with this address; a former invitation of theirs to this location is renewed.

    Returns the invitation with `.renewed`. Raises Refusal, beside `email` where the address is the cause.
    """
    email = known_address(email)
    refuse_own_address(email, by)
    throttle_sender(by)
    with transaction.atomic():
        location, through = lock_to_share(location, by)
        refuse_if_person_has_access(email, by, through, level, access_ends_at)
        throttle_recipient(by, about=str(location.pk), recipient=email)
        invitation = Invitation(location=location, kind=Invitation.Kind.PERSON, email=email)
        return send(invitation, by, through, level, message, access_ends_at)


def share_with_organisation(
    *,
    location: Location,
    by: User,
    key: str,
    network: str,
    level: Level,
    message: str = "",
    access_ends_at: datetime | None = None,
) -> Invitation:
    """Invite every Administrator of the organisation with this Organisation Key, on its behalf.

    Returns the invitation with `.renewed`. Raises Refusal, beside `key` where the key is the cause.
    """
    organisation = find_by_key(key=key, by=by, network=network)
    through = way_to_share(location, by)
    check_organisation(organisation, by=by, through=through, level=level, access_ends_at=access_ends_at)
    throttle_sender(by)
    with transaction.atomic():
        # Locked first (organisation, location, invitation, access): the key may just be being replaced.
        found, organisation = organisation, lock_organisation(organisation)
        if organisation.key_digest != found.key_digest:
            raise Refusal(UNKNOWN_KEY, field="key")
        location, through = lock_to_share(location, by)
        check_organisation(organisation, by=by, through=through, level=level, access_ends_at=access_ends_at)
        throttle_recipient(by, about=str(location.pk), recipient=str(organisation.pk))
        invitation = Invitation(
            location=location, kind=Invitation.Kind.ORGANISATION, organisation=organisation
        )
        return send(invitation, by, through, level, message, access_ends_at)


def renew(*, invitation: Invitation, by: User) -> Invitation:
    """Send the invitation again: a new code and seven new days; the old code is dead from now on.

    Raises Refusal when it may not be sent, or when the recipient has access by now.
    """
    throttle_sender(by)
    with transaction.atomic():
        if invitation.organisation:
            lock_organisation(invitation.organisation)
        location = lock_for(invitation, by, Viewer.may_renew)
        invitation.refresh_from_db()
        refuse_withdrawn(invitation)
        location, through = lock_to_share(location, by)
        level, ends_at = Level(invitation.level), invitation.access_ends_at
        refuse_if_they_have_access(invitation, by, through)
        recipient = invitation.email or str(invitation.organisation_id)
        throttle_recipient(by, about=str(location.pk), recipient=recipient)
        return send(invitation, by, through, level, invitation.message, ends_at)


def correct_address(*, invitation: Invitation, by: User, email: str) -> Invitation:
    """Send the same offer to another address: a new code and seven new days; the old code is dead.

    The row is renewed under the new address; where that address has a row of its own, that one is renewed and
    this one withdrawn. Raises Refusal as inviting does, beside `email` where the address is the cause.
    """
    email = known_address(email)
    if email == invitation.email:
        raise Refusal(_("The invitation was sent to this address already."), field="email")
    refuse_own_address(email, by)
    throttle_sender(by)
    with transaction.atomic():
        lock_for(invitation, by, Viewer.may_correct)
        invitation.refresh_from_db()
        _refuse_unless_open(invitation)
        location, through = lock_to_share(invitation.location, by)
        level, ends_at = Level(invitation.level), invitation.access_ends_at
        refuse_if_person_has_access(email, by, through, level, ends_at)
        throttle_recipient(by, about=str(location.pk), recipient=email)
        corrected = Invitation(location=location, kind=Invitation.Kind.PERSON, email=email)
        if Invitation.objects.filter(location=location, kind=corrected.kind, email=email).exists():
            withdraw_pending(invitation, by)
        else:
            record_invitation(Verb.INVITATION_CORRECTED, invitation, by)
            Invitation.objects.filter(pk=invitation.pk).update(email=email)
        return send(corrected, by, through, level, invitation.message, ends_at)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User) -> bool:
    """Take the invitation back; whether there was anything to take back. Raises Refusal once accepted."""
    lock_for(invitation, by, Viewer.may_withdraw)
    # It may have been sent again since it was looked at, alone or with others.
    invitation.refresh_from_db(fields=["nonce", "expires_at", "offer"])
    withdrawn = withdraw_pending(invitation, by)
    now = Invitation.objects.filter(pk=invitation.pk)
    if not withdrawn and now.filter(state=Invitation.State.ACCEPTED).exists():
        raise Refusal(
            _("{recipient} has accepted meanwhile. You can remove the access instead.").format(
                recipient=invitation.recipient
            )
        )
    return withdrawn


def send(
    invitation: Invitation,
    by: User,
    through: Access,
    level: Level,
    message: str,
    access_ends_at: datetime | None,
) -> Invitation:
    """Write a new invitation, or renew the one this recipient has, and queue its e-mails."""
    existing = Invitation.objects.filter(
        location=invitation.location,
        kind=invitation.kind,
        email=invitation.email,
        organisation=invitation.organisation,
    ).first()
    if existing and existing.is_live() and not Viewer.of(by, existing.location).answers_for(existing):
        raise Refusal(
            _("{person} has already invited {recipient}. Ask them to change the invitation.").format(
                person=existing.invited_by, recipient=existing.recipient
            ),
            field="email" if existing.email else "key",
        )
    invitation = existing or invitation
    # Of one that was accepted nothing is left to replace: its code is dead, and the access it gave stays.
    invitation.renewed = existing is not None and existing.state != Invitation.State.ACCEPTED
    fill(invitation, by, through, level, message, access_ends_at)
    invitation.save()
    record_invitation(Verb.INVITED_AGAIN if existing else Verb.INVITED, invitation, by)
    emails.queue_invitation(invitation)
    return invitation


def fill(
    invitation: Invitation,
    by: User,
    through: Access,
    level: Level,
    message: str,
    access_ends_at: datetime | None,
) -> None:
    """A fresh life, on these terms; not saved yet.

    Nobody gives more than they have, so the access ends with the sharer's own at the latest; and an
    invitation ends with what it offers. Raises Refusal when that is over already.
    """
    access_ends_at = through.gives_until(access_ends_at)
    invitation.begin(by, until=access_ends_at)
    if access_ends_at is not None and access_ends_at <= invitation.invited_at:
        raise Refusal(
            _("The access you offer would have ended by now. Choose a later day."), field="access_ends"
        )
    invitation.invited_through = through
    invitation.level, invitation.message = level, message.strip()
    invitation.access_ends_at = access_ends_at
    invitation.uses, invitation.offer = 0, None


def lock_to_share(location: Location, by: User) -> tuple[Location, Access]:
    """The locked location and the access `by` shares it through. Raises Refusal when they may not."""
    location = locations.lock_location(location)
    return location, way_to_share(location, by)


def way_to_share(location: Location, by: User) -> Access:
    """The access `by` shares the location through now. Raises Refusal when they may not."""
    if location.archived_at:
        raise Refusal(LOCATION_ARCHIVED)
    through = access_to_share_by(by, location)
    if through is None:
        raise Refusal(MAY_NOT_SHARE)
    through.location = location
    return through


def lock_for(invitation: Invitation, by: User, rule: Callable[[Viewer, Invitation], bool]) -> Location:
    """The locked location of an invitation. Raises Refusal when `rule` of the viewer says no."""
    location = locations.lock_location(invitation.location)
    if not rule(Viewer.of(by, location), invitation):
        raise Refusal(_("You no longer have the right to do this here."))
    return location


def _refuse_unless_open(invitation: Invitation) -> None:
    """Answered or withdrawn since the page was made: there is nothing to correct."""
    refuse_withdrawn(invitation)
    if invitation.state not in (Invitation.State.PENDING, Invitation.State.EXPIRED):
        raise Refusal(_("This invitation has been answered meanwhile. Nothing was sent."))
