"""What every page shows of sharing."""

from functools import cache
from typing import Any

from django.http import HttpRequest

from sharing.inbox.listing import count_waiting


def invitations(request: HttpRequest) -> dict[str, Any]:
    """How much waits for this person, by kind and in all: one query, and only where a page shows it."""
    counted = cache(lambda: count_waiting(request.user))
    return {"waiting_by_kind": counted, "invitations_waiting": lambda: counted().total()}
