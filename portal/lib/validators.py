"""What people may write into a name, and what is taken out of a message."""

import re
import unicodedata
from functools import cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_noop, override
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
# What the portal is called in its e-mails and pages, in each language; and whoever is no longer there.
_PORTAL = (
    gettext_noop("Partner Portal"),
    gettext_noop("The portal"),
    gettext_noop("Partner Portal support"),
)
_NOBODY = gettext_noop("Deleted user")
# Before or after its name, these make it no other.
_OFFICES = ("the", "support", "team", "teamet", "admin", "administrator", "service", "help", "hjælp")
# What the eye takes for a Latin letter and Unicode does not: Cyrillic, Greek and Armenian letters, small
# capitals, letters with a stroke, digits. i, l and 1 are one. Only what is left by NFKC and without capitals.
_ALIKE = {
    "a": "аαɑᴀ4",
    "b": "вьβʙ8",
    "c": "сϲᴄ",
    "d": "ԁđðᴅ",
    "e": "еεєᴇ3€",
    "g": "ɡցɢ",
    "h": "һħհʜ",
    "k": "кκᴋ",
    "l": "iіӏιıłɩɪʟ1",
    "m": "мᴍ",
    "n": "нипηπոɴ",
    "o": "оοσօøᴏ0",
    "p": "рρþᴘ",
    "r": "гяʀ",
    "s": "ѕꜱ5$",
    "t": "тτŧᴛ7",
    "u": "υμսᴜ",
    "v": "νѵᴠ",
    "w": "ωԝѡᴡ",
    "x": "хχ",
    "y": "уүγʏ",
    "z": "ᴢ",
}
_LATIN = str.maketrans({sign: letter for letter, signs in _ALIKE.items() for sign in signs})
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


def not_the_portal(text: str) -> None:
    """Not what the portal, its support or a deleted user is called in any of its languages, however written.

    Names of people and organisations stand in e-mails as those who act: these would pass for the portal.
    Raises ValidationError.
    """
    if _of_the_portal().fullmatch(_to_the_eye(text)):
        raise ValidationError(_("The portal itself uses this name. Choose another one."))


@cache
def _of_the_portal() -> re.Pattern[str]:
    """The names that are refused, by what they are to the eye."""
    names, nobody = set(), set()
    for language, _name in settings.LANGUAGES:
        with override(language):
            names |= {_to_the_eye(gettext(name)) for name in _PORTAL}
            nobody.add(_to_the_eye(gettext(_NOBODY)))
    offices = f"(?:{'|'.join(map(_to_the_eye, _OFFICES))})*"
    return re.compile(rf"{offices}(?:{'|'.join(names)})s?{offices}|{'|'.join(nobody)}")


def _to_the_eye(text: str) -> str:
    """What is left of a name for somebody who reads quickly: letters that look alike are one, and there are
    neither capitals nor accents, spaces nor punctuation."""
    small = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(c for c in unicodedata.normalize("NFD", small) if not unicodedata.combining(c))
    return "".join(c for c in plain.translate(_LATIN) if c.isalnum() and c not in _BLANK)


def clean_message(text: str) -> str:
    """A message as it is kept: without what cannot be seen or turns text round, no page of empty lines."""
    lines = ["".join(map(_visible, line)).rstrip() for line in text.splitlines()]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip()


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
