"""The pages about one's own account that allauth does not have."""

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts import deletion
from portal.accounts.forms import PasswordAgainForm
from portal.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: HttpRequest) -> HttpResponse:
    """Say what stands in the way of deleting one's account; where nothing does, ask for the password."""
    form = PasswordAgainForm(request.POST or None, user=request.user)
    obstacles = deletion.obstacles(request.user)
    if request.method == "POST" and not obstacles and form.is_valid():
        try:
            deletion.close_account(user=request.user)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            logout(request)
            messages.success(request, _("Your account was deleted."))
            return redirect("account_login")
    context = {"form": form, "obstacles": obstacles}
    refused = request.method == "POST"
    return render(request, "account/delete.html", context, status=422 if refused else 200)
