"""What pages show of handing a location over: who is invited to own it, and what changes for whom."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from locations.models import Access, Location
from portal.lib.humanize import masked
from sharing.access.putting_out import Loss, taken_back_with
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer


@dataclass
class WaitingTransfer:
    """An invitation to become Owner that nobody has answered yet."""

    transfer: Transfer
    name: str
    delivery: str
    may_renew: bool
    may_withdraw: bool


@dataclass
class Handover:
    """Handing over, as the Permissions tab shows it to one person."""

    waiting: list[WaitingTransfer]
    may_start: bool


def handover_of(viewer: Viewer, transfers: list[Transfer], undelivered: dict[str, str]) -> Handover:
    """Handing over with these invitations to become Owner, and what keeps their e-mails (by nonce)."""
    return Handover(
        waiting=[
            WaitingTransfer(
                transfer=transfer,
                name=transfer.email if viewer.may_see_addresses else masked(transfer.email),
                delivery=undelivered.get(transfer.nonce, ""),
                may_renew=viewer.may_transfer,
                may_withdraw=viewer.decides_who_owns,
            )
            for transfer in transfers
        ],
        may_start=viewer.may_transfer and not any(transfer.is_live() for transfer in transfers),
    )


def what_changes(viewer: Viewer) -> list[str]:
    """What accepting will change, for whom, as `accepting.accept` does it. A sentence each."""
    lines = [_("The new Owner sees everything there, decides who has access, and can end anybody's.")]
    owner, installer = viewer.owner, _installer(viewer)
    if owner:
        lines += _for_the_owner(viewer, owner)
    if installer and viewer.holds(installer):
        lines.append(_("You keep access as the installer, until the new Owner ends it."))
    elif installer:
        keeps = _("{party} keeps access as the installer, until the new Owner ends it.")
        lines.append(keeps.format(party=installer.party))
    if any(access not in (owner, installer) for access in viewer.live):
        lines.append(_("Everybody else keeps their access, until it is ended."))
    return lines


def _installer(viewer: Viewer) -> Access | None:
    return next(filter(_is_installer, viewer.live), None)


def _is_installer(access: Access) -> bool:
    return access.reason == Access.Reason.INSTALLED


def _for_the_owner(viewer: Viewer, owner: Access) -> list[str]:
    if not viewer.holds(owner):
        lines = [_("{person} is no longer the Owner, and loses their own access.").format(person=owner.party)]
    elif any(viewer.holds(a) for a in viewer.live if a.organisation_id or a.reason == "installed"):
        lines = [_("You are no longer the Owner. You keep only what you have by other ways.")]
    else:
        lines = [_("You are no longer the Owner, and the location leaves your list.")]
    if Invitation.objects.live_code_of(viewer.location):
        lines.append(_("The invitation code is withdrawn, because the earlier Owner may know it."))
    personal = [access for access in viewer.live if access.party == owner.party and not _is_installer(access)]
    lost = Loss(owner.party, viewer.location, owner.level)
    if taken_back_with([lost], ending=personal):
        lines.append(_("What others have offered the earlier Owner here is withdrawn."))
    return lines


def for_the_next_owner(location: Location) -> dict[str, list[str]]:
    """What the next Owner reads before accepting: who has access now and why, and what changes for them.

    Addresses are masked until then.
    """
    rows = list(Access.objects.live().filter(location=location).with_parties().order_by("since", "pk"))
    names = {access: masked(str(access.party)) for access in rows}
    owner = next((access for access in rows if access.reason == Access.Reason.OWNER), None)
    changes = [_("Everybody keeps their access until you end it, those who installed it too.")]
    if owner:
        loses = _("{person} is no longer the Owner, and loses their own access.").format(person=names[owner])
        others = _("Everybody else keeps their access until you end it, those who installed it too.")
        changes = [loses, others]
    return {
        "parties": [f"{name} · {access.get_reason_display()}" for access, name in names.items()],
        "changes": changes,
    }
