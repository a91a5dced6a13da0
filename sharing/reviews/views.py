"""The pages of access review. `services` knows whose it is to answer; this only shows and asks.

One page for everything a person may end, wherever their right to it comes from: the same party often has some
of it from their organisation and some from themselves, and is to be looked at once.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from locations.models import Access
from locations.sorting import words_in
from portal.errors import Refusal
from sharing.pages import sheet_or_page
from sharing.reviews import reminders, services
from sharing.reviews.services import Group, Item

PARTIES_A_PAGE = 25
LOCATIONS_A_PAGE = 50
OUT_OF_DATE = gettext_lazy("This page was out of date. Look at it again, then answer.")


@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """Every party that can see something which is this person's to end."""
    mine = services.review_of(request.user)
    groups = services.groups_of(mine.items)
    query, unused = _query(request), _unused(request)
    found = [group for group in groups if _names(group, query) and (group.unused or not unused)]
    reader = reminders.reader_of(request.user)
    context = _context(
        parties=len(groups),
        locations=len({item.access.location_id for item in mine.items}),
        unused=sum(bool(group.unused) for group in groups),
        page=_page(request, found, PARTIES_A_PAGE),
        query=query,
        only_unused=unused,
        has_own=any(0 in reminders.ways(item) for item in mine.items),
        wants_mail=reader.wants_mail,
        administered=mine.administered,
    )
    return render(request, "sharing/review.html", context)


@require_safe
def party(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One party, location by location."""
    group = _group(request, uuid)
    query, unused = _query(request), _unused(request)
    words = words_in(query)
    found = [
        item
        for item in group.items
        if all(word in item.viewer.location.search_text for word in words) and (item.is_unused or not unused)
    ]
    context = _context(
        group=group, page=_page(request, found, LOCATIONS_A_PAGE), query=query, only_unused=unused
    )
    return render(request, "sharing/review_party.html", context)


@require_POST
def keep(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """All that a party has, or one access of it, is still wanted."""
    group = _group(request, uuid)
    items = _chosen(request.POST, group)
    try:
        seen = datetime.fromisoformat(request.POST.get("seen", ""))
        # A moment without a zone is none.
        kept = services.keep(accesses=_accesses(items), by=request.user, seen=seen.astimezone())
    except (ValueError, OverflowError):
        messages.error(request, str(OUT_OF_DATE))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _kept(group, items, kept))
    return _back(request, uuid)


@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask, with what was given on, and then end all that a party has, or one access of it."""
    if request.method == "POST":
        return _end(request, uuid)
    group = _group(request, uuid)
    items = _chosen(request.GET, group)
    now = items[: services.MOST_AT_ONCE]
    context = _context(
        group=group,
        items=now,
        later=len(items) - len(now),
        given_on=services.given_on(now),
        goes={"taken_back": services.taken_back(now)},
        access=request.GET.get("access", ""),
    )
    return render(request, sheet_or_page(request, "review_end"), context)


@require_POST
def mail(request: HttpRequest) -> HttpResponse:
    """Be asked by e-mail about what is one's own, or not."""
    wanted = request.POST.get("wanted") == "on"
    reminders.want_mail(user=request.user, wanted=wanted)
    said = _("You will be asked once a year.") if wanted else _("You will not be asked by e-mail.")
    messages.success(request, said)
    return redirect("sharing:review")


def _end(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ended already is as good: a second click finds nothing, and says what is so."""
    group = services.group_of(request.user, uuid)
    items = _chosen(request.POST, group) if group else []
    if not group or not items:
        messages.info(request, _("There is nothing to end here any more."))
        return _back(request, uuid)
    also = request.POST.get("keep_given_on") != "on"
    let_stand = request.POST.get("let_stand") == "on"
    accesses = _accesses(items)[: services.MOST_AT_ONCE]
    try:
        services.end(accesses=accesses, by=request.user, also_given_on=also, let_stand=let_stand)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        said = ngettext(
            "{party} no longer has access to {location}.",
            "{party} no longer has access to {n} locations.",
            len({access.location_id for access in accesses}),
        )
        n = len({access.location_id for access in accesses})
        messages.success(request, said.format(party=group.party, location=accesses[0].location, n=n))
    return _back(request, uuid)


def _group(request: HttpRequest, uuid: UUID) -> Group:
    group = services.group_of(request.user, uuid)
    if group is None:
        raise Http404
    return group


def _chosen(data: QueryDict, group: Group) -> list[Item]:
    """The one access that is named, or all of them; of a foreign or ended one there is none."""
    access = data.get("access", "")
    return [item for item in group.items if access in ("", str(item.access.uuid))]


def _accesses(items: list[Item]) -> list[Access]:
    return [item.access for item in items]


def _kept(group: Group, items: list[Item], kept: list[Access]) -> str:
    """What was answered; where somebody was faster, who."""
    if not kept:
        return _("This has been answered already. Nothing has changed.")
    n = len({access.location_id for access in kept})
    said = ngettext(
        "{party} keeps access to {location}.", "{party} keeps access to {n} locations.", n
    ).format(party=group.party, location=kept[0].location, n=n)
    if len(kept) < len(items):
        already = _("The others had been answered already.")
        return f"{said} {already}"
    return said


def _back(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """To where it was answered: the list, or the party's page while there is something on it."""
    if request.POST.get("back") == "party" and services.group_of(request.user, uuid):
        return redirect(reverse("sharing:review_party", args=[uuid], query=request.GET))
    query = request.GET if request.POST.get("back") != "party" else None
    return redirect(reverse("sharing:review", query=query))


def _query(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:200]


def _unused(request: HttpRequest) -> bool:
    return request.GET.get("show") == "unused"


def _names(group: Group, query: str) -> bool:
    """Whether name and address of the party contain every word."""
    shown = f"{group.party} {getattr(group.party, 'email', '')}".casefold()
    return all(word in shown for word in query.casefold().split())


def _page(request: HttpRequest, found: list[Any], size: int) -> Page[Any]:
    return Paginator(found, size).get_page(request.GET.get("page"))


def _context(**context: Any) -> dict[str, Any]:
    """`seen` goes back with an answer: what has come since was not looked at."""
    return {"section": "review", "seen": timezone.now().isoformat(), **context}
