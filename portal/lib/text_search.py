"""How words are looked for in text."""

from django.db.models import Q

from portal.lib.addresses import every_spelling


def words_of(query: str) -> list[str]:
    """The words to look for, the first ten. PostgreSQL takes no NUL, and nobody's name has one."""
    return list(dict.fromkeys(query.replace("\0", " ").split()))[:10]


def contains(word: str, *fields: str) -> Q:
    """Any of the fields contains the word, whatever the case, and an address in whatever spelling.

    SQLite ignores case in ASCII alone, so "åse" is also asked for as "Åse" and "ÅSE".
    """
    found = Q()
    for spelling in sorted(_spellings(word)):
        for field in fields:
            found |= Q((f"{field}__icontains", spelling))
    return found


def _spellings(word: str) -> set[str]:
    found: set[str] = set()
    for each in every_spelling(word):
        found |= {each.lower()} if each.isascii() else {each, each.lower(), each.upper(), each.capitalize()}
    return found
