"""Every e-mail sent, as its reader would see it. Only in development: `urls` leaves it out otherwise.

Reads the files Django's file backend writes. One file holds the messages of one sending, each followed by a
line of dashes; a file may be read while it is written, so its last message may be a part.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

_NAME = re.compile(r"[0-9A-Za-z_-]+\.log")
_END = re.compile(rb"^-{79}\r?\n", re.MULTILINE)
# Nobody looks at more in one page; the rest is found with ?to=.
_SHOWN = 200


@dataclass(frozen=True)
class Mail:
    """One message in a file of the inbox."""

    name: str
    index: int
    at: datetime
    email: EmailMessage

    @property
    def to(self) -> str:
        return str(self.email.get("To", ""))

    @property
    def sender(self) -> str:
        return str(self.email.get("From", ""))

    @property
    def subject(self) -> str:
        return str(self.email.get("Subject", ""))

    @property
    def text(self) -> str:
        return self._content("plain")

    @property
    def html(self) -> str:
        return self._content("html")

    def _content(self, kind: str) -> str:
        part = self.email.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


@login_not_required
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """All e-mail, newest first; with ?to= only what went to an address that contains it."""
    to = request.GET.get("to", "").strip()
    found = [mail for mail in _all_mail() if to.lower() in mail.to.lower()]
    found.sort(key=lambda mail: (mail.at, mail.name, mail.index), reverse=True)
    return render(request, "dev/inbox.html", {"mails": found[:_SHOWN], "to": to, "total": len(found)})


@login_not_required
@require_safe
def message(request: HttpRequest, name: str, index: int) -> HttpResponse:
    """One e-mail: its text and its HTML side by side."""
    return render(request, "dev/message.html", {"mail": _find(name, index)})


@login_not_required
@require_safe
@xframe_options_sameorigin
@csp_replace(  # type: ignore[arg-type]  # its types know only views without arguments
    {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "frame-ancestors": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "script-src": None,
        "connect-src": None,
        "font-src": None,
        "frame-src": None,
        "manifest-src": None,
        "object-src": None,
    }
)
def html(request: HttpRequest, name: str, index: int) -> HttpResponse:
    """The HTML of one e-mail, for the frame on its page: styled as mail is, and nothing in it runs."""
    body = _find(name, index).html
    # Links leave the frame; the frame's own address would be refused by most pages anyway.
    return HttpResponse(body.replace("<head>", '<head><base target="_top">', 1))


def _find(name: str, index: int) -> Mail:
    """The message at this place of this file. The name is a bare file name of ours or nothing."""
    if _NAME.fullmatch(name):
        for mail in _mail_in(Path(settings.EMAIL_FILE_PATH) / name):
            if mail.index == index:
                return mail
    raise Http404


def _all_mail() -> Iterator[Mail]:
    for path in Path(settings.EMAIL_FILE_PATH).glob("*.log"):
        yield from _mail_in(path)


def _mail_in(path: Path) -> Iterator[Mail]:
    """The whole messages of one file; none of a file that is gone or not finished."""
    try:
        content = path.read_bytes()
        written = path.stat().st_mtime
    except OSError:
        return
    # What follows the last line of dashes is nothing, or a message still being written.
    for index, part in enumerate(_END.split(content)[:-1]):
        email = message_from_bytes(part, policy=policy.default)
        yield Mail(path.name, index, _sent_at(email, written), email)


def _sent_at(email: EmailMessage, written: float) -> datetime:
    """When the message says it was sent, else when its file was written."""
    at: datetime | None = getattr(email["Date"], "datetime", None)
    if at is None:
        return datetime.fromtimestamp(written, timezone.get_current_timezone())
    # "-0000" says UTC without saying whose.
    return at if timezone.is_aware(at) else at.replace(tzinfo=UTC)
