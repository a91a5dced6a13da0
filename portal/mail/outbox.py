"""The outbox: how every e-mail is queued, claimed, rendered and sent.

A service calls `queue` in its transaction; the row is what remembers the message, the broker only hurries it.
Workers call `deliver_due`. Each app's `emails.py` says, per kind, how a row becomes a `Message`.
Why an outbox: docs/decisions/0002-mail.md.
"""

import random
import smtplib
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import css_inline
from allauth.account.models import EmailAddress
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRequestsAPIError
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from portal import celery
from portal.failures import failure_of
from portal.models import OutgoingEmail, User
from portal.redaction import without_codes
from portal.signals import delivery_changed

# Longer than sending one message can take: the lease of each is renewed just before it is sent.
LEASE = timedelta(seconds=180)
BATCH = 20
# Twelve tries with doubling waits are about six hours.
TRIES = 12
FIRST_WAIT_SECONDS = 30
LONGEST_WAIT_SECONDS = 3600


@dataclass(frozen=True)
class Message:
    """What one e-mail says. The text and the HTML are drawn from the same words, so they cannot differ.

    subject and heading in a line each; `paragraphs` before the button and `closing` after it; `facts` are
    label and value; `quote` is what a person wrote and `quoted` who; `code` is shown large; `button` is label
    and address; `reason` says why the reader gets this.
    """

    subject: str
    heading: str
    reason: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    quote: str = ""
    quoted: str = ""
    code: str = ""
    button: tuple[str, str] | None = None
    closing: tuple[str, ...] = ()


# What makes a message of a row; None when there is no longer anything to say.
Builder = Callable[[OutgoingEmail], Message | None]
_builders: dict[str, Builder] = {}
# Kinds that may go to a main address which nobody has confirmed; their builders look at it.
_to_unconfirmed: set[str] = set()


def builds(kind: str, *, to_unconfirmed: bool = False) -> Callable[[Builder], Builder]:
    """Decorator: the function makes the messages of this kind. Two for one kind are a mistake."""

    def register(builder: Builder) -> Builder:
        if kind in _builders:
            raise ValueError(f"{kind} has a builder already: {_builders[kind]}")
        _builders[kind] = builder
        if to_unconfirmed:
            _to_unconfirmed.add(kind)
        return builder

    return register


def queue(kind: str, **letter: Any) -> None:
    """Remember one message in the current transaction and nudge a worker once it commits.

    `letter`: `key`, `address`, `language`, and if known `recipient`, `about`, `version`; all else is for the
    builder, and must be JSON and hold no code, key or token. The same `key` again makes no second message.
    """
    queue_all(kind, [letter])


def queue_all(kind: str, letters: Iterable[dict[str, Any]]) -> None:
    """The same for many, with one statement and one nudge, not some per reader.

    A share to an organisation tells every Administrator, and there may be a thousand.
    """
    OutgoingEmail.objects.bulk_create([_row(kind, **letter) for letter in letters], ignore_conflicts=True)
    celery.nudge("portal.tasks.deliver_due_email")


def _row(
    kind: str,
    *,
    key: str,
    address: str,
    language: str,
    recipient: User | None = None,
    about: uuid.UUID | None = None,
    version: str = "",
    **details: Any,
) -> OutgoingEmail:
    return OutgoingEmail(
        key=key,
        kind=kind,
        address=address,
        language=language,
        recipient=recipient,
        about=about,
        version=version,
        details=details,
    )


def deliver_due() -> int:
    """Send what is due, at most a batch; returns how many rows were taken up."""
    rows = _claim()
    if rows:
        # One for the batch: meeting the mail server anew for each message takes longer than the message.
        server = get_connection()
        try:
            for row in rows:
                if _renew_lease(row):
                    _deliver(row, server)
        finally:
            _hang_up(server)
    return len(rows)


def _claim() -> list[OutgoingEmail]:
    """Take a batch of due rows under a lease nobody else holds."""
    claim = uuid.uuid4()
    due = OutgoingEmail.objects.due()
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    with transaction.atomic():
        OutgoingEmail.objects.filter(pk__in=[row.pk for row in due[:BATCH]]).update(
            status=OutgoingEmail.Status.SENDING,
            claim=claim,
            due_at=timezone.now() + LEASE,
            attempts=F("attempts") + 1,
        )
    return list(OutgoingEmail.objects.filter(claim=claim).order_by("created_at", "pk"))


def _renew_lease(row: OutgoingEmail) -> bool:
    """Hold the row for one more sending. False when another worker took it meanwhile."""
    held = OutgoingEmail.objects.filter(pk=row.pk, claim=row.claim, status=OutgoingEmail.Status.SENDING)
    return held.update(due_at=timezone.now() + LEASE) == 1


def _hang_up(server: BaseEmailBackend) -> None:
    """End the connection, whatever state it is in; the next message begins another."""
    with suppress(OSError):
        server.close()


def _deliver(row: OutgoingEmail, server: BaseEmailBackend) -> None:
    """Send one claimed row, outside any transaction, and write down what came of it."""
    try:
        email = render(row)
        if email is None:
            return _settle(row, status=OutgoingEmail.Status.OBSOLETE)
        server.open()
        email.connection = server
        email.send()
    except SoftTimeLimitExceeded:
        # The task must end, and nobody knows whether this one went out: it comes due when its lease ends.
        raise
    except Exception as error:  # whatever it is, the row must say so and not stop the others
        _hang_up(server)
        return _failed(row, error)
    status = getattr(email, "anymail_status", None)
    return _settle(
        row,
        status=OutgoingEmail.Status.SENT,
        sent_at=timezone.now(),
        provider_id=str(getattr(status, "message_id", "") or "")[:255],
        last_error="",
    )


def render(row: OutgoingEmail) -> EmailMultiAlternatives | None:
    """The e-mail of a row in its reader's language, or None when there is nothing to say any more."""
    if row.recipient is not None and row.recipient.deleted_at:
        return None
    if row.kind not in _to_unconfirmed and goes_astray(row):
        return None
    with override(row.language):
        message = _builders[row.kind](row)
        if message is None:
            return None
        context = {"message": message, "site_url": settings.SITE_URL, "language": row.language}
        text = render_to_string("emails/message.txt", context)
        html = render_to_string("emails/message.html", context)
    email = EmailMultiAlternatives(
        subject=" ".join(message.subject.split()),
        body=text.strip() + "\n",
        to=[row.address],
        # Stable over retries, so that a mailbox can see that a repeat is one.
        headers={"Message-ID": f"<{row.pk}@{urlsplit(settings.SITE_URL).hostname}>"},
    )
    email.attach_alternative(css_inline.inline(html), "text/html")
    return email


def goes_astray(row: OutgoingEmail) -> bool:
    """Whether it is meant for an account and would go to its main address, which nobody has confirmed."""
    if row.recipient is None or row.recipient.email != row.address:
        return False
    return not EmailAddress.objects.filter(user=row.recipient, email=row.address, verified=True).exists()


def absolute_url(name: str, *args: Any) -> str:
    """The full address of a page, for e-mails and QR pictures."""
    return settings.SITE_URL + reverse(name, args=args)


@transaction.atomic
def _settle(row: OutgoingEmail, **fields: Any) -> None:
    """Write the outcome, if the claim is still ours."""
    held = OutgoingEmail.objects.filter(pk=row.pk, claim=row.claim, status=OutgoingEmail.Status.SENDING)
    if held.update(**fields) and fields["status"] == OutgoingEmail.Status.FAILED:
        row.status, row.failure = fields["status"], fields["failure"]
        delivery_changed.send(sender=OutgoingEmail, email=row)


def _failed(row: OutgoingEmail, error: Exception) -> None:
    reason = without_codes(f"{type(error).__name__}: {error}")[:500]
    if _is_permanent(error) or row.attempts >= TRIES:
        failed = OutgoingEmail.Status.FAILED
        return _settle(row, status=failed, failure=failure_of(reason), last_error=reason)
    wait = min(FIRST_WAIT_SECONDS * 2 ** (row.attempts - 1), LONGEST_WAIT_SECONDS)
    jittered = wait * random.uniform(0.5, 1)  # noqa: S311 (spreads retries; nothing secret)
    return _settle(
        row,
        status=OutgoingEmail.Status.QUEUED,
        due_at=timezone.now() + timedelta(seconds=jittered),
        last_error=reason,
    )


def _is_permanent(error: Exception) -> bool:
    """Whether trying again cannot help: this recipient or this message was refused for good.

    A server that refuses the portal itself (its password, its sender, its network) will take the message once
    somebody has mended that.
    """
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            return all(500 <= code < 600 for code, _ in refused.values())
        case smtplib.SMTPDataError(smtp_code=code):
            return 500 <= code < 600
        case smtplib.SMTPException() | OSError() if not isinstance(error, AnymailError):
            return False
        case AnymailRequestsAPIError() | AnymailAPIError():
            return 400 <= (error.status_code or 0) < 500 and error.status_code not in (
                401,
                402,
                403,
                407,
                408,
                429,
            )
        case AnymailError():
            return True
    return False
