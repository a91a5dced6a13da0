"""Deleting an organisation: what ends with it, what is to be handed over first, and doing either."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from locations import handover
from locations.models import Access, Location
from locations.querysets import COUNT_CAP
from organisations.models import JoinRequest, Organisation
from portal.errors import Refusal
from sharing.deletion.forms import CloseForm
from sharing.models import Invitation


@require_http_methods(["GET", "HEAD", "POST"])
def delete_organisation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show what ends and what must be handed over first; delete it once its name is typed."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    form = CloseForm(request.POST or None, user=request.user, organisation=organisation)
    if request.method == "POST" and form.is_valid():
        to, name = form.cleaned_data["to"] or request.user, form.cleaned_data["name"]
        try:
            handover.hand_over_and_close(organisation=organisation, to=to, by=request.user, name=name)
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, _("{organisation} was deleted.").format(organisation=organisation))
            return redirect("organisations:mine")
    return _page(request, organisation, form)


def _page(request: HttpRequest, organisation: Organisation, form: CloseForm) -> HttpResponse:
    cursors = {"after": request.GET.get("after", ""), "before": request.GET.get("before", "")}
    left = Location.objects.managed_by_nobody_but(organisation)
    context: dict[str, Any] = {
        "section": "organisation",
        "organisation": organisation,
        "tab_name": "settings",
        "form": form,
        "page": left.page_by_name(**cursors),
        "left": left.capped_count(),
        "count_cap": COUNT_CAP,
        **_what_ends(organisation),
    }
    status = 422 if form.errors else 200
    return render(request, "organisations/delete.html", context, status=status)


def _what_ends(organisation: Organisation) -> dict[str, int]:
    through = Access.objects.live().filter(organisation=organisation)
    return {
        "members": organisation.memberships.count(),
        "lost": Location.objects.filter(pk__in=through.values("location")).capped_count(),
        "offers": Invitation.objects.open().filter(organisation=organisation).count(),
        "requests": organisation.join_requests.filter(state=JoinRequest.State.PENDING).count(),
    }
