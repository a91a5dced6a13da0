"""Texts derived from names: one to sort by, one to search in."""

import re
import unicodedata

# Danish order: æ, ø and å come after z; Swedish and German letters stand with their Danish kin.
_AFTER_Z = str.maketrans({"æ": "zza", "ä": "zza", "ø": "zzb", "ö": "zzb", "å": "zzc"})
_PLAIN = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "ß": "ss", "đ": "d", "ł": "l"})
# Together they stay within what an entry of an index may hold in PostgreSQL: 2,704 bytes, at four a letter.
SORT_KEY_LENGTH = 240
SEARCH_TEXT_LENGTH = 400


def sort_key(name: str) -> str:
    """The key that puts names in natural order under any collation: "Havnevej 2" before "Havnevej 10".

    Lower-case letters, digits and single spaces only; every run of digits is padded to eight.
    """
    folded = _without_accents(unicodedata.normalize("NFC", name).casefold().translate(_AFTER_Z))
    padded = re.sub(r"\d+", lambda run: run[0].lstrip("0").rjust(8, "0"), folded)
    return " ".join(re.sub(r"[^\w]|_", " ", padded).split())[:SORT_KEY_LENGTH]


def search_text(*parts: str) -> str:
    """What a search looks through: lower-cased, without accents, so that "norre" finds "Nørre"."""
    # PostgreSQL stores no NUL, so nothing can be found by one.
    text = unicodedata.normalize("NFC", " ".join(parts)).replace("\0", "").casefold().translate(_PLAIN)
    return " ".join(_without_accents(text).split())[:SEARCH_TEXT_LENGTH]


def words_in(query: str) -> list[str]:
    """What somebody searches for, as it stands in `search_text`: every word must be found."""
    return search_text(query[:200]).split()


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
