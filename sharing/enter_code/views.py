""" "Add a location": the box for a code, and the one page for everything an invitation can be.

A link from an e-mail or a QR picture changes nothing by being opened. Its code goes into the session and the
browser to a clean address, so that the code stands in no history, referrer or log.
"""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.adapter import GO_ON, sign_in_as_another
from portal.errors import Refusal
from portal.invitations.answering import Situation
from sharing import kinds
from sharing.enter_code import session_codes
from sharing.enter_code.pages import PAGES, InvitationPage
from sharing.invitations.forms import CodeForm
from sharing.requests import services as requests


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """The box for a code, and what waits for this person."""
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _keep(request, form.cleaned_data["code"])
    if "wait" in request.GET and session_codes.is_throttled(request):
        return _throttled(request)
    return _box(request, form, status=422 if form.errors else 200)


@login_not_required
@require_safe
def open_code(request: HttpRequest, code: str) -> HttpResponse:
    """Where links and QR pictures lead: the code goes into the session, the browser to a clean address."""
    form = CodeForm({"code": code})
    if not form.is_valid():
        return _box(request, form, status=404)
    return _keep(request, form.cleaned_data["code"])


@login_not_required
@require_safe
def check(request: HttpRequest) -> HttpResponse:
    """Look the newest code up: on to its invitation, or the one answer that guessers get."""
    if not session_codes.all_of(request):
        return redirect("sharing:add")
    try:
        found, situation = session_codes.newest(request)
    except session_codes.TooManyWrongCodes:
        return _throttled(request)
    if found is None:
        if not request.user.is_authenticated:
            request.session[GO_ON] = reverse("sharing:check")
        return _box(request, CodeForm(), status=404, situation=situation)
    return redirect("sharing:invitation", found.uuid)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One page for every state. GET shows what would happen; POST accepts or declines."""
    page = _found(request, uuid)
    if request.method != "POST":
        if page.invitation.is_live():
            session_codes.saw_live(request, page.invitation)
        return _show(page)
    if not request.user.is_authenticated:
        request.session[GO_ON] = _address(page)
        return redirect("account_login")
    declines = request.POST.get("answer") == "decline" and page.may_decline
    if page.situation is not Situation.FINE and not declines:
        return _show(page, status=409)
    try:
        return _answer(request, page)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return _show(_found(request, uuid), status=409)


@require_POST
def ask(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask the sharer for a new invitation; or, where there is a live one, to approve this account for it."""
    page = _found(request, uuid)
    if not page.may_ask:
        return _show(page, status=409)
    found = page.invitation
    try:
        if page.situation is Situation.WRONG_ACCOUNT and page.can_be_approved:
            requests.ask_for_approval(invitation=found, by=request.user)
        else:
            kinds.answering(found).ask_for_new(invitation=found, by=request.user)
    except Refusal as refusal:
        messages.info(request, str(refusal))
    else:
        messages.success(request, _("{person} has been asked.").format(person=page.whom_to_ask))
    return redirect("sharing:invitation", found.uuid)


@require_POST
def switch_account(request: HttpRequest) -> HttpResponse:
    """Sign out and in again as somebody else, without losing the invitation."""
    uuid = _uuid(request.POST.get("invitation", ""))
    held = session_codes.for_the_next_person(request, uuid)
    if uuid:
        to = reverse("sharing:invitation", args=[uuid])
    else:
        to = reverse("sharing:check") if held else reverse("sharing:add")
    response = sign_in_as_another(request, to=to)
    session_codes.restore(request, held)
    return response


def _keep(request: HttpRequest, code: str) -> HttpResponse:
    """On to looking the code up; who is throttled is told so, at a clean address too, and nothing is kept."""
    try:
        session_codes.keep(request, code)
    except session_codes.TooManyWrongCodes:
        return redirect(reverse("sharing:add", query={"wait": 1}))
    return redirect("sharing:check")


def _throttled(request: HttpRequest) -> HttpResponse:
    return _box(request, CodeForm(), status=429, situation="throttled")


def _found(request: HttpRequest, uuid: UUID) -> InvitationPage:
    """The page of an invitation for this person. Raises Http404 for whoever is not entitled to know of it."""
    found = kinds.with_uuid(uuid)
    if found is None:
        raise Http404
    situation = kinds.situation_of(found, session_codes.holder(request, found))
    if situation is Situation.UNKNOWN:
        raise Http404
    return PAGES[type(found)](request, found, situation)


def _answer(request: HttpRequest, page: InvitationPage) -> HttpResponse:
    """Accept or decline, as the button says."""
    nonce = request.POST.get("nonce", "").replace("\0", "")
    if request.POST.get("answer") == "decline":
        if said := page.decline(nonce):
            messages.success(request, said)
        session_codes.forget(request, page.invitation)
        return redirect("locations:list")
    said, where = page.accept(nonce)
    if said:
        messages.success(request, said)
    return redirect(where)


def _show(page: InvitationPage, *, status: int = 200) -> HttpResponse:
    if page.situation in (Situation.SIGNED_OUT, Situation.WRONG_ACCOUNT):
        # Signing in, signing up and confirming a further address all lead back here.
        page.request.session[GO_ON] = _address(page)
    return render(page.request, page.template, page.context(), status=status)


def _address(page: InvitationPage) -> str:
    return reverse("sharing:invitation", args=[page.invitation.uuid])


def _box(request: HttpRequest, form: CodeForm, *, status: int = 200, situation: str = "") -> HttpResponse:
    context = {"section": "add", "form": form, "situation": situation}
    return render(request, "sharing/add.html", context, status=status)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
