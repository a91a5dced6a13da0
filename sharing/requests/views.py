"""Asking for a location by its number, and answering whoever asks to be let in."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from locations.models import Location
from portal.errors import Refusal
from portal.lib.client_address import client_network
from portal.views import nothing_for_support
from sharing.models import AccessRequest
from sharing.requests import services
from sharing.requests.forms import AnswerForm, AskForm


@require_http_methods(["GET", "HEAD", "POST"])
@nothing_for_support("sharing:add")
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a location. The answer is the same whether there is one or not; one's own is opened."""
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _asked(request, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
    context = {"section": "add", "form": form}
    return render(request, "sharing/ask.html", context, status=422 if form.errors else 200)


def _asked(request: HttpRequest, number: int, sentence: str) -> HttpResponse:
    own = Location.objects.visible_to(request.user).filter(pk=number).first()
    if own:
        messages.info(request, _("You already have access to this location."))
        return redirect("locations:detail", own.uuid)
    services.ask_for_access(
        number=number, by=request.user, sentence=sentence, network=client_network(request)
    )
    said = _(
        "If there is such a location, those who manage it have been asked. Their answer comes by e-mail."
    )
    messages.success(request, said)
    return redirect("sharing:invitations")


@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Who asks to be let in to what; approve or refuse. For whoever may, and nobody else."""
    found = get_object_or_404(AccessRequest.objects.with_all(), uuid=uuid)
    if not services.may_answer(request.user, found):
        raise Http404
    form = AnswerForm(request.POST if request.method == "POST" and found.offer is None else None)
    if request.method == "POST":
        if request.POST.get("answer") != "approve":
            return _do(request, found, None)
        if found.offer is not None or form.is_valid():
            return _do(request, found, form)
    context = {"section": "invitations", "one": found, "form": form}
    return render(request, "sharing/request.html", context, status=422 if form.errors else 200)


def _do(request: HttpRequest, found: AccessRequest, form: AnswerForm | None) -> HttpResponse:
    """Approve with what the form says, or without a form refuse; then back to where it is all listed."""
    try:
        if form is None:
            services.refuse(request=found, by=request.user)
            said = _("{person} was refused and is told.")
        else:
            services.approve(request=found, by=request.user, **(form.terms if form.is_bound else {}))
            said = _("{person} has been let in and is told.")
        messages.success(request, said.format(person=found.user))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    if found.member_invitation:
        return redirect("organisations:detail", found.thing.uuid)
    return redirect("sharing:permissions", found.thing.uuid)
