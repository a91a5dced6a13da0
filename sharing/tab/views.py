"""The Permissions tab. `sharing.permissions` decides, `sharing.access` does; this only shows and asks."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import Access, Location
from portal.errors import Refusal
from sharing.access import changing, removing
from sharing.models import Invitation
from sharing.pages import do, page, sheet_or_page, to_tab
from sharing.permissions import Viewer
from sharing.tab.entries import tab_of


@require_safe
def permissions(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Who has access, who is invited, and what the viewer may do about it."""
    location = Location.objects.get_visible(request.user, uuid)
    note_opened(location, request.user)
    query = request.GET.get("q", "").replace("\0", "").strip()[:200]
    tab = tab_of(Viewer.on_page(request.user, location), query)
    return render(request, "sharing/permissions.html", page(location, tab=tab))


@require_POST
def change_level(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Give somebody another level, in place."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)

    def act() -> str:
        found = get_object_or_404(Access, location=location, uuid=access)
        level = request.POST.get("level", "")
        had_code = Invitation.objects.live_code_of(location)
        if level not in map(str, Level.values):
            raise Refusal(_("Choose one of the levels."))
        changed = changing.change_level(access=found, by=request.user, level=Level(int(level)))
        said = f"{changed.party}: {Level(int(level)).can}."
        if had_code and not Invitation.objects.live_code_of(location):
            note = _("They may know the invitation code, so it was withdrawn. You can make a new one.")
            return f"{said} {note}"
        return said

    return do(request, location, act)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Ask, then take access away; or give up one's own."""
    location = Location.objects.get_visible(request.user, uuid)
    found = get_object_or_404(Access.objects.with_parties(), location=location, uuid=access)
    if request.method == "POST":
        return _remove(request, location, found)
    viewer = Viewer.on_page(request.user, location)
    if found.ended_at or not viewer.may_end(found):
        messages.info(request, _("There is nothing to remove here any more, or it is not yours to remove."))
        return to_tab(location)
    given_on = removing.given_on_from(found, viewer)
    context = page(
        location,
        access=found,
        own=viewer.is_own(found),
        loses_it=viewer.holds(found),
        given_on=given_on,
        code_ends=removing.code_to_withdraw([found, *given_on], viewer),
    )
    return render(request, sheet_or_page(request, "remove"), context)


def _remove(request: HttpRequest, location: Location, access: Access) -> HttpResponse:
    def act() -> str:
        removing.remove_access(
            access=access, by=request.user, also_given_on=request.POST.get("keep_given_on") != "on"
        )
        if Viewer.on_page(request.user, location).is_own(access):
            return _("{party} has left {location}.").format(party=access.party, location=location)
        return _("{party} no longer has access by this way.").format(party=access.party)

    response = do(request, location, act)
    if Location.objects.visible_to(request.user).filter(pk=location.pk).exists():
        return response
    return redirect("locations:list")
