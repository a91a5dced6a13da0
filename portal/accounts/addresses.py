"""Whose address is whose."""

from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import QuerySet
from django.db.models.functions import Lower

from portal.models import User


def verified_addresses(user: User) -> QuerySet[Any, Any]:
    """The addresses this person has shown to be theirs, lower-cased."""
    addresses: QuerySet[Any, Any] = EmailAddress.objects.filter(user=user, verified=True).values_list(
        Lower("email"), flat=True
    )
    return addresses
