"""The e-mails of handing a location over: the invitation, and what came of it."""

import uuid

from django.utils.translation import gettext as _

from locations.models import Access
from locations.permissions import level_of
from portal.invitations.emails import (
    invitation_of,
    person_with_address,
    queue_about,
    queue_to_address,
    way_in,
)
from portal.lib.humanize import until
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.models import Transfer
from sharing.permissions import Viewer


def queue_transfer(transfer: Transfer) -> None:
    """Tell the person they are invited to become Owner."""
    queue_to_address("transfer", transfer)


def queue_transfer_started(transfer: Transfer, owner: User) -> None:
    """Tell the Owner that somebody else has begun to hand the location over."""
    queue_about("transfer-started", transfer, owner)


def queue_transferred(transfer: Transfer, owner: User, earlier: User | None) -> None:
    """Tell the new Owner, the earlier one, and those who installed it or began this."""
    others = {transfer.invited_by, *_installers(transfer)} - {owner, earlier}
    for reader in filter(None, (owner, earlier, *sorted(others, key=lambda person: person.pk))):
        queue_about("transferred", transfer, reader, by=owner.pk, earlier=earlier.pk if earlier else None)


def queue_transfer_declined(transfer: Transfer) -> None:
    """Tell whoever invited that the answer was no."""
    queue_about("transfer-declined", transfer, transfer.invited_by)


def queue_transfer_expired(transfer: Transfer) -> None:
    """Tell whoever invited that nobody answered in time."""
    queue_about("transfer-expired", transfer, transfer.invited_by)


def queue_transfer_asked_for(transfer: Transfer, by: User) -> None:
    """Tell whoever invited that somebody would like a new one."""
    queue_about("transfer-asked-for", transfer, transfer.invited_by, by=by.pk, once=uuid.uuid4().hex)


def _installers(transfer: Transfer) -> set[User]:
    """Who stands for the installing party: the person, or the organisation's Administrators."""
    rows = Access.objects.live().filter(location=transfer.location, reason=Access.Reason.INSTALLED)
    installed = rows.with_parties().first()
    if installed is None:
        return set()
    if installed.user:
        return {installed.user}
    return {one.user for one in installed.organisation.memberships.administrators().by_name()}


@builds("transfer")
def transfer(row: OutgoingEmail) -> Message | None:
    """The invitation itself. Nothing to say once it was renewed, answered, withdrawn or has ended."""
    found = _transfer(row)
    if found is None or not found.is_live():
        return None
    names = _names(found)
    heading = _("{person} hands {location} over to you").format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(
            _(
                "{person} invites you to become the Owner of the location {location}, with everything in it. "
                "When you have accepted, you decide who has access. Nothing changes until then."
            ).format(**names),
        ),
        quote=found.message,
        quoted=names["person"],
        facts=(
            (_("Location"), f"{found.location.name}, {found.location.address}"),
            (_("Handed over by"), person_with_address(found.invited_by)),
            (_("Answer before"), until(found.expires_at)),
        ),
        reason=_(
            "You get this because {person} entered your address. "
            "If you do not know them, do nothing: nothing happens until you accept."
        ).format(**names),
        **way_in(found),
    )


@builds("transfer-started")
def transfer_started(row: OutgoingEmail) -> Message | None:
    """To the Owner: somebody else has invited another one. Nothing to say once that is answered."""
    found = _transfer(row)
    if found is None or not found.is_live():
        return None
    return _message(
        found,
        _("{person} wants to hand {location} over"),
        _(
            "{person} has invited {recipient} to become its Owner. If they accept, you are no longer the "
            "Owner and lose your own access. If you do not agree, withdraw the invitation now."
        ),
        _("You get this because you are the Owner of this location."),
    )


@builds("transferred")
def transferred(row: OutgoingEmail) -> Message | None:
    """To each side: who is the Owner now, and what that means for the reader."""
    found = _transfer(row, any_version=True)
    if found is None or row.recipient is None:
        return None
    owner = User.objects.get(pk=row.details["by"])
    heading, paragraph = _what_it_means(row, owner)
    may_look = level_of(row.recipient, found.location) is not None
    reason = _("You get this because this location was handed over.")
    return _message(found, heading, paragraph, reason, has_button=may_look, owner=owner)


def _what_it_means(row: OutgoingEmail, owner: User) -> tuple[str, str]:
    if row.recipient == owner:
        return (
            _("You are the Owner of {location} now"),
            _("You decide who has access. On the Permissions tab you see everybody who has, and can end it."),
        )
    if row.recipient_id == row.details["earlier"]:
        return (
            _("{owner} is the Owner of {location} now"),
            _(
                "You are no longer its Owner, and what you had personally has ended. "
                "If you still need access, ask {owner} for an invitation."
            ),
        )
    return (
        _("{owner} is the Owner of {location} now"),
        _("{owner} has accepted. Those who installed the location keep access until the Owner ends it."),
    )


@builds("transfer-declined")
def transfer_declined(row: OutgoingEmail) -> Message | None:
    """To whoever invited: the answer was no."""
    return _to_inviter(
        row,
        _("{recipient} does not want to become Owner of {location}"),
        _("Nothing has changed. You can invite them again, or somebody else."),
    )


@builds("transfer-expired")
def transfer_expired(row: OutgoingEmail) -> Message | None:
    """To whoever invited: nobody answered."""
    found = _transfer(row)
    if found is None or found.state != Transfer.State.EXPIRED:
        return None
    return _to_inviter(
        row,
        _("Your invitation to {recipient} to become Owner of {location} has expired"),
        _("Nobody answered in time. One click on the Permissions tab sends a new one."),
    )


@builds("transfer-asked-for")
def transfer_asked_for(row: OutgoingEmail) -> Message | None:
    """To whoever invited: somebody asks for a new invitation, for their own account."""
    asker = User.objects.get(pk=row.details["by"])
    return _to_inviter(
        row,
        _("{asker} asks for a new invitation to become Owner of {location}"),
        _(
            "You invited {recipient}. Now {asker}, signed in as {address}, asks to become Owner. "
            "If you know them and agree, hand the location over to {address}; otherwise do nothing."
        ),
        asker=asker,
        address=asker.email,
    )


def _to_inviter(row: OutgoingEmail, heading: str, paragraph: str, **names: object) -> Message | None:
    """To whoever invited, as long as they may hand the location over: others can do nothing about it."""
    found = _transfer(row, any_version=True)
    if found is None or row.recipient is None:
        return None
    if not Viewer.of(row.recipient, found.location).decides_who_owns:
        return None
    return _message(found, heading, paragraph, _("You get this because you sent the invitation."), **names)


def _message(
    found: Transfer, heading: str, paragraph: str, reason: str, *, has_button: bool = True, **names: object
) -> Message:
    names = _names(found) | names
    heading = heading.format(**names)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(paragraph.format(**names),),
        button=(_("Open Permissions"), absolute_url("sharing:permissions", found.location.uuid))
        if has_button
        else None,
        reason=reason,
    )


def _names(found: Transfer) -> dict[str, object]:
    return {
        "person": str(found.invited_by),
        "location": found.location.name,
        "recipient": found.recipient,
    }


def _transfer(row: OutgoingEmail, *, any_version: bool = False) -> Transfer | None:
    found: Transfer | None = invitation_of(row, Transfer, any_version=any_version)
    return found
