"""What every request passes through."""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.http import escape_leading_slashes, url_has_allowed_host_and_scheme

from portal.activity.record import Origin, acting_from
from portal.lib.client_address import client_address

Handler = Callable[[HttpRequest], HttpResponse]


class LanguageMiddleware:
    """The reader's language: the one in their account; signed out the cookie's, else the browser's."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            language = request.user.language
        else:
            language = translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = translation.get_language()
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            return response


class SignInMiddleware(LoginRequiredMiddleware):
    """Every page asks who is there, apart from those that say otherwise."""

    def handle_no_permission(self, request: HttpRequest, view_func: Handler) -> HttpResponse:
        """After signing in, go on to the page; a button pressed too late leads back to where it stood."""
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(_page_before(request), settings.LOGIN_URL)


def _page_before(request: HttpRequest) -> str:
    """The page of ours a request came from, else the first page."""
    before = request.headers.get("Referer", "")
    if not before or not url_has_allowed_host_and_scheme(before, {request.get_host()}, request.is_secure()):
        return "/"
    parts = urlsplit(before)
    return escape_leading_slashes(urlunsplit(("", "", parts.path, parts.query, ""))) or "/"


class OriginMiddleware:
    """Whatever a request records says that it came from the web, and from where."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Whatever the request claims: decoders of its choice make text that cannot be stored or shown.
        request.encoding = "utf-8"
        via = "admin" if request.path.startswith("/admin/") else "web"
        with acting_from(Origin(via=via, address=client_address(request))):
            return self.get_response(request)


class NeverCacheMiddleware:
    """Pages belong to the person who asked: no cache keeps one, and Back asks again."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response
