"""The tokens in links for choosing a new password."""

from typing import Any

from django.contrib.auth.tokens import PasswordResetTokenGenerator

from portal.accounts.addresses import verified_addresses


class ResetTokens(PasswordResetTokenGenerator):
    """Good until the password, the main address or the confirmed addresses change.

    The salt is the portal's own: links made when an unconfirmed address could still ask for one are dead.
    """

    key_salt = "portal.accounts.tokens.ResetTokens"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        made_of = super()._make_hash_value(user, timestamp)  # type: ignore[misc]
        return "|".join([made_of, *sorted(verified_addresses(user))])
