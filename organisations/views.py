"""The pages of organisations. Members see them; what Administrators alone may do gives others 403."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from organisations import inviting, joining, services
from organisations.forms import JoinForm, NewOrganisationForm, OrganisationForm
from organisations.models import JoinRequest, MemberInvitation, Membership, Organisation
from organisations.permissions import is_last_administrator, must_use_two_step
from portal import codes, limits
from portal.activity import page as activity_page
from portal.errors import Refusal
from portal.lib.client_address import client_network
from portal.models import Activity, User
from portal.verbs import Kind
from portal.views import nothing_for_support

MEMBERS_PAGE_SIZE = 50


@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """The organisations this person belongs to and is invited to; straight to the only one."""
    organisations = list(Organisation.objects.of(request.user))
    invited = list(MemberInvitation.objects.waiting_for(request.user))
    if len(organisations) == 1 and not invited and "all" not in request.GET:
        return redirect("organisations:detail", organisations[0].uuid)
    waiting = JoinRequest.objects.filter(user=request.user, state=JoinRequest.State.PENDING)
    context = {
        "section": "organisation",
        "organisations": organisations,
        "invited": invited,
        "waiting": waiting.select_related("organisation"),
        "must_use_two_step": must_use_two_step(request.user),
    }
    return render(request, "organisations/mine.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@nothing_for_support("organisations:mine")
def new(request: HttpRequest) -> HttpResponse:
    """Create an organisation; whoever does becomes its Administrator."""
    form = NewOrganisationForm(request.POST or None, initial={"language": request.user.language})
    if request.method == "POST" and form.is_valid():
        try:
            organisation = _create(request.user, form)
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, _("{organisation} was created.").format(organisation=organisation))
            return redirect("organisations:detail", organisation.uuid)
    context = {"section": "organisation", "form": form}
    return render(request, "organisations/new.html", context, status=422 if form.errors else 200)


def _create(by: User, form: NewOrganisationForm) -> Organisation:
    if not limits.count(limits.ORGANISATIONS_BY_ACCOUNT, by.pk):
        raise Refusal(_("You have created many organisations today. Go on tomorrow."))
    return services.create_organisation(by=by, **form.cleaned_data)


@require_http_methods(["GET", "HEAD", "POST"])
@nothing_for_support("organisations:mine")
def join(request: HttpRequest) -> HttpResponse:
    """Ask to join: first the name of the organisation is shown for the key; then, confirmed, it is asked."""
    form = JoinForm(request.POST or None)
    context: dict[str, Any] = {"section": "organisation", "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            found = services.find_by_key(
                key=form.cleaned_data["key"], by=request.user, network=client_network(request)
            )
            if request.POST.get("confirmed") != str(found.uuid):
                return render(request, "organisations/join.html", context | {"organisation": found})
            joining.ask_to_join(organisation=found, by=request.user, sentence=form.cleaned_data["sentence"])
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(
                request,
                _("The Administrators of {organisation} have been asked.").format(organisation=found),
            )
            # Who belongs to one only would be led past the list, and not see the request.
            return redirect(reverse("organisations:mine", query={"all": ""}))
    return render(request, "organisations/join.html", context, status=422 if form.errors else 200)


@require_safe
def detail(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Name, members and roles; for Administrators the key, who asks to join and who is invited."""
    organisation = Organisation.objects.get_visible(request.user, uuid)
    query = request.GET.get("q", "").strip()[:100]
    members = organisation.memberships.matching(query).by_name()
    page = Paginator(members, MEMBERS_PAGE_SIZE).get_page(request.GET.get("page"))
    context = _page(organisation, "members", page=page, query=query, roles=Membership.Role.choices)
    if organisation.is_administered:
        context["key"] = codes.grouped(organisation.key)
        context["invited"] = inviting.pending(organisation)
        context["requests"] = organisation.join_requests.filter(
            state=JoinRequest.State.PENDING
        ).select_related("user")
    return render(request, "organisations/detail.html", context)


@require_safe
def activity(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What happened in the organisation, newest first."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    csv_url = reverse("organisations:activity_csv", args=[uuid])
    context = _page(organisation, "activity", csv_url=csv_url)
    return activity_page.show(request, _record(organisation), "organisations/activity.html", context)


@require_safe
def activity_csv(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """The same as a file."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    page = reverse("organisations:activity", args=[uuid])
    return activity_page.download(request, _record(organisation), page)


def _record(organisation: Organisation) -> activity_page.Record:
    return activity_page.Record(
        of=organisation,
        entries=Activity.objects.filter(organisation_id=organisation.pk),
        kinds=tuple(Kind),
        # Addresses of the locations' other parties are for those who manage the location, over there.
        may_see_addresses=True,
        names_locations=True,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Its name and what it lets in. From here one comes to deleting it, which `sharing` answers."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    form = OrganisationForm(request.POST or None, instance=Organisation.objects.get(pk=organisation.pk))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_organisation(organisation=organisation, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("organisations:settings", uuid)
    two_step_for = organisation.memberships.asked_for_two_step().count()
    context = _page(organisation, "settings", form=form, two_step_for=two_step_for)
    return render(request, "organisations/settings.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def replace_key(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask, then replace the Organisation Key."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    if request.method != "POST":
        return render(request, _sheet_or_page(request, "replace_key"), _page(organisation, "members"))
    return _do(request, organisation, lambda: _key_replaced(organisation, request))


def _key_replaced(organisation: Organisation, request: HttpRequest) -> str:
    services.replace_key(organisation=organisation, by=request.user, version=request.POST.get("version", ""))
    return _("The Organisation Key was replaced. The old one no longer works.")


@require_POST
def change_role(request: HttpRequest, uuid: UUID, member: UUID) -> HttpResponse:
    """Make a member Administrator, or an Administrator a member; oneself only once confirmed."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    membership = _member(organisation, member)
    steps_down = membership.user_id == request.user.pk and request.POST.get("role") == Membership.Role.MEMBER
    if steps_down and "confirmed" not in request.POST:
        context = _page(
            organisation, "members", membership=membership, is_last=is_last_administrator(membership)
        )
        context["withdrawn"] = organisation.member_invitations.open().filter(invited_by=request.user).count()
        return render(request, _sheet_or_page(request, "step_down"), context)

    def act() -> str:
        role = request.POST.get("role", "")
        if role not in Membership.Role.values:
            raise Refusal(_("Choose one of the roles."))
        changed = services.change_role(membership=membership, by=request.user, role=Membership.Role(role))
        return f"{changed.user}: {changed.get_role_display()}."

    return _do(request, organisation, act)


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, uuid: UUID, member: UUID) -> HttpResponse:
    """Show what ends, then remove a member or leave."""
    organisation = Organisation.objects.get_visible(request.user, uuid)
    membership = get_object_or_404(organisation.memberships.by_name(), uuid=member)
    leaves = membership.user_id == request.user.pk
    if not leaves:
        Organisation.objects.get_visible(request.user, uuid, administrator=True)
    if request.method != "POST":
        is_last = is_last_administrator(membership)
        context = _page(organisation, "members", membership=membership, leaves=leaves, is_last=is_last)
        return render(request, _sheet_or_page(request, "remove"), context)
    try:
        services.end_membership(membership=membership, by=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("organisations:detail", uuid)
    if leaves:
        messages.success(request, _("You have left {organisation}.").format(organisation=organisation))
        return redirect("organisations:mine")
    messages.success(request, _("{person} is no longer a member.").format(person=membership.user))
    return redirect("organisations:detail", uuid)


@require_POST
def answer_request(request: HttpRequest, uuid: UUID, request_id: UUID) -> HttpResponse:
    """Let somebody in, or refuse."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)

    def act() -> str:
        asked = get_object_or_404(organisation.join_requests.select_related("user"), uuid=request_id)
        answer = request.POST.get("answer", "")
        if answer == "refuse":
            joining.refuse(request=asked, by=request.user)
            return _("{person} was refused and is told.").format(person=asked.user)
        if answer not in Membership.Role.values:
            raise Refusal(_("Choose one of the roles."))
        joining.approve(request=asked, by=request.user, role=Membership.Role(answer))
        return _("{person} is a member now.").format(person=asked.user)

    return _do(request, organisation, act)


def _do(request: HttpRequest, organisation: Organisation, act: Callable[[], str]) -> HttpResponse:
    """Do it, say what came of it, and go back to the organisation."""
    try:
        messages.success(request, act())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("organisations:detail", organisation.uuid)


def _member(organisation: Organisation, uuid: UUID) -> Membership:
    return get_object_or_404(organisation.memberships.by_name(), uuid=uuid)


def _sheet_or_page(request: HttpRequest, name: str) -> str:
    return f"organisations/{name}.html#sheet" if request.htmx else f"organisations/{name}.html"


def _page(organisation: Organisation, tab_name: str, **context: Any) -> dict[str, Any]:
    return {"section": "organisation", "organisation": organisation, "tab_name": tab_name, **context}
