"""The pages of locations. Everything is fetched through the querysets that know who may see what."""

from collections.abc import Callable
from copy import copy
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from locations import archiving, services
from locations.forms import LocationForm, NewLocationForm
from locations.grantees import PERSONALLY, Ways
from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import ChargePoint, Location
from locations.querysets import COUNT_CAP, MOST_TICKED
from portal.activity import page as activity_page
from portal.errors import Refusal
from portal.lib.paging import cursor_number
from portal.models import Activity
from portal.verbs import Kind
from portal.views import nothing_for_support

# Of those who lose a location, as many are named at all.
NAMED_FOLDED = 200


@require_safe
def location_list(request: HttpRequest) -> HttpResponse:
    """Every location this person sees, by name: installed, shared and received alike."""
    user = request.user
    query = request.GET.get("q", "").replace("\0", "").strip()[:200]
    archived = request.GET.get("archived") == "1"
    cursors = {"after": request.GET.get("after", ""), "before": request.GET.get("before", "")}
    all_ways = Ways.of(user)
    ways = all_ways.only(request.GET.get("by", ""))
    wanted: dict[str, Any] = {"ways": ways, "archived": archived, "query": query}
    first = Location.objects.first_visible(user, **wanted)
    page = Location.objects.with_charge_points().visible_page(user, first=first, **wanted, **cursors)
    if all_ways.are_to_choose:
        Location.objects.say_by_which(user, page.locations)
    context = {
        "section": "locations",
        "page": page,
        "query": query,
        "archived": archived,
        "count": len(first),
        "count_cap": COUNT_CAP,
        "ways": all_ways,
        "by": ways.chosen,
        "personally": PERSONALLY,
        **_choosing(request, page.locations, q=query, by=ways.chosen, archived="1" if archived else ""),
    }
    return render(request, "locations/list.html", context)


def _choosing(request: HttpRequest, here: list[Location], **narrowed: str) -> dict[str, Any]:
    """With `?choose=1`: what is ticked, here and on the pages before. What is done with it, sharing knows."""
    filters = {name: value for name, value in narrowed.items() if value}
    if request.GET.get("choose") != "1":
        return {"narrowed": urlencode(filters)}
    numbers = {cursor_number(text) for text in request.GET.getlist("at")[:MOST_TICKED]} - {None}
    return {
        "choose": True,
        "narrowed": urlencode(filters),
        "filter": filters.items(),
        "ticked": numbers,
        "ticked_elsewhere": sorted(numbers - {location.pk for location in here}),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@nothing_for_support("locations:list")
def new(request: HttpRequest) -> HttpResponse:
    """Create a location with its address."""
    form = NewLocationForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            location = services.create_location(by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, _("{location} was created.").format(location=location))
            return redirect("locations:detail", location.uuid)
    context = {"section": "locations", "form": form}
    return render(request, "locations/new.html", context, status=422 if form.errors else 200)


@require_safe
def overview(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What it is and what stands there."""
    location = Location.objects.get_visible(request.user, uuid)
    note_opened(location, request.user)
    Location.objects.say_by_which(request.user, [location])
    return render(request, "locations/overview.html", overview_context(location))


def overview_context(location: Location) -> dict[str, Any]:
    """What the page shows to whoever has `location.level`; `say_by_which` says the rest."""
    charge_points = ChargePoint.objects.filter(circuit__location=location).select_related("circuit")
    if location.level < Level.CONFIGURE:
        charge_points = charge_points.defer("pin")
    return _page(
        location,
        "overview",
        charge_points=charge_points,
        load_balancers=location.load_balancers.all(),
        may_configure=location.level >= Level.CONFIGURE,
    )


@require_safe
def activity(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What happened here, newest first. Addresses of other parties' people are for those who manage it."""
    location = Location.objects.get_visible(request.user, uuid)
    note_opened(location, request.user)
    record, context = activity_context(location)
    return activity_page.show(request, record, "locations/activity.html", context)


def activity_context(location: Location) -> tuple[activity_page.Record, dict[str, Any]]:
    """The record as whoever has `location.level` reads it, and what stands around it."""
    csv_url = reverse("locations:activity_csv", args=[location.uuid])
    return _record(location), _page(location, "activity", csv_url=csv_url)


@require_safe
def activity_csv(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """The same as a file."""
    location = Location.objects.get_visible(request.user, uuid)
    return activity_page.download(request, _record(location), reverse("locations:activity", args=[uuid]))


def _record(location: Location) -> activity_page.Record:
    return activity_page.Record(
        of=location,
        entries=Activity.objects.filter(location_id=location.pk),
        kinds=(Kind.LOCATION, Kind.ACCESS, Kind.INVITATIONS),
        may_see_addresses=location.level >= Level.MANAGE,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Change the location."""
    location = Location.objects.get_visible(request.user, uuid, Level.CONFIGURE)
    # The form works on a copy: a service writes, and the page keeps the name that is still true.
    form = LocationForm(request.POST or None, instance=copy(location))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_location(location=location, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("locations:settings", location.uuid)
    may_archive = archiving.may_archive(request.user, location, location.level)
    context = settings_context(location, form, may_archive=may_archive)
    return render(request, "locations/settings.html", context, status=422 if form.errors else 200)


def settings_context(location: Location, form: LocationForm, *, may_archive: bool) -> dict[str, Any]:
    """What the page shows to whoever has `location.level`."""
    return _page(location, "settings", form=form, may_archive=may_archive)


@require_http_methods(["GET", "HEAD", "POST"])
def archive(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Put the location away: GET says who loses it, POST does it."""
    location = _to_decide_about(request, uuid)
    if request.method == "POST":
        return _do(
            request, location, services.archive_location, _("{location} was archived. It can be restored.")
        )
    if location.archived_at:
        return redirect("locations:settings", location.uuid)
    losing = archiving.those_who_lose(location, request.user)
    context = _page(location, "settings", losing=losing[:NAMED_FOLDED], more=len(losing[NAMED_FOLDED:]))
    page = "locations/archive.html"
    return render(request, f"{page}#sheet" if request.htmx else page, context)


@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take the location back into use. The button stands in its settings, where GET leads."""
    location = _to_decide_about(request, uuid)
    if request.method == "POST":
        return _do(request, location, services.restore_location, _("{location} is in use again."))
    return redirect("locations:settings", location.uuid)


def _to_decide_about(request: HttpRequest, uuid: UUID) -> Location:
    """The location, for who may archive and restore it. Raises Http404 and PermissionDenied for others."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)
    if not archiving.may_archive(request.user, location, location.level):
        raise PermissionDenied(archiving.NOT_THEIRS)
    return location


def _do(request: HttpRequest, location: Location, act: Callable[..., Location], said: str) -> HttpResponse:
    try:
        act(location=location, by=request.user)
    except Refusal as refusal:
        return _refused(request, location, refusal)
    messages.success(request, said.format(location=location))
    return redirect("locations:settings", location.uuid)


def _refused(request: HttpRequest, location: Location, refusal: Refusal) -> HttpResponse:
    """Why it was not done, on a page this person may still see."""
    messages.error(request, str(refusal))
    if Location.objects.visible_to(request.user).filter(pk=location.pk).exists():
        return redirect("locations:detail", location.uuid)
    return redirect("locations:list")


def _page(location: Location, tab_name: str, **context: Any) -> dict[str, Any]:
    return {"section": "locations", "location": location, "tab_name": tab_name, **context}
