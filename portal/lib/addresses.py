"""The one form in which an e-mail address is kept and compared. Whose it is: `portal.accounts.addresses`."""

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

# RFC 5321, and the width of the columns that keep one.
MAX_ADDRESS_LENGTH = 254


def domain_of(address: str) -> str | None:
    """The domain of an e-mail address, or a domain itself, in the one form in which domains are compared:
    lower-case ASCII. None for what cannot be one, a single word or a network address among them.
    """
    try:
        domain = idna.encode(address.rpartition("@")[2].strip(), uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    last = domain.rpartition(".")
    return domain if last[0] and not last[2].isdecimal() else None


def clean_address(text: str) -> str | None:
    """An e-mail address in the one form in which it is kept, compared and counted; None for what is none.

    Lower case, its domain as it is commonly written. A domain that older and newer mail programs turn into
    two different ones (with ß, say) is none: mail to it could reach somebody else.
    """
    local, at, _domain = text.strip().rpartition("@")
    domain = domain_of(text)
    if not at or domain is None:
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
