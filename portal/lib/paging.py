"""Pages by keyset: "what comes after this row", never "skip so many" nor "how many are there".

A page costs the same wherever it stands, and a row that comes or goes meanwhile shifts no other page.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db.models import Q

Row = TypeVar("Row")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
Cursor = tuple[Any, int]


class Around(NamedTuple):
    """What a page was asked for with: the cursors of an earlier page, and how many rows it shows."""

    after: str = ""
    before: str = ""
    size: int = 50


def page_around(
    around: Around,
    *,
    fetch: Callable[[Cursor | None, bool, int], list[Row]],
    read: Callable[[str], Cursor | None],
    write: Callable[[Row], str],
) -> tuple[list[Row], str, str]:
    """The rows of a page, and the cursors of the next and the previous one ("" where there is none).

    `fetch(cursor, backwards, limit)` gives rows in that direction; `write` makes a row's cursor and `read`
    takes it apart, with None for what is no cursor: that gives the first page.
    """
    backwards = not around.after and read(around.before) is not None
    cursor = read(around.before) if backwards else read(around.after)
    rows = fetch(cursor, backwards, around.size + 1)
    more, rows = len(rows) > around.size, rows[: around.size]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (backwards or more)
    has_previous = bool(rows) and (more if backwards else cursor is not None)
    return rows, write(rows[-1]) if has_next else "", write(rows[0]) if has_previous else ""


def beyond(cursor: Cursor | None, descending: bool, *, key: str, pk: str = "pk") -> Q:
    """What comes after the cursor in ascending order of `key` and `pk`, or in descending order.

    Written so that an index can start at the key; the textbook OR reads everything before it.
    """
    if cursor is None:
        return Q()
    value, number = cursor
    up_to, past = ("lte", "lt") if descending else ("gte", "gt")
    return Q((f"{key}__{up_to}", value)) & (Q((f"{key}__{past}", value)) | Q((f"{pk}__{past}", number)))


def ticks_of(moment: datetime) -> int:
    """A moment as it stands in a cursor: microseconds since 1970."""
    return (moment - _START) // _TICK


def moment_of(text: str) -> datetime | None:
    """The moment in a cursor, or None where it is none."""
    ticks = cursor_number(text)
    # Seventeen digits of microseconds end in the year 5138, which a date can still be.
    return None if ticks is None or ticks >= 10**17 else _START + ticks * _TICK


def cursor_number(text: str) -> int | None:
    """The row's number in a cursor, or None where it is none that a database could hold."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
