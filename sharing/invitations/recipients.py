"""Whether somebody can be invited: their address or key, and whether they have as much already.

Each function raises Refusal with the sentence, beside the field that is the cause. Asked before anything is
sent, and again under the locks (`sharing.invitations.services`).
"""

from datetime import datetime
from typing import cast

from allauth.account.models import EmailAddress
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from locations.models import Access
from locations.querysets import AccessQuerySet
from organisations.models import Organisation
from portal.errors import Refusal
from portal.lib.addresses import clean_address
from portal.lib.humanize import last_day
from portal.models import User
from sharing.models import Invitation
from sharing.permissions import covering_access

NO_ADDRESS = _("Enter the e-mail address of the person you want to share with.")


def known_address(text: str, sentence: str | Promise = NO_ADDRESS) -> str:
    """The address as it is kept. Raises Refusal with the sentence, beside `email`, for what is none."""
    address = clean_address(text)
    if address is None:
        raise Refusal(sentence, field="email")
    return address


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


def refuse_own_address(email: str, by: User) -> None:
    """Nobody invites themselves, nor an address they say is theirs."""
    if EmailAddress.objects.filter(user=by, email=email).exists() or email == by.email:
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
    """That they have, and until when it can be given, where that is sooner than was asked for."""
    if through.lasts_as_long_as(access_ends_at):
        return _("{person} already has access.").format(person=party)
    said = _("{person} already has access for as long as it can be given: until {day}.")
    return said.format(person=party, day=last_day(cast(datetime, through.ends_at)))


def what_the_sharer_knows_of(email: str, by: User) -> AccessQuerySet:
    """Live access of the person with this very address, as far as the sharer may know that it is theirs."""
    person = User.objects.with_verified_address(email)
    rows: AccessQuerySet = Access.objects.live()
    if person is None or person.email != email:
        return rows.none()
    return rows.filter(Q(user=person) | Q(organisation__in=Organisation.objects.of(by).of(person)))
