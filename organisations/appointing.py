"""Support staff give an organisation without an Administrator a new one (product rule 7)."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from organisations import emails
from organisations.models import Membership, Organisation
from organisations.services import add_member, lock_organisation
from portal.activity.record import record
from portal.errors import Refusal
from portal.lib.validators import clean_message
from portal.models import User
from portal.redaction import without_codes
from portal.verbs import Verb


@transaction.atomic
def appoint_administrator(*, organisation: Organisation, user: User, by: User, reason: str) -> Membership:
    """Make `user` Administrator where nobody is who can sign in. Every member is told, with the reason.

    A member comes first: somebody from outside is appointed only where no member could be. Raises Refusal
    where there is an Administrator, and for support staff themselves, who cannot give each other rights.
    """
    organisation = lock_organisation(organisation)
    if not User.objects.filter(pk=by.pk, is_staff=True, is_active=True).exists():
        raise Refusal(_("Only support staff can do this."))
    reason = without_codes(clean_message(reason))
    if not reason:
        raise Refusal(_("Say why."), field="reason")
    if organisation.memberships.administrators().exists():
        raise Refusal(_("{organisation} has an Administrator already.").format(organisation=organisation))
    _refuse_unless_appointable(organisation, user)
    membership = add_member(organisation=organisation, user=user, role=Membership.Role.ADMINISTRATOR, by=by)
    membership.role = Membership.Role.ADMINISTRATOR
    membership.save(update_fields=["role"])
    record(
        Verb.ADMINISTRATOR_APPOINTED,
        by=by,
        organisation=organisation,
        party=str(user),
        party_address=user.email,
        because=reason,
    )
    emails.queue_administrator_appointed(organisation, user, by, reason)
    return membership


def _refuse_unless_appointable(organisation: Organisation, user: User) -> None:
    members = organisation.memberships.appointable()
    if members.filter(user=user).exists():
        return
    if not User.objects.appointable().filter(pk=user.pk).exists():
        raise Refusal(
            _("Only an open account with a confirmed address that is not of support staff can be appointed."),
            field="email",
        )
    if members.exists():
        raise Refusal(_("Choose one of the members; there are some who can sign in."), field="email")
