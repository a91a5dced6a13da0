"""One entry of the Permissions tab by itself: all about it, whom it means, its level and its end."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from locations.levels import Level
from locations.models import Access, Location
from portal.errors import Refusal
from portal.lib.humanize import date_of, last_day
from sharing.access import changing
from sharing.invitations.forms import TermsForm
from sharing.models import Invitation
from sharing.pages import do, page, sheet_or_page, to_tab, with_what_became_of
from sharing.permissions import Viewer
from sharing.tab import undoing
from sharing.tab.entry import Goes, invitations_that_end, page_of, what_goes_with_terms


@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Who, why, by whom, until when and whom it means; and other terms for those who may set them."""
    location = Location.objects.get_visible(request.user, uuid)
    viewer = Viewer.on_page(request.user, location)
    found = viewer.accesses.get(get_object_or_404(Access, location=location, uuid=access).pk)
    if found not in viewer.live:
        messages.info(request, _("This access has ended."))
        return to_tab(location)
    if request.method != "POST":
        return _look(request, viewer, found)
    if not viewer.may_reach_terms_of(found):
        messages.error(request, _("This access is not yours to change."))
        return to_tab(location)
    return _change(request, viewer, found)


def _look(request: HttpRequest, viewer: Viewer, access: Access) -> HttpResponse:
    """The page; with `?level=` what another level would be, in the row where it was chosen or here."""
    chosen = request.GET.get("level", "")
    level = Level(int(chosen)) if chosen in map(str, Level.values) else None
    if level is None or not viewer.may_change(access) or level > (viewer.level or 0):
        return _show(request, viewer, access, _form(viewer, access))
    goes = what_goes_with_terms(viewer, access, level, access.ends_at)
    if request.htmx:
        context = page(viewer.location, access=access, level=level, goes=goes)
        return render(request, "sharing/_level.html", context)
    form = _form(viewer, access, level=level)
    return _show(request, viewer, access, form, goes=goes)


def _change(request: HttpRequest, viewer: Viewer, access: Access) -> HttpResponse:
    """Change the terms; one's own only once it was said what is lost."""
    form = _form(viewer, access, request.POST)
    if not form.is_valid():
        return _show(request, viewer, access, form, status=422)
    level = form.cleaned_data["level"]
    # The day shown may stand for another moment of it; unless it was changed, the moment stays.
    ends_at = form.terms["access_ends_at"] if "access_ends" in form.changed_data else access.ends_at
    own = not viewer.may_change(access)
    lost = own and not changing.gives_more(access, level, ends_at) and (level, ends_at) != _terms(access)
    # Of the level whose page said what goes with it, and of no other.
    sure = request.POST.get("sure") == str(level.value)
    if lost and not sure:
        return _ask(request, viewer, access, form)
    goes = None if own else what_goes_with_terms(viewer, access, level, ends_at)
    # And, where an end is for others too, of that end.
    same_end = request.POST.get("sure_ends") == request.POST.get("access_ends")
    if goes and not (sure and (same_end or not goes.shortened)):
        return _show(request, viewer, access, form, goes=goes)
    let_stand = request.POST.get("let_stand") == "on"
    had_code = Invitation.objects.live_code_of(viewer.location)

    def act() -> Access:
        return changing.change_terms(
            access=access, by=request.user, level=level, ends_at=ends_at, let_stand=let_stand
        )

    try:
        _changed, undo = undoing.do_undoably(viewer.location, request.user, act)
    except Refusal as refusal:
        form.add_error(refusal.field or None, str(refusal))
        return _show(request, viewer, access, form, status=422)
    undoing.offer_undo(request, undo)
    messages.success(request, with_what_became_of(had_code, viewer.location, _said(access, level, ends_at)))
    return to_tab(viewer.location)


@require_POST
def extend(request: HttpRequest, uuid: UUID, access: UUID) -> HttpResponse:
    """Thirty days more in one click; a second click knows an end that is no longer so."""
    location = Location.objects.get_visible(request.user, uuid, Level.MANAGE)

    def act() -> str:
        found = get_object_or_404(Access, location=location, uuid=access)
        try:
            known = datetime.fromisoformat(request.POST.get("ends", ""))
        except ValueError:
            raise Refusal(_("This page was out of date. Look at it again, then extend.")) from None
        now, undo = undoing.do_undoably(
            location,
            request.user,
            lambda: changing.extend(access=found, by=request.user, known_end=known),
        )
        undoing.offer_undo(request, undo)
        return _said(now, Level(now.level), now.ends_at)

    return do(request, location, act)


def _terms(access: Access) -> changing.Terms:
    return Level(access.level), access.ends_at


def _form(viewer: Viewer, access: Access, data: object = None, *, level: Level | None = None) -> TermsForm:
    """What the viewer may choose: up to their own level, and of their own access up to what it is."""
    most = (viewer.level or 0) if viewer.may_change(access) else access.level
    initial = {"level": level or access.level, "access_ends": access.ends_at and date_of(access.ends_at)}
    form = TermsForm(data, initial=initial, levels=[level for level in Level if level <= most])
    if not viewer.may_change(access) and access.user_id:
        form.fields["level"].label = _("You can")
        form.fields["access_ends"].label = _("Last day of your access")
    return form


def _show(
    request: HttpRequest,
    viewer: Viewer,
    access: Access,
    form: TermsForm,
    status: int = 200,
    goes: Goes | None = None,
) -> HttpResponse:
    may_set = viewer.may_reach_terms_of(access) and viewer.location.archived_at is None
    context = page(viewer.location, about=page_of(viewer, access), form=form if may_set else None, goes=goes)
    return render(request, sheet_or_page(request, "entry"), context, status=status)


def _ask(request: HttpRequest, viewer: Viewer, access: Access, form: TermsForm) -> HttpResponse:
    level = form.cleaned_data["level"]
    context = page(
        viewer.location,
        access=access,
        form=form,
        level=level if level != access.level else None,
        ends=form.terms["access_ends_at"] if "access_ends" in form.changed_data else None,
        withdrawn=invitations_that_end(viewer, access) if level < Level.MANAGE <= access.level else 0,
    )
    return render(request, sheet_or_page(request, "lower"), context)


def _said(access: Access, level: Level, ends_at: datetime | None) -> str:
    """Who can do what until when, now."""
    if ends_at is None:
        return f"{access.party}: {level.can}."
    return _("{party}: {can}, until {day}.").format(party=access.party, can=level.can, day=last_day(ends_at))
