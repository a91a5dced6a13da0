"""What the e-mails about invitations of every kind have in common."""

from collections.abc import Collection, Iterable
from typing import Any

from django.utils.translation import gettext as _

from portal import codes
from portal.failures import Failure
from portal.invitations.models import AbstractInvitation
from portal.mail import outbox
from portal.mail.outbox import absolute_url
from portal.models import OutgoingEmail, User

Status = OutgoingEmail.Status
ON_ITS_WAY = [Status.QUEUED, Status.SENDING]


def queue_about(
    kind: str,
    invitation: AbstractInvitation,
    reader: User | None,
    *,
    address: str = "",
    once: str = "",
    **details: object,
) -> None:
    """Queue one message about this renewal of an invitation, one per reader or per `once`."""
    outbox.queue(kind, **letter_about(kind, invitation, reader, address=address, once=once, **details))


def letter_about(
    kind: str,
    invitation: AbstractInvitation,
    reader: User | None,
    *,
    address: str = "",
    once: str = "",
    **details: object,
) -> dict[str, Any]:
    """The same, to be queued by `mail.queue_all` with others of its kind."""
    return {
        "key": f"{kind}/{invitation.uuid}/{invitation.nonce}/{once or (reader and reader.pk) or '-'}",
        "address": address or (reader.email if reader else ""),
        "language": reader.language if reader else invitation.language,
        "recipient": reader,
        "about": invitation.uuid,
        "version": invitation.nonce,
        **details,
    }


def queue_to_address(kind: str, invitation: AbstractInvitation) -> None:
    """Tell the person with the address it was sent to, in their language if they have an account."""
    reader = User.objects.with_verified_address(invitation.email)
    queue_about(kind, invitation, reader, address=invitation.email)


def invitation_of(row: OutgoingEmail, model: Any, *, any_version: bool = False) -> Any:
    """The invitation a row is about, as it is now; None once the row speaks of an earlier one."""
    found = model.objects.filter(uuid=row.about).with_all()
    return found.first() if any_version else found.filter(nonce=row.version).first()


def way_in(invitation: AbstractInvitation) -> dict[str, Any]:
    """The parts of a `Message` that say how to answer: the link, the code, and how to go on by hand."""
    code = codes.grouped(invitation.code)
    closing = [_("Or sign in to the portal, choose Add a location and enter the code.")]
    if invitation.email:
        # An organisation's Administrators have an account.
        closing.append(
            _("No account yet? You can make one on the way in; use the address this e-mail was sent to.")
        )
    return {
        "button": (_("Look at the invitation"), absolute_url("sharing:open", code)),
        "code": code,
        "closing": tuple(closing),
    }


def person_with_address(person: User) -> str:
    """A person as somebody who may not know them reads of them."""
    return f"{person.name} ({person.email})" if person.name else person.email


def delivery(kinds: Collection[str], invitations: Iterable[AbstractInvitation]) -> dict[str, str]:
    """Per nonce, what keeps the e-mail of that renewal from having arrived: a `Failure`, else "queued".

    `kinds` are what the e-mails that bring these invitations are called. One query, or none for nothing.
    """
    waiting = list(invitations)
    rows = OutgoingEmail.objects.filter(
        kind__in=kinds,
        about__in=[invitation.uuid for invitation in waiting],
        version__in=[invitation.nonce for invitation in waiting],
        status__in=[*ON_ITS_WAY, Status.FAILED, Status.BOUNCED, Status.COMPLAINED],
    )
    worst: dict[str, str] = {}
    for version, status, failure in rows.values_list("version", "status", "failure"):
        if status not in ON_ITS_WAY:
            worst[version] = Failure(failure or Failure.OTHER)
        worst.setdefault(version, "queued")
    return worst
