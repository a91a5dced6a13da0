"""How words are looked for in text."""

from django.db.models import Q


def words_of(query: str) -> list[str]:
    """The words to look for, the first ten. PostgreSQL takes no NUL, and nobody's name has one."""
    return list(dict.fromkeys(query.replace("\0", " ").split()))[:10]


def contains(word: str, *fields: str) -> Q:
    """Any of the fields contains the word, whatever the case.

    SQLite ignores case in ASCII alone, so "åse" is also asked for as "Åse" and "ÅSE".
    """
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    found = Q()
    for spelling in spellings:
        for field in fields:
            found |= Q((f"{field}__icontains", spelling))
    return found
