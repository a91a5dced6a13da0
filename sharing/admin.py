"""Invitations for support staff, and all about one location on one page."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from locations.admin import AccessAdmin, LocationAdmin
from locations.models import Access, Location
from portal.admin import SupportAdmin
from portal.errors import Refusal
from sharing.access.putting_out import TakenBack
from sharing.bulk import admin as bulk_admin  # noqa: F401 (it registers itself)
from sharing.models import Invitation, Transfer
from sharing.support import search  # noqa: F401 (it registers itself)
from sharing.support import services as support
from sharing.support.forms import ReasonForm
from sharing.support.overview import case_of


class ActingAdmin(SupportAdmin):
    """Read-only but for acts that ask for a reason, each on a page of its own."""

    def act_paths(self) -> list[URLPattern]:
        """The addresses of the acts."""
        return []

    def get_urls(self) -> list[URLPattern]:
        return [*self.act_paths(), *super().get_urls()]

    def act_path(
        self,
        name: str,
        title: str,
        act: Callable[[Any, HttpRequest, str], str],
        goes: Callable[[Any, HttpRequest], Any] = lambda thing, request: None,
    ) -> URLPattern:
        """The page of one act: what it is about, what goes with it, a reason, a button. `act` returns what it
        has done.
        """

        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            number = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
            thing = get_object_or_404(self.get_queryset(request).select_related("location"), pk=number)
            form = ReasonForm(request.POST or None)
            if request.method == "POST" and form.is_valid():
                try:
                    messages.success(request, act(thing, request, form.cleaned_data["reason"]))
                except Refusal as refusal:
                    form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
                else:
                    return redirect("admin:locations_location_change", thing.location_id)
            context = {
                **self.admin_site.each_context(request),
                "title": title,
                "subtitle": str(thing),
                "original": thing,
                "goes": {"taken_back": goes(thing, request)},
                "form": form,
            }
            failed = request.method == "POST"
            return render(request, "admin/act.html", context, status=422 if failed else 200)

        model = f"{self.opts.app_label}_{self.opts.model_name}"
        return path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"{model}_{name}")


admin.site.unregister(Location)
admin.site.unregister(Access)


@admin.register(Location)
class LocationCaseAdmin(LocationAdmin):
    """Who can see it and why, what was sent and whether it arrived, what happened: in sight at once."""

    change_form_template = "admin/locations/location/case.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        number = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
        location = Location.objects.filter(pk=number).first()
        case = case_of(location, request.user) if location else None
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "case": case})


@admin.register(Access)
class AccessActAdmin(ActingAdmin, AccessAdmin):
    """Access, which support can end."""

    def act_paths(self) -> list[URLPattern]:
        return [self.act_path("end", gettext_lazy("End the access"), _end, _goes)]


def _end(access: Access, request: HttpRequest, reason: str) -> str:
    if not support.end_access(access=access, by=request.user, because=reason):
        return _("This access had ended before.")
    return _("The access of {party} has ended.").format(party=access.party)


def _goes(access: Access, request: HttpRequest) -> TakenBack:
    return support.goes_with(access, request.user)


def _resend(invitation: Invitation, request: HttpRequest, reason: str) -> str:
    support.resend(invitation=invitation, by=request.user, because=reason)
    return _("The invitation to {recipient} was sent again.").format(recipient=invitation.recipient)


def _withdraw(invitation: Invitation, request: HttpRequest, reason: str) -> str:
    support.withdraw(invitation=invitation, by=request.user, because=reason)
    return _("The invitation to {recipient} was withdrawn.").format(recipient=invitation.recipient)


@admin.register(Invitation)
class InvitationAdmin(ActingAdmin):
    """Found by address, organisation or location. Not by code: a search stands in the address of the page."""

    list_display = (
        "location",
        "kind",
        "email",
        "organisation",
        "level",
        "state",
        "invited_by",
        "invited_at",
        "expires_at",
    )
    list_filter = ("state", "kind")
    list_select_related = ("location", "organisation", "invited_by")
    search_fields = ("email", "organisation__name", "location__name", "invited_by__email")
    fields = (
        "location",
        "kind",
        "email",
        "organisation",
        "level",
        "access_ends_at",
        "works_once",
        "uses",
        "state",
        "invited_by",
        "invited_at",
        "expires_at",
        "settled_by",
        "settled_at",
    )
    ordering = ("-invited_at",)

    def act_paths(self) -> list[URLPattern]:
        return [
            self.act_path("resend", gettext_lazy("Send the invitation again"), _resend),
            self.act_path("withdraw", gettext_lazy("Withdraw the invitation"), _withdraw),
        ]


@admin.register(Transfer)
class TransferAdmin(SupportAdmin):
    """Found by address or location."""

    list_display = ("location", "email", "state", "invited_by", "invited_at", "expires_at")
    list_filter = ("state",)
    list_select_related = ("location", "invited_by")
    search_fields = ("email", "location__name", "invited_by__email")
    fields = (
        "location",
        "email",
        "state",
        "invited_by",
        "invited_at",
        "expires_at",
        "settled_by",
        "settled_at",
    )
    ordering = ("-invited_at",)
