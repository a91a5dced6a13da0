"""Who signs in with an address and a password."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend as AllauthBackend
from django.http import HttpRequest

from portal.models import User, composed


class AuthenticationBackend(AllauthBackend):
    """allauth's, for one account at most: whose the address is, or who waits to confirm it.

    allauth also asks every account that holds the address unconfirmed, and takes longer with each.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        user: User | None = super().authenticate(request, **credentials)
        if user is not None and not (request and request.user.is_authenticated):
            _compose(user, str(credentials["password"]))
        return user

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        user = User.objects.with_verified_address(email) or User.objects.waiting_with(email)
        found: User | None = self._check_password(user, password)
        return found

    def _mitigate_timing_attack(self, password: str) -> None:
        """As long as a wrong password takes (`User.check_password`)."""
        for each in {composed(password), password}:
            super()._mitigate_timing_attack(each)


def _compose(user: User, password: str) -> None:
    """Keep a password that was set decomposed in the form that every keyboard gives.

    At sign-in alone: it ends sessions elsewhere, as any new password does, and would end the one at hand.
    """
    if composed(password) != password and not user.check_password(composed(password)):
        user.set_password(password)
        user.save(update_fields=["password"])
