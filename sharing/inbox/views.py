"""The Invitations page: what waits, and what was sent, across all locations and organisations."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from organisations import inviting
from organisations.models import MemberInvitation
from portal.errors import Refusal
from portal.invitations.models import AbstractInvitation
from portal.lib.humanize import until
from portal.models import User
from sharing import kinds
from sharing.bulk import offers
from sharing.inbox import listing
from sharing.invitations import services as invitations_services
from sharing.models import Invitation, Offer, Transfer
from sharing.transfers import services as transfers

# The sender's verbs of each kind.
_RENEW: dict[type[AbstractInvitation], Callable[[Any, User], Any]] = {
    Invitation: lambda found, by: invitations_services.renew(invitation=found, by=by),
    MemberInvitation: lambda found, by: inviting.renew(invitation=found, by=by),
    Transfer: lambda found, by: transfers.renew(transfer=found, by=by),
}
_WITHDRAW: dict[type[AbstractInvitation], Callable[[Any, User], Any]] = {
    Invitation: lambda found, by: invitations_services.withdraw(invitation=found, by=by),
    MemberInvitation: lambda found, by: inviting.withdraw(invitation=found, by=by),
    Transfer: lambda found, by: transfers.withdraw(transfer=found, by=by),
    Offer: lambda found, by: offers.withdraw(offer=found, by=by),
}


@require_safe
def invitations(request: HttpRequest) -> HttpResponse:
    """What waits for this person, who asks to be let in, what they sent, and what they asked for."""
    cursors = {name: request.GET.get(name, "") for name in ("after", "before")}
    page, asked = listing.page_of(request.user, **cursors), listing.asked(request.user)
    context = {"section": "invitations", "page": page, "requests": asked.of, "asked": asked.by}
    if max(len(page.waiting), len(asked.of)) < listing.SHOWN_WAITING:
        # All of it is here: the menu need not ask how much there is.
        context["invitations_waiting"] = len(page.waiting) + len(asked.of)
    return render(request, "sharing/mine.html", context)


@require_POST
def resend(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Send one's own invitation again, with a new code and seven new days."""

    def act(found: Any) -> str:
        if type(found) not in _RENEW:  # many at once are looked at again first (`sharing.bulk.views.again`)
            raise Http404
        sent = _RENEW[type(found)](found, request.user)
        said = _("Invitation sent to {recipient}. It is valid until {end}.")
        replaces = _("It replaces the earlier one, whose code no longer works.")
        return f"{said} {replaces}".format(recipient=sent.recipient, end=until(sent.expires_at))

    return _do(request, uuid, act)


@require_POST
def withdraw(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take one's own invitation, or code, back."""

    def act(found: Any) -> str:
        _WITHDRAW[type(found)](found, request.user)
        return _("The invitation to {recipient} was withdrawn.").format(recipient=found.recipient)

    return _do(request, uuid, act)


def _do(request: HttpRequest, uuid: UUID, act: Callable[[Any], str]) -> HttpResponse:
    """Do it to what this person has sent, and to nothing else; say what came of it, and go back."""
    found = kinds.with_uuid(uuid)
    if found is None or found.invited_by_id != request.user.pk:
        raise Http404
    try:
        messages.success(request, act(found))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("sharing:invitations")
