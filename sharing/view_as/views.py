"""The pages of "View as": a location as an entry of its Permissions tab would see it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from locations import views as pages
from locations.forms import LocationForm
from locations.levels import Level
from locations.models import Access, Location
from locations.querysets import say_ways
from portal.activity import page as activity_page
from portal.errors import Refusal
from sharing.pages import page, to_tab
from sharing.permissions import Viewer
from sharing.view_as import services
from sharing.view_as.inert import stand_still

# Which entry the session looks as, and until when; starting it is on the record.
MARKER = "view_as"
LASTS = 3600
# Stands in the hidden fields of forms, which all go.
_NO_TOKEN = "-"  # noqa: S105


class _Elsewhere(Exception):
    """There is nothing to look at; `answer` says where to go."""

    def __init__(self, answer: HttpResponse) -> None:
        self.answer = answer


@require_http_methods(["GET", "HEAD", "POST"])
def overview(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Begin with POST, which is recorded; then the overview."""
    if request.method == "POST":
        return _begin(request, uuid, access)

    def show(viewer: Viewer, seen: Viewer) -> tuple[str, dict[str, Any]]:
        say_ways(viewer.location, services.names_of_ways(seen))
        return "locations/overview.html", pages.overview_context(viewer.location)

    return _look(request, uuid, access, show)


@require_safe
def permissions(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """The Permissions tab."""

    def show(viewer: Viewer, seen: Viewer) -> tuple[str, dict[str, Any]]:
        query = request.GET.get("q", "").replace("\0", "").strip()[:200]
        tab = services.tab_as(viewer, seen, query)
        return "sharing/permissions.html", page(viewer.location, tab=tab)

    return _look(request, uuid, access, show)


@require_safe
def activity(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """The record; the same entries as everybody's, with addresses or without."""

    def show(viewer: Viewer, seen: Viewer) -> tuple[str, dict[str, Any]]:
        record, context = pages.activity_context(viewer.location)
        activity_page.fill(request, record, context)
        return "locations/activity.html", context

    return _look(request, uuid, access, show)


@require_safe
def settings(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """The settings, for those who have this page."""

    def show(viewer: Viewer, seen: Viewer) -> tuple[str, dict[str, Any]]:
        if viewer.location.level < Level.CONFIGURE:
            raise _Elsewhere(redirect("sharing:view_as", uuid, access))
        form = LocationForm(instance=viewer.location)
        context = pages.settings_context(viewer.location, form, may_archive=seen.decides_who_owns)
        return "locations/settings.html", context

    return _look(request, uuid, access, show)


@require_POST
def leave(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """See it with one's own eyes again."""
    location = Location.objects.get_visible(request.user, uuid)
    request.session.pop(MARKER, None)
    return to_tab(location)


def _begin(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    found = get_object_or_404(Access, location=location, uuid=access)
    try:
        services.begin(access=found, by=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return to_tab(location)
    request.session[MARKER] = [str(access), int(timezone.now().timestamp()) + LASTS]
    return redirect("sharing:view_as", uuid, access)


def _look(request: HttpRequest, uuid: UUID, access: UUID, show: Any) -> HttpResponse:
    """What `show` builds for the party, dead, under a banner. Asked anew on every page: who looks must
    manage the location now, and the entry must hold."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    viewer = Viewer.of(request.user, location)
    found = viewer.accesses.get(get_object_or_404(Access, location=location, uuid=access).pk)
    try:
        entry = _entry(request, viewer, found)
        seen = services.viewer_as(viewer, entry)
        location.level = seen.level
        template, context = show(viewer, seen)
    except _Elsewhere as elsewhere:
        return elsewhere.answer
    context |= {"user": seen.user, "frame": "sharing/bare.html", "csrf_token": _NO_TOKEN}
    html = stand_still(render_to_string(template, context, request), _links(location, access))
    return render(request, "sharing/view_as.html", page(location, entry=entry, still=mark_safe(html)))  # noqa: S308


def _entry(request: HttpRequest, viewer: Viewer, access: Access | None) -> Access:
    if access is None or not viewer.may_view_as(access):
        messages.info(request, _("This access has ended."))
        raise _Elsewhere(to_tab(viewer.location))
    marked, until = request.session.get(MARKER, ("", 0))
    if marked != str(access.uuid) or until < timezone.now().timestamp():
        # Looking is recorded where it begins, so it begins there.
        raise _Elsewhere(redirect("sharing:entry", viewer.location.uuid, access.uuid))
    return access


def _links(location: Location, access: UUID) -> dict[str, str]:
    """The pages of the location, and what each is while looking."""
    real = {
        "locations:detail": "sharing:view_as",
        "sharing:permissions": "sharing:view_as_permissions",
        "locations:activity": "sharing:view_as_activity",
        "locations:settings": "sharing:view_as_settings",
    }
    links = {
        reverse(name, args=[location.uuid]): reverse(still, args=[location.uuid, access])
        for name, still in real.items()
    }
    return links | {still: still for still in links.values()}
