"""What every template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """The installation, as pages need to know it."""
    return {"is_development": settings.DEVELOPMENT}
