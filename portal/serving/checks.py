"""What must be right before the portal starts; each message says what mends it."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from portal.mail import webhooks


@register(Tags.security, deploy=True)
def for_real(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What a real installation needs beyond the embedded default."""
    problems: list[CheckMessage] = []
    if settings.DEVELOPMENT:
        problems.append(
            Error(
                "DEVELOPMENT is on: anybody can read every e-mail at /dev/inbox/.",
                hint="Start without DEVELOPMENT=1.",
                id="portal.E001",
            )
        )
    if settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"):
        problems.append(
            Warning(
                "No mail provider is configured: e-mails are written to files under var/mail.",
                hint="Set EMAIL_URL, or MAIL_PROVIDER and its ANYMAIL_… settings (.env.example).",
                id="portal.W001",
            )
        )
    provider = settings.MAIL_PROVIDER
    if provider in webhooks.SECRETS and not webhooks.secret_is_set(provider):
        problems.append(
            Warning(
                "The portal cannot learn whether its e-mails arrive: it refuses reports without a secret.",
                hint=f"Set ANYMAIL_{' or ANYMAIL_'.join(webhooks.SECRETS[provider])} (deploy/README.md).",
                id="portal.W002",
            )
        )
    return problems


@register(Tags.security)
def keys(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The code key guards every code in the database, so it must be worth guessing at."""
    if len(settings.CODE_KEY) >= 32:
        return []
    return [
        Error(
            "CODE_KEY is shorter than 32 characters.",
            hint='Make one: python -c "import secrets; print(secrets.token_urlsafe(64))"',
            id="portal.E002",
        )
    ]
