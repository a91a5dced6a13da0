"""Handing a location over. `sharing.permissions` decides, `services` does; this shows and asks."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from locations.levels import Level
from locations.models import Location
from portal.errors import Refusal
from portal.lib.humanize import until
from sharing.invitations import qr
from sharing.models import Transfer
from sharing.pages import do, page, sheet_or_page, to_tab
from sharing.permissions import Viewer
from sharing.transfers import services
from sharing.transfers.forms import TransferForm
from sharing.transfers.handover import what_changes


@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """ "Transfer ownership": what changes for whom, and whom to invite. A dialog, or a page of its own."""
    location, viewer = _to_decide(request, uuid)
    form = TransferForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, viewer, form)
    try:
        sent = services.start(location=location, by=request.user, **form.cleaned_data)
    except Refusal as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return _page(request, viewer, form, refusal=refusal)
    messages.success(request, _said(sent))
    return to_tab(location)


@require_POST
def resend(request: HttpRequest, uuid: UUID, transfer: UUID) -> HttpResponse:
    """Send it again, with a new code and seven new days."""
    location, _viewer = _to_decide(request, uuid)
    return do(
        request,
        location,
        lambda: _said(services.renew(transfer=_transfer(location, transfer), by=request.user)),
    )


@require_POST
def withdraw(request: HttpRequest, uuid: UUID, transfer: UUID) -> HttpResponse:
    """Take it back."""
    location, _viewer = _to_decide(request, uuid)

    def act() -> str:
        found = _transfer(location, transfer)
        services.withdraw(transfer=found, by=request.user)
        return _("The invitation to {recipient} was withdrawn.").format(recipient=found.recipient)

    return do(request, location, act)


@require_POST
def show_code(request: HttpRequest, uuid: UUID, transfer: UUID) -> HttpResponse:
    """The code and link, to pass on by hand. A POST, because that it was looked at is recorded."""
    location, _viewer = _to_decide(request, uuid)
    found = _transfer(location, transfer)
    try:
        code = services.show_code(transfer=found, by=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return to_tab(location)
    link = request.build_absolute_uri(reverse("sharing:open", args=[code]))
    context = page(
        location,
        invitation=found,
        code=code,
        link=link,
        qr=qr.svg(link),
        withdraw_url=reverse("sharing:transfer_withdraw", args=[location.uuid, found.uuid]),
    )
    return render(request, sheet_or_page(request, "code"), context)


def _to_decide(request: HttpRequest, uuid: UUID) -> tuple[Location, Viewer]:
    """The location and its viewer. Raises PermissionDenied unless it is theirs to hand over."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    viewer = Viewer.on_page(request.user, location)
    if not viewer.decides_who_owns:
        raise PermissionDenied
    return location, viewer


def _page(
    request: HttpRequest, viewer: Viewer, form: TransferForm, *, refusal: Refusal | None = None
) -> HttpResponse:
    title = _("Transfer ownership") if viewer.owner else _("Hand over to the customer")
    changes = what_changes(viewer)
    context = page(viewer.location, form=form, title=title, changes=changes, refusal=refusal)
    status = 422 if form.errors else 200
    return render(request, sheet_or_page(request, "transfer"), context, status=status)


def _said(sent: Transfer) -> str:
    """What was sent, to whom, and that an earlier code is dead."""
    said = _("Invitation to become Owner sent to {recipient}. It is valid until {end}.")
    if sent.renewed:
        replaces = _("It replaces the earlier one, whose code no longer works.")
        said = f"{said} {replaces}"
    return said.format(recipient=sent.recipient, end=until(sent.expires_at))


def _transfer(location: Location, uuid: UUID) -> Transfer:
    found: Transfer = get_object_or_404(Transfer.objects.with_all(), location=location, uuid=uuid)
    return found
