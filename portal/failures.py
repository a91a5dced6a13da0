"""Why an e-mail did not arrive, in classes of which each has one sentence and one way on.

Mail servers say it in words of their own, which no sharer is shown: they are read here and thrown away.
"""

import re

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Failure(TextChoices):
    """What kept an e-mail from its reader; the label is what the sharer reads."""

    ADDRESS = "address", _("This address does not exist.")
    FULL = "full", _("Their mailbox is full.")
    REFUSED = "refused", _("The e-mail was refused as unwanted.")
    COMPLAINT = "complaint", _("They marked the e-mail as spam.")
    OTHER = "other", _("The e-mail could not be delivered.")

    @property
    def advice(self) -> str | Promise:
        """What the sharer can do about it."""
        return _ADVICE[self]


_ADVICE: dict[Failure, str | Promise] = {
    Failure.ADDRESS: _("Correct it, and the invitation is sent again."),
    Failure.FULL: _("Send it again once they have made room, or pass the link on yourself."),
    Failure.REFUSED: _("Pass the link on yourself, or use another address."),
    Failure.COMPLAINT: _("Ask them first, and pass the link on yourself."),
    Failure.OTHER: _("Check the address, or pass the link on yourself."),
}

# Enhanced status codes (RFC 3463, RFC 7505): 1.x the address, 2.1 and 2.2 the mailbox, 7.x policy.
_CODE = re.compile(r"(?<![\d.])[45]\.(\d{1,3}\.\d{1,3})(?!\.?\d)")
_OF_CODE = [
    (Failure.ADDRESS, re.compile(r"1\.([0-36]|10)$|2\.1$")),
    (Failure.FULL, re.compile(r"2\.2$")),
    (Failure.REFUSED, re.compile(r"7\.\d+$")),
]
_OF_WORDS = [
    (Failure.FULL, re.compile(r"mailbox ?full|over ?quota|quota exceeded|exceed\w* \w*quota")),
    (Failure.ADDRESS, re.compile(r"no ?email\b|(unknown|no such) (user|mailbox|recipient)|user unknown")),
    (Failure.REFUSED, re.compile(r"\bspam|blacklist|blocklist|\bdmarc")),
]


def failure_of(said: str) -> Failure:
    """The class of what a mail server or provider said: by its status code, else by the usual words."""
    for code in _CODE.findall(said):
        for failure, pattern in _OF_CODE:
            if pattern.match(code):
                return failure
    words = said.lower()
    return next((failure for failure, pattern in _OF_WORDS if pattern.search(words)), Failure.OTHER)
