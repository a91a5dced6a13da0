"""Codes people read aloud, type and scan: how they look, are checked, derived and found again.

A code is Crockford base 32 in groups of four; its last symbol is a check symbol (Luhn mod 32), so a typing
error is told as such before anything is looked up. The database never holds a code: it holds a nonce, from
which `derive` makes the code again with the key `CODE_KEY`, and `digest`, by which a typed code is found.
Source of the rules: docs/decisions/0003-codes.md.
"""

import hashlib
import hmac

from django.conf import settings
from django.utils.crypto import get_random_string

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = str.maketrans("", "", " -\t\r\n.\u2010\u2011\u2012\u2013\u2014\u2212\u00a0")

INVITATION_CODE_LENGTH = 12
ORGANISATION_KEY_LENGTH = 16


class Mistyped(ValueError):
    """The text is no code: wrong length, a symbol codes do not have, or a wrong check symbol."""


def new_nonce() -> str:
    """128 random bits as 22 letters and digits; a new one makes a new code."""
    return get_random_string(22)


def derive(*, purpose: str, subject: str, nonce: str, length: int) -> str:
    """The code of `length` symbols, check symbol included, that belongs to these three words."""
    bits = int.from_bytes(_keyed(f"{purpose}/v1", f"{subject}|{nonce}"), "big")
    body = "".join(ALPHABET[bits >> 5 * place & 31] for place in range(length - 1))
    return body + _check_symbol(body)


def digest(code: str, *, purpose: str) -> str:
    """The hexadecimal keyed digest by which the normalised `code` is looked up."""
    return _keyed(f"{purpose}/lookup/v1", code).hex()


def normalise(text: str, *, length: int) -> str:
    """The code somebody meant by `text`: any case, spaces and dashes, O for 0, I and L for 1.

    Raises Mistyped where it cannot be a code of `length` symbols.
    """
    code = text[:200].translate(_SEPARATORS).upper().translate(_LOOKALIKES)
    if len(code) != length or not set(code) <= _VALUES.keys():
        raise Mistyped
    if _check_symbol(code[:-1]) != code[-1]:
        raise Mistyped
    return code


def grouped(code: str) -> str:
    """The code as people read it: `7QKM-3RXD-9HFA`."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _keyed(purpose: str, text: str) -> bytes:
    return hmac.digest(settings.CODE_KEY.encode(), f"{purpose}|{text}".encode(), hashlib.sha256)


def _check_symbol(body: str) -> str:
    """Luhn mod N over the alphabet: every single wrong symbol and nearly every swap shows."""
    total = 0
    for place, symbol in enumerate(reversed(body)):
        doubled = _VALUES[symbol] * (2 if place % 2 == 0 else 1)
        total += doubled // 32 + doubled % 32
    return ALPHABET[-total % 32]
