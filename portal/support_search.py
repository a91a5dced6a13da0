"""Finding anything for support staff: one box in the admin.

What is typed may be a key, so it is posted, and is neither shown again nor kept: it stands in no address
and no log. Each app says with `finds` what it can find.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from portal.errors import Refusal
from portal.lib.client_address import client_network
from portal.models import User

MOST_OF_A_KIND = 50


@dataclass(frozen=True)
class Search:
    """What a member of staff looks for, and from where."""

    text: str
    by: User
    network: str


@dataclass(frozen=True)
class Found:
    """One thing that was found: its kind, its name, what tells it from others, and its page in the admin."""

    kind: str
    name: str
    more: str
    url: str


# Raises Refusal with a sentence where it may not look, or found that somebody guesses.
Finder = Callable[[Search], Iterable[Found]]
_finders: list[Finder] = []


def finds(finder: Finder) -> Finder:
    """Decorator: the function finds things for support staff."""
    _finders.append(finder)
    return finder


class FindForm(forms.Form):
    """The one box."""

    text = forms.CharField(label=gettext_lazy("Look for"), max_length=200)


@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """The box, and what was found."""
    form = FindForm(request.POST or None)
    context = {**admin.site.each_context(request), "title": _("Find"), "form": form}
    if request.method == "POST" and form.is_valid():
        search = Search(form.cleaned_data["text"], request.user, client_network(request))
        found, refused = _look(search)
        context |= {"searched": True, "found": found, "refused": refused, "most": MOST_OF_A_KIND}
    return render(request, "admin/find.html", context, status=422 if form.errors else 200)


def _look(search: Search) -> tuple[list[Found], list[str]]:
    """What every finder found, and the sentences of those that refused."""
    found: list[Found] = []
    refused: list[str] = []
    for finder in _finders:
        try:
            found += islice(finder(search), MOST_OF_A_KIND)
        except Refusal as refusal:
            refused.append(str(refusal))
    return found, refused
