"""The sharer's verbs: invite, renew, withdraw. Codes to pass on are made in `sharing.handing_out`.

Each locks the location, asks `sharing.permissions` again under the lock, changes, and records, in one
transaction. What a recipient does with an invitation stands in `sharing.acceptance`, taking access back in
`sharing.removal`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from locations import services as locations
from locations.levels import Level
from locations.models import Access, Location
from locations.querysets import AccessQuerySet
from organisations.models import Organisation
from organisations.services import UNKNOWN_KEY, find_by_key, lock_organisation
from portal.errors import Refusal
from portal.invitations import WITHDRAWN_MEANWHILE, throttle_recipient, throttle_sender
from portal.models import User
from portal.validators import clean_address
from portal.verbs import Verb
from portal.words import last_day
from sharing import emails
from sharing.models import Invitation
from sharing.permissions import Viewer, access_to_share_by, covering_access
from sharing.record import record_invitation
from sharing.settling import withdraw_pending

NO_ADDRESS = _("Enter the e-mail address of the person you want to share with.")
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


def known_address(text: str) -> str:
    """The address as it is kept. Raises Refusal beside `email` for what is none."""
    address = clean_address(text)
    if address is None:
        raise Refusal(NO_ADDRESS, field="email")
    return address


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


def check_organisation(
    organisation: Organisation,
    *,
    by: User,
    through: Access,
    level: Level,
    access_ends_at: datetime | None = None,
) -> None:
    """Raises Refusal, beside `key`, where the organisation cannot be invited to the location of `through`, by
    which `by` shares it: what would end sooner than asked for is what it may have already.
    """
    ends_at = through.gives_until(access_ends_at)
    covering = covering_access(organisation, through.location, level=level, ends_at=ends_at)
    if covering and organisation.memberships.filter(user=by).exists():
        raise Refusal(_("That is your own organisation. All its members already have access."), field="key")
    if covering:
        said = _has_access(str(organisation), through, access_ends_at)
        raise Refusal(said, field="key", access=covering)
    refuse_unless_it_takes_shares(organisation)


def refuse_unless_it_takes_shares(organisation: Organisation) -> None:
    """Raises Refusal, beside `key`, where an organisation takes nothing, or nobody is there to accept."""
    if not organisation.accepts_shares:
        raise Refusal(
            _("{organisation} does not take shared locations at the moment.").format(
                organisation=organisation
            ),
            field="key",
        )
    if not organisation.memberships.administrators().exists():
        raise Refusal(
            _("{organisation} has no Administrator at the moment, so nobody could accept.").format(
                organisation=organisation
            ),
            field="key",
        )


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
        if invitation.state == Invitation.State.WITHDRAWN:
            # A page from before the withdrawal must not undo it; inviting anew is a decision of its own.
            raise Refusal(WITHDRAWN_MEANWHILE)
        location, through = lock_to_share(location, by)
        level, ends_at = Level(invitation.level), invitation.access_ends_at
        refuse_if_they_have_access(invitation, by, through)
        recipient = invitation.email or str(invitation.organisation_id)
        throttle_recipient(by, about=str(location.pk), recipient=recipient)
        return send(invitation, by, through, level, invitation.message, ends_at)


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


def refuse_own_address(email: str, by: User) -> None:
    """Nobody invites themselves."""
    if EmailAddress.objects.filter(user=by, email__iexact=email).exists() or email == by.email:
        raise Refusal(_("That is your own address."), field="email")


def refuse_if_they_have_access(invitation: Invitation, by: User, through: Access) -> None:
    """Where it is to be sent again on its terms. Raises Refusal as inviting anew does."""
    level, ends_at = Level(invitation.level), invitation.access_ends_at
    if invitation.organisation:
        check_organisation(
            invitation.organisation, by=by, through=through, level=level, access_ends_at=ends_at
        )
    else:
        refuse_if_person_has_access(invitation.email, by, through, level, ends_at)


def refuse_if_person_has_access(
    email: str, by: User, through: Access, level: Level, access_ends_at: datetime | None
) -> None:
    """Where the person has as much already as could be given by `through`.

    Says so only of people whose access the sharer can see under this very address.

    That is: given to them personally, or to an organisation of the sharer's own. Of another organisation's
    people, and of further addresses, nothing is told, not even whether there is an account.
    """
    rows = what_the_sharer_knows_of(email, by).filter(location=through.location_id, level__gte=level)
    ends_at = through.gives_until(access_ends_at)
    covering = next((access for access in rows if access.lasts_as_long_as(ends_at)), None)
    if covering:
        said = _has_access(email, through, access_ends_at)
        raise Refusal(said, field="email", access=covering)


def _has_access(party: str, through: Access, access_ends_at: datetime | None) -> str:
    """That they have, and where it is for no longer than was asked for, why that is so."""
    if through.lasts_as_long_as(access_ends_at):
        return _("{person} already has access.").format(person=party)
    said = _("{person} already has access for as long as you can give it: your own ends on {day}.")
    return said.format(person=party, day=last_day(cast(datetime, through.ends_at)))


def what_the_sharer_knows_of(email: str, by: User) -> AccessQuerySet:
    """Live access of the person with this very address, as far as the sharer may know that it is theirs."""
    person = User.objects.with_verified_address(email)
    rows: AccessQuerySet = Access.objects.live()
    if person is None or person.email != email:
        return rows.none()
    return rows.filter(Q(user=person) | Q(organisation__in=Organisation.objects.of(by).of(person)))
