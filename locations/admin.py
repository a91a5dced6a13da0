"""Locations and access for support staff."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from locations.models import Access, Location
from locations.sorting import words_in
from portal.admin import SupportAdmin
from portal.support_search import MOST_OF_A_KIND, Found, Search, finds


@admin.register(Location)
class LocationAdmin(SupportAdmin):
    """Found by number, name, address or the serial number of a charge point or load balancer."""

    list_display = ("id", "name", "street", "postal_code", "city", "archived_at")
    search_fields = (
        "=id",
        "name",
        "street",
        "city",
        "circuits__charge_points__serial_number",
        "load_balancers__serial_number",
    )
    fields = ("name", "street", "postal_code", "city", "country", "category", "created_at", "archived_at")
    ordering = ("sort_name",)


@admin.register(Access)
class AccessAdmin(SupportAdmin):
    """Who can see what, why, since and until when."""

    list_display = ("location", "user", "organisation", "level", "reason", "since", "ends_at", "ended_at")
    list_filter = ("reason", "level")
    list_select_related = ("location", "user", "organisation")
    search_fields = ("location__name", "user__email", "user__name", "organisation__name")
    fields = (
        "location",
        "user",
        "organisation",
        "level",
        "reason",
        "given_by",
        "since",
        "ends_at",
        "ended_at",
        "ended_by",
    )


@finds
def find_locations(search: Search) -> Iterator[Found]:
    """By number, by name and address, or by the serial number of what stands there."""
    text = search.text.strip()
    serial = Q(circuits__charge_points__serial_number__iexact=text)
    wanted = serial | Q(load_balancers__serial_number__iexact=text)
    words = words_in(text)
    if words:
        wanted |= Q(*[Q(search_text__contains=word) for word in words])
    number = text.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        wanted |= Q(pk=int(number))
    found: Any = Location.objects.filter(wanted).distinct().order_by("sort_name", "pk")
    for location in found[:MOST_OF_A_KIND]:
        more = [location.address, _("no. {number}").format(number=location.number)]
        more += [_("Archived")] if location.archived_at else []
        url = reverse("admin:locations_location_change", args=[location.pk])
        yield Found(_("Location"), location.name, " · ".join(more), url)
