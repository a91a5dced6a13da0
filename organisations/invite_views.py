"""Inviting people into an organisation: for its Administrators."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from organisations import inviting
from organisations.forms import InviteMembersForm
from organisations.inviting import Answer, Outcome
from organisations.models import MemberInvitation, Organisation
from portal.errors import Refusal
from portal.lib.humanize import until

MOST_NAMED = 5


@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Invite several people at once. What could not be sent stays in the box, with the reason beside it."""
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    form = InviteMembersForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            answers = inviting.invite(organisation=organisation, by=request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            for sentence in _said(answers):
                messages.success(request, sentence)
            form = _with_what_is_left(form, [answer for answer in answers if answer.is_to_be_mended])
            if not form.errors:
                return redirect("organisations:detail", uuid)
    context = {"section": "organisation", "organisation": organisation, "form": form}
    return render(request, "organisations/invite.html", context, status=422 if form.errors else 200)


@require_POST
def resend(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """Send an invitation again, with a new code and seven new days."""

    def act(found: MemberInvitation) -> str:
        sent = inviting.renew(invitation=found, by=request.user)
        said = _("Invitation sent to {recipient}. It is valid until {end}.")
        replaces = _("It replaces the earlier one, whose code no longer works.")
        return f"{said} {replaces}".format(recipient=sent.recipient, end=until(sent.expires_at))

    return _do(request, uuid, invitation, act)


@require_POST
def withdraw(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """Take an invitation back."""

    def act(found: MemberInvitation) -> str:
        inviting.withdraw(invitation=found, by=request.user)
        return _("The invitation to {recipient} was withdrawn.").format(recipient=found.recipient)

    return _do(request, uuid, invitation, act)


@require_POST
def show_code(request: HttpRequest, uuid: UUID, invitation: UUID) -> HttpResponse:
    """The code and link, to pass on by hand. A POST, because that it was looked at is recorded."""
    organisation, found = _found(request, uuid, invitation)
    try:
        code = inviting.show_code(invitation=found, by=request.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("organisations:detail", uuid)
    context = {
        "section": "organisation",
        "organisation": organisation,
        "invitation": found,
        "code": code,
        "link": request.build_absolute_uri(reverse("sharing:open", args=[code])),
    }
    return render(request, "organisations/code.html", context)


_WHAT_CAME_OF_IT = {
    Outcome.INVITED: gettext_lazy("Invitation sent to {people}. It is valid for 7 days."),
    Outcome.RENEWED: gettext_lazy("New invitation sent to {people}. The earlier code no longer works."),
    Outcome.MEMBER: gettext_lazy("A member already: {people}."),
}


def _said(answers: list[Answer]) -> list[str]:
    """A sentence for each thing that came of it, naming everybody it is about; of many, only their number."""
    people = {
        outcome: [answer.address for answer in answers if answer.outcome is outcome]
        for outcome in _WHAT_CAME_OF_IT
    }
    return [
        _WHAT_CAME_OF_IT[outcome].format(people=_people(named)) for outcome, named in people.items() if named
    ]


def _people(addresses: list[str]) -> str:
    if len(addresses) > MOST_NAMED:
        return _("{n} people").format(n=len(addresses))
    return ", ".join(addresses)


def _with_what_is_left(form: InviteMembersForm, answers: list[Answer]) -> InviteMembersForm:
    """The form with what was not sent in its box, and why beside it; without errors when all was."""
    if not answers:
        return form
    left = InviteMembersForm(
        {"addresses": "\n".join(answer.address for answer in answers), "role": form.cleaned_data["role"]}
    )
    reasons = [f"{answer.address}: {answer.reason}" for answer in answers]
    left.add_error("addresses", ValidationError(reasons))
    return left


def _found(request: HttpRequest, uuid: UUID, invitation: UUID) -> tuple[Organisation, MemberInvitation]:
    organisation = Organisation.objects.get_visible(request.user, uuid, administrator=True)
    invitations = MemberInvitation.objects.filter(organisation=organisation).with_all()
    return organisation, get_object_or_404(invitations, uuid=invitation)


def _do(
    request: HttpRequest, uuid: UUID, invitation: UUID, act: Callable[[MemberInvitation], str]
) -> HttpResponse:
    """Do it, say what came of it, and go back to the organisation."""
    _organisation, found = _found(request, uuid, invitation)
    try:
        messages.success(request, act(found))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("organisations:detail", uuid)
