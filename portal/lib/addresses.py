"""The one form in which an e-mail address is kept and compared. Whose it is: `portal.accounts.addresses`."""

import re
import unicodedata

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# RFC 5321, and the width of the columns that keep one.
MAX_ADDRESS_LENGTH = 254
# A part of a domain as machines write it (RFC 5890).
_PUNYCODE = re.compile(r"xn--[a-z0-9-]+", re.IGNORECASE)


def domain_of(address: str) -> str | None:
    """The domain of an e-mail address, or a domain itself, in the one form in which domains are compared:
    lower-case ASCII. None for what cannot be one, a single word or a network address among them.
    """
    try:
        domain = idna.encode(_composed(address).rpartition("@")[2], uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    last = domain.rpartition(".")
    return domain if last[0] and not last[2].isdecimal() else None


def clean_address(text: str) -> str | None:
    """An e-mail address in the one form in which it is kept, compared and counted; None for what is none.

    Lower case, letters composed (NFC), its domain as it is commonly written and not in punycode. A domain
    that older and newer mail programs turn into two different ones (with ß, say) is none: mail to it could
    reach somebody else.
    """
    local, at, _domain = _composed(text).rpartition("@")
    domain = domain_of(text)
    # Mail goes to the address as it is kept, so a letter that only looks like another reaches nobody else.
    if not at or domain is None or not local.isascii():
        return None
    spelled = idna.decode(domain)
    address = f"{local}@{spelled}".lower()
    try:
        if spelled.encode("idna").decode() != domain:
            return None
        validate_email(address)
    except (UnicodeError, ValidationError):
        return None
    return address if len(address) <= MAX_ADDRESS_LENGTH else None


def spelled(text: str) -> str:
    """The address in the one form, to look it up by; what is no address stays as it is, in lower case."""
    return clean_address(text) or text.strip().lower()


def every_spelling(text: str) -> set[str]:
    """The forms in which this address, or a piece of one, may have been written before there was one form:
    as it stands, in one piece each letter or in several, its domain as people write it, and as machines do.
    """
    found = {text, unicodedata.normalize("NFC", text), _PUNYCODE.sub(_as_people_write, text)}
    address = clean_address(text)
    if address:
        found |= {address, f"{address.rpartition('@')[0]}@{domain_of(address)}"}
        found.add(unicodedata.normalize("NFD", address))
    return found


def _composed(text: str) -> str:
    """Letters in one piece each and as wide as others: what a Mac or a Japanese keyboard writes."""
    return unicodedata.normalize("NFKC", text).strip()


def _as_people_write(part: re.Match[str]) -> str:
    try:
        return idna.decode(part[0].lower())
    except idna.IDNAError:
        return part[0]
