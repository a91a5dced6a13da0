"""What people may write into a name, and what is taken out of a message."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# What mail readers make a link of: addresses with their scheme, names under a well-known top-level domain.
# Not "Nr. 4", "A.P. Møller", "3.tv", "st.th", "St.Kongensgade" or "2.0".
_FAMILIAR = (
    "com|net|org|info|biz|app|dev|shop|site|online|store|xyz|top|club|link|click|page|cloud|tech|live|email"
)
_LINK = re.compile(
    r"://|\bwww\.|@"
    rf"|[^\W_]\.(?:{_FAMILIAR}|co|me|xn--[\w-]+)\b"
    r"|(?<![\w-])(?!(?:st|kl|kld|stuen)\.(?:tv|th|mf)\b)(?=[\w-]*[^\W\d_])[\w-]{2,}\.[a-z]{2}\b",
    re.IGNORECASE,
)
# Letters to Unicode, nothing to the eye.
_BLANK = "\u115f\u1160\u3164\uffa0"


def plain_line(text: str) -> None:
    """One line without characters that hide or turn text round, and nothing a mail reader makes a link of.

    Names stand in other people's e-mails. Raises ValidationError.
    """
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") for c in text):
        raise ValidationError(_("There is a character in it that cannot be shown. Type it again."))
    if not any(c.isalnum() and c not in _BLANK for c in text):
        raise ValidationError(_("Use at least one letter or digit."))
    if _LINK.search(unicodedata.normalize("NFKC", text).replace("\u3002", ".")):
        raise ValidationError(_("Web and e-mail addresses cannot be part of a name."))


def clean_message(text: str) -> str:
    """A message as it is kept: without what cannot be seen or turns text round, no page of empty lines."""
    lines = ["".join(map(_visible, line)).rstrip() for line in text.splitlines()]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip()


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
