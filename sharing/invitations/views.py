"""Inviting from the Permissions tab. `sharing.permissions` decides, `services` does; this shows and asks."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from locations.levels import Level
from locations.models import Location
from organisations.models import Organisation
from organisations.services import find_by_key
from portal import codes
from portal.errors import Refusal
from portal.lib.client_address import client_network
from portal.lib.humanize import last_day, until
from sharing.invitations import codes as invitations_codes
from sharing.invitations import qr, recipients, services
from sharing.invitations.forms import AddressForm, InviteForm, Kind
from sharing.models import Invitation
from sharing.pages import do, page, sheet_or_page, to_tab
from sharing.permissions import Viewer, access_to_share_by


@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """ "Invite partner": a dialog, or a page of its own without JavaScript."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    live_code = Invitation.objects.live_code_of(location)
    own = access_to_share_by(request.user, location)
    posted = request.POST if request.method == "POST" else None
    form = InviteForm(posted, own_end=own.ends_at if own else None)
    if posted is None:
        return _invite_page(request, location, form, live_code=live_code)
    if not form.is_valid():
        return _invite_page(request, location, form, live_code=live_code, status=422)
    try:
        return _WAYS[form.cleaned_data["kind"]](request, location, form)
    except Refusal as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return _invite_page(request, location, form, live_code=live_code, refusal=refusal, status=422)


def _invite_person(request: HttpRequest, location: Location, form: InviteForm) -> HttpResponse:
    invitation = services.share_with_person(
        location=location,
        by=request.user,
        email=form.cleaned_data["email"],
        message=form.cleaned_data["message"],
        **form.terms,
    )
    return _sent(request, location, invitation)


def _invite_organisation(request: HttpRequest, location: Location, form: InviteForm) -> HttpResponse:
    """First the name of the organisation is shown for this key; then, confirmed, it is sent."""
    key, network = form.cleaned_data["key"], client_network(request)
    organisation = find_by_key(key=key, by=request.user, network=network)
    if request.POST.get("confirmed") != str(organisation.uuid):
        through = services.way_to_share(location, request.user)
        recipients.check_organisation(organisation, by=request.user, through=through, **form.terms)
        return _invite_page(request, location, form, organisation=organisation)
    invitation = services.share_with_organisation(
        location=location,
        by=request.user,
        key=key,
        network=network,
        message=form.cleaned_data["message"],
        **form.terms,
    )
    return _sent(request, location, invitation)


def _create_code(request: HttpRequest, location: Location, form: InviteForm) -> HttpResponse:
    invitation, created = invitations_codes.create_code(
        location=location, by=request.user, works_once=form.cleaned_data["works_once"], **form.terms
    )
    code = (
        codes.grouped(invitation.code)
        if created
        else invitations_codes.show_code(invitation=invitation, by=request.user)
    )
    return _code_page(request, location, invitation, code, existed=not created)


_WAYS: dict[str, Callable[[HttpRequest, Location, InviteForm], HttpResponse]] = {
    Kind.PERSON: _invite_person,
    Kind.ORGANISATION: _invite_organisation,
    Kind.CODE: _create_code,
}


@require_POST
def resend(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """Send an invitation again, with a new code and seven new days."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)

    def act() -> str:
        sent = services.renew(invitation=_invitation(location, invitation), by=request.user)
        return _said(sent)

    return do(request, location, act)


@require_http_methods(["GET", "HEAD", "POST"])
def correct_address(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """Send an invitation whose e-mail did not arrive to the right address."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    found = _invitation(location, invitation)
    if not Viewer.on_page(request.user, location).may_correct(found):
        messages.error(request, _("You no longer have the right to do this here."))
        return to_tab(location)
    form = AddressForm(request.POST if request.method == "POST" else None, initial={"email": found.email})
    refusal = None
    if form.is_valid():
        try:
            sent = services.correct_address(invitation=found, by=request.user, **form.cleaned_data)
        except Refusal as refused:
            refusal = refused
            form.add_error(refusal.field or None, str(refusal))
        else:
            return _sent(request, location, sent)
    context = page(location, form=form, invitation=found, refusal=refusal)
    status = 422 if form.errors else 200
    return render(request, sheet_or_page(request, "address"), context, status=status)


@require_POST
def withdraw(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """Take an invitation or the code back."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)

    def act() -> str:
        found = _invitation(location, invitation)
        services.withdraw(invitation=found, by=request.user)
        if found.kind == Kind.CODE:
            return _("The invitation code was withdrawn. Nobody can use it any more.")
        return _("The invitation to {recipient} was withdrawn.").format(recipient=found.recipient)

    return do(request, location, act)


@require_POST
def show_code(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """The live code again. A POST, because that it was looked at is recorded."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    found = _invitation(location, invitation)
    try:
        code = invitations_codes.show_code(invitation=found, by=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return to_tab(location)
    return _code_page(request, location, found, code)


def _sent(request: HttpRequest, location: Location, invitation: Invitation) -> HttpResponse:
    messages.success(request, _said(invitation))
    return to_tab(location)


def _said(invitation: Invitation) -> str:
    """What was sent, to whom, and that an earlier code is dead."""
    if invitation.organisation:
        sent = _("Invitation sent to the Administrators of {recipient}. It is valid until {end}.")
    else:
        sent = _("Invitation sent to {recipient}. It is valid until {end}.")
    if invitation.renewed:
        replaces = _("It replaces the earlier one, whose code no longer works.")
        sent = f"{sent} {replaces}"
    said = sent.format(recipient=invitation.recipient, end=until(invitation.expires_at))
    if invitation.access_ends_at:
        lasts = _("The access lasts until {day}.").format(day=last_day(invitation.access_ends_at))
        said = f"{said} {lasts}"
    return said


def _invite_page(
    request: HttpRequest,
    location: Location,
    form: InviteForm,
    *,
    live_code: Invitation | None = None,
    organisation: Organisation | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = page(location, form=form, live_code=live_code, organisation=organisation, refusal=refusal)
    return render(request, sheet_or_page(request, "invite"), context, status=status)


def _code_page(
    request: HttpRequest, location: Location, invitation: Invitation, code: str, *, existed: bool = False
) -> HttpResponse:
    link = request.build_absolute_uri(reverse("sharing:open", args=[code]))
    context = page(
        location,
        invitation=invitation,
        level=Level(invitation.level),
        code=code,
        link=link,
        qr=qr.svg(link),
        withdraw_url=reverse("sharing:withdraw", args=[location.uuid, invitation.uuid]),
        existed=existed,
    )
    return render(request, sheet_or_page(request, "code"), context)


def _invitation(location: Location, uuid: UUID) -> Invitation:
    invitation = Invitation.objects.filter(location=location, uuid=uuid).with_all().first()
    if invitation is None:
        raise Http404
    return invitation
