"""The pages that belong to no story."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.receiving import CannotReceive, refuse_support
from portal.errors import NotFoundBecause

View = Callable[..., HttpResponse]


def nothing_for_support(back: str) -> Callable[[View], View]:
    """A page on which something is taken up: support staff read at `back` why they cannot (docs/rules.md).

    Before they fill anything in, and not when they send it.
    """

    def refused_first(view: View) -> View:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                refuse_support(request.user)
            except CannotReceive as refusal:
                messages.error(request, str(refusal))
                return redirect(back)
            return view(request, *args, **kwargs)

        return page

    return refused_first


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The Locations list is where everybody starts."""
    return redirect("locations:list")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What is not there, and why where somebody may know.

    A page that was open when it went is fetched again by the browser, which then shows this instead.
    """
    because = str(exception) if isinstance(exception, NotFoundBecause) else ""
    response = render(request, "404.html", {"because": because}, status=404)
    if because and getattr(request, "htmx", False):
        response["HX-Refresh"] = "true"
    return response


@login_not_required
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """For load balancers and supervisors: the web process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language: in the account of whoever is signed in, and in this browser."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            request.user.language = language
            request.user.save(update_fields=["language"])
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        translation.activate(language)
    return response
