"""What the pages of the Permissions tab have in common."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from locations.models import Location
from portal.errors import Refusal
from sharing.models import Invitation


def do(request: HttpRequest, location: Location, act: Callable[[], str]) -> HttpResponse:
    """Do it, say what came of it, and go back to the tab."""
    try:
        messages.success(request, act())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return to_tab(location)


def with_what_became_of(had_code: Invitation | None, location: Location, said: str) -> str:
    """What was done, and that the live code went with it, where it did."""
    if had_code is None or Invitation.objects.live_code_of(location):
        return said
    note = _("They may know the invitation code, so it was withdrawn. You can make a new one.")
    return f"{said} {note}"


def sheet_or_page(request: HttpRequest, name: str) -> str:
    """The dialog's content for htmx, the whole page otherwise; both show the same."""
    return f"sharing/{name}.html#sheet" if request.htmx else f"sharing/{name}.html"


def page(location: Location, **context: Any) -> dict[str, Any]:
    """What every page of the tab shows, and this one besides."""
    return {"location": location, "section": "locations", "tab_name": "permissions", **context}


def to_tab(location: Location) -> HttpResponse:
    """Back to the tab."""
    return redirect("sharing:permissions", location.uuid)
