"""Keeping secrets out of the log."""

import logging
import re
from collections.abc import Iterator

from portal.codes import ALPHABET, INVITATION_CODE_LENGTH, ORGANISATION_KEY_LENGTH, Mistyped, normalise

# Codes (12 symbols) and keys (16) in groups of four: in any case, with the letters people mistake and
# whatever they, or an address, put between the groups. Looked for at every place of the text.
_SYMBOL = f"[{ALPHABET}OIL]"
_BETWEEN = r"(?:[-\s.+_\u00a0\u2010-\u2014\u2212]|%20|%2D|%2E|%C2%A0)"
_SHAPES = [
    (
        length,
        re.compile(rf"(?=((?:{_SYMBOL}{{4}}{_BETWEEN}?){{{length // 4 - 1}}}{_SYMBOL}{{4}}))", re.IGNORECASE),
    )
    for length in (INVITATION_CODE_LENGTH, ORGANISATION_KEY_LENGTH)
]
_BETWEEN_GROUPS = re.compile(_BETWEEN, re.IGNORECASE)
_ESCAPED_END = re.compile(r"%[0-9a-f]{2}$", re.IGNORECASE)
_UUID = re.compile(r"(?<!\w)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?!\w)", re.IGNORECASE)
# What follows /add/ is a code or an attempt at one, however written; sign-up and reset links carry keys.
_SLASH = "(?:/|%(?:25)*2F)"
_SECRET_PATH = re.compile(
    rf"({_SLASH}(?:add|confirm-email|reset{_SLASH}key){_SLASH}+)(?!(?:check|invitation){_SLASH})"
    r"(?:(?! HTTP/)[^/?\"'\n])+",
    re.IGNORECASE,
)


def without_codes(text: str) -> str:
    """`text` with everything that could be a code or a key replaced."""
    text = _SECRET_PATH.sub(r"\1[code]", text)
    shown = 0
    parts = []
    for start, end in sorted(_codes_in(text)):
        if end <= shown:
            continue
        if start >= shown:
            parts += [text[shown:start], "[code]"]
        shown = end
    return "".join([*parts, text[shown:]])


def _codes_in(text: str) -> Iterator[tuple[int, int]]:
    """Where the check symbol proves a code.

    Inside a longer word it must hold a digit as well: one in 32 is right by chance, and long names have many
    places to start at.
    """
    uuids = [found.span() for found in _UUID.finditer(text)]
    for length, shape in _SHAPES:
        for found in shape.finditer(text):
            start, end = found.span(1)
            if any(start < uuid_end and uuid_start < end for uuid_start, uuid_end in uuids):
                continue
            before = _ESCAPED_END.sub("", text[max(start - 3, 0) : start])
            in_word = before[-1:].isalnum() or text[end : end + 1].isalnum()
            if in_word and not re.search(r"\d", found[1]):
                continue
            try:
                normalise(_BETWEEN_GROUPS.sub("", found[1]), length=length)
            except Mistyped:
                continue
            yield start, end


class WithoutCodes(logging.Filter):
    """Replaces codes in every record, tracebacks included, before a handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = without_codes(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = without_codes(logging.Formatter().formatException(record.exc_info))
        return True
