"""Organisations and memberships for support staff."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from organisations.appointing import appoint_administrator
from organisations.forms import AppointForm
from organisations.models import MemberInvitation, Membership, Organisation
from organisations.services import find_by_key
from portal import codes
from portal.activity.record import record
from portal.admin import SupportAdmin
from portal.errors import Refusal
from portal.support_search import MOST_OF_A_KIND, Found, Search, finds
from portal.verbs import Verb


class MembersInline(admin.TabularInline):  # type: ignore[type-arg]
    """Who belongs to it."""

    model = Membership
    fk_name = "organisation"
    fields = readonly_fields = ("user", "role", "since", "added_by")
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Organisation)
class OrganisationAdmin(SupportAdmin):
    """Found by name or by a member's address. By its key only through the box that is posted (below).

    The one thing staff may do here is to appoint an Administrator where there is none.
    """

    list_display = ("name", "country", "accepts_shares", "has_administrator", "created_at", "closed_at")
    search_fields = ("name", "memberships__user__email")
    fields = (
        *("name", "country", "language", "accepts_shares", "join_domains", "requires_two_step"),
        *("has_administrator", "created_at", "closed_at"),
    )
    readonly_fields = ("has_administrator",)
    inlines = (MembersInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return super().get_queryset(request).mark_administered()  # type: ignore[no-any-return, attr-defined]

    @admin.display(description=gettext_lazy("has an Administrator"), boolean=True)
    def has_administrator(self, organisation: Organisation) -> bool:
        """Whether one of its Administrators can sign in."""
        return organisation.has_administrator

    def get_urls(self) -> list[URLPattern]:
        appoint = path(
            "<path:object_id>/appoint/",
            self.admin_site.admin_view(self.appoint),
            name="organisations_organisation_appoint",
        )
        return [appoint, *super().get_urls()]

    def appoint(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose an Administrator for an organisation that has none, and say why."""
        number = int(object_id) if object_id.isdecimal() and len(object_id) < 19 else 0
        organisation = get_object_or_404(self.get_queryset(request), pk=number)
        if organisation.has_administrator or organisation.closed_at:
            raise PermissionDenied(_("This organisation needs no Administrator."))
        form = AppointForm(request.POST or None, organisation=organisation)
        if request.method == "POST" and form.is_valid():
            try:
                member = appoint_administrator(
                    organisation=organisation,
                    user=form.cleaned_data["user"],
                    by=request.user,
                    reason=form.cleaned_data["reason"],
                )
            except Refusal as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
            else:
                messages.success(request, _("{person} is Administrator now.").format(person=member.user))
                return redirect("admin:organisations_organisation_change", organisation.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Appoint an Administrator"),
            "subtitle": str(organisation),
            "opts": self.opts,
            "original": organisation,
            "form": form,
        }
        return render(request, "admin/appoint.html", context, status=422 if form.errors else 200)


@admin.register(Membership)
class MembershipAdmin(SupportAdmin):
    """Who belongs where."""

    list_display = ("user", "organisation", "role", "since", "added_by")
    list_filter = ("role",)
    list_select_related = ("user", "organisation", "added_by")
    search_fields = ("user__email", "user__name", "organisation__name")
    fields = ("user", "organisation", "role", "since", "added_by")


@admin.register(MemberInvitation)
class MemberInvitationAdmin(SupportAdmin):
    """Found by address or organisation. Not by code: a search stands in the address of the page."""

    list_display = ("organisation", "email", "role", "state", "invited_by", "invited_at", "expires_at")
    list_filter = ("state", "role")
    list_select_related = ("organisation", "invited_by")
    search_fields = ("email", "organisation__name", "invited_by__email")
    fields = (
        "organisation",
        "email",
        "role",
        "state",
        "invited_by",
        "invited_at",
        "expires_at",
        "settled_by",
        "settled_at",
    )
    ordering = ("-invited_at",)


@finds
def find_organisations(search: Search) -> Iterator[Found]:
    """By their name, or by name and address of a member."""
    yield from map(_found, _described(Organisation.objects.matching(search.text))[:MOST_OF_A_KIND])


@finds
def find_by_organisation_key(search: Search) -> Iterator[Found]:
    """By the Organisation Key. Wrong ones count against whoever tried, and are on the record."""
    try:
        codes.normalise(search.text, length=codes.ORGANISATION_KEY_LENGTH)
    except codes.Mistyped:
        return
    try:
        organisation = find_by_key(key=search.text, by=search.by, network=search.network)
    except Refusal as refusal:
        if refusal.data.get("looked_up"):
            record(Verb.WRONG_KEY, by=search.by)
        raise
    yield from map(_found, _described(Organisation.objects.filter(pk=organisation.pk)))


def _described(organisations: QuerySet[Any]) -> QuerySet[Any]:
    """With what a line about each says."""
    marked: QuerySet[Any] = organisations.mark_administered()  # type: ignore[attr-defined]
    return marked.annotate(members=Count("memberships"))


def _found(organisation: Any) -> Found:
    more = [ngettext("{n} member", "{n} members", organisation.members).format(n=organisation.members)]
    if organisation.closed_at:
        more = [_("deleted")]
    elif not organisation.has_administrator:
        more.append(_("no Administrator who can sign in"))
    url = reverse("admin:organisations_organisation_change", args=[organisation.pk])
    return Found(_("Organisation"), str(organisation), ", ".join(more), url)
