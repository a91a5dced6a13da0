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
from sharing.models import Invitation, Undo
from sharing.pages import do, page, sheet_or_page, to_tab, with_what_became_of
from sharing.permissions import Viewer
from sharing.tab import undoing
from sharing.tab.entries import tab_of
from sharing.tab.entry import what_goes_with


@require_safe
def permissions(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Who has access, who is invited, and what the viewer may do about it."""
    location = Location.objects.get_visible(request.user, uuid)
    note_opened(location, request.user)
    query = request.GET.get("q", "").replace("\0", "").strip()[:200]
    tab = tab_of(Viewer.on_page(request.user, location), query)
    offered = undoing.offered(request, request.user, location)
    takes_the_code = offered is not None and undoing.takes_the_code(offered)
    context = page(location, tab=tab, undo=offered, undo_takes_the_code=takes_the_code)
    return render(request, "sharing/permissions.html", context)


@require_POST
def change_level(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Give somebody another level; what goes with it `entry_views.entry` has said."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)

    def act() -> str:
        found = get_object_or_404(Access, location=location, uuid=access)
        chosen = request.POST.get("level", "")
        if chosen not in map(str, Level.values):
            raise Refusal(_("Choose one of the levels."))
        level, had_code = Level(int(chosen)), Invitation.objects.live_code_of(location)
        let_stand = request.POST.get("let_stand") == "on"
        changed, undo = undoing.do_undoably(
            location,
            request.user,
            lambda: changing.change_level(access=found, by=request.user, level=level, let_stand=let_stand),
        )
        undoing.offer_undo(request, undo)
        return with_what_became_of(had_code, location, f"{changed.party}: {level.can}.")

    return do(request, location, act)


@require_POST
def undo(request: HttpRequest, uuid: UUID, act: UUID) -> HttpResponse:
    """Undo what one has just done here; to anybody else there is nothing to undo."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    found = get_object_or_404(Undo, location=location, by=request.user, uuid=act)

    def do_it() -> str:
        had_code = Invitation.objects.live_code_of(location)
        undoing.undo(undo=found, by=request.user)
        # Refused, it stays on offer, while it can be done at all.
        undoing.offer_no_more(request, location)
        if had_code is None and Invitation.objects.live_code_of(location):
            return _("Undone. The invitation code is a new one; pass it on again.")
        return with_what_became_of(had_code, location, _("Undone."))

    return do(request, location, do_it)


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
        goes=what_goes_with(removing.Ending(viewer, [found], given_on)),
    )
    return render(request, sheet_or_page(request, "remove"), context)


def _remove(request: HttpRequest, location: Location, access: Access) -> HttpResponse:
    def act() -> str:
        had_code = Invitation.objects.live_code_of(location)
        removed, undo = undoing.do_undoably(
            location,
            request.user,
            lambda: removing.remove_access(
                access=access,
                by=request.user,
                also_given_on=request.POST.get("keep_given_on") != "on",
                let_stand=request.POST.get("let_stand") == "on",
            ),
        )
        undoing.offer_undo(request, undo)
        if Viewer.on_page(request.user, location).is_own(access):
            return _("{party} has left {location}.").format(party=access.party, location=location)
        said = _("{party} no longer has access by this way.").format(party=access.party)
        also = sorted({str(one.party) for one in removed} - {str(access.party)})
        if also:
            more = _("Those they gave it on to have lost it too: {parties}.").format(parties=", ".join(also))
            said = f"{said} {more}"
        return with_what_became_of(had_code, location, said)

    response = do(request, location, act)
    if Location.objects.visible_to(request.user).filter(pk=location.pk).exists():
        return response
    return redirect("locations:list")
