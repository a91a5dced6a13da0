"""docs/benchmarks.md, from what was measured."""

from collections.abc import Iterator
from typing import Any

_HEAD = """# How quick reading is

Written by `{command}`; `python -m tests.bench --gate` holds the counts on every change.
PostgreSQL {postgres}, shared_buffers {shared_buffers}, {cores} cores shared with other work, all warm.
Within one run the three ways take turns, so read the ratios; milliseconds are those of one busy machine.

- **ours** is the portal's,
- **guardian** its own functions (`get_objects_for_user`, `has_perm` for each row, `get_users_with_perms`) on
  the same tables,
- the **lower bound** is one statement without the ORM on a flat table made for the people asked for: the
  least work that gives the same page.

Buffers are pages of 8 kB that the statements touch, which no noise changes. Of three people of each kind the
counts are the costliest's; the ratio of buffers is the worst one. The answers of all three are guardian's, at
a million one of them is compared; what is slow of guardian's is timed three times or a little more.

The data (`tests/bench/plan.py`): one organisation with a tenth of all locations, five with a hundredth, one
with a hundredth whose names all begin alike ("prefix"), the others with about fifty; nought to three shares
of each location; people in thirty organisations. SQL writes it, and a sample is compared with what the
services would have written (`locations.drift`). A kind of people is called by how many locations they see;
the archived ones among them are not on the page.

The bounds of buffers are for 10k and 100k; what a million does not keep of them is told as well. There the
permission rows fill more than 256 MB, and the map that says which of them are visible to all has two pages:
each step from one to the other counts as a buffer, read from memory and not felt in time.

What whole pages cost, how many one, two and four worker processes answer in a second, and the memory they
take is in [load.md](load.md), which `make load` writes.
"""
_TABLE = (
    "| question | who sees | queries | buffers | ms p50 | p95 | guardian queries | buffers | ms p50 | p95 |"
    " lower bound buffers | ms p50 | p95 | ours to lower, buffers | time | guardian to ours, time |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def write(measured: list[dict[str, Any]], command: str, missed: list[str]) -> str:
    """The whole text; `command` is what was asked for, `missed` the bounds that did not hold."""
    last = measured[-1]
    parts = [_HEAD.format(**last, command=command)]
    parts += ["## Bounds that did not hold in this run\n", *(f"- {one}" for one in missed or ["None."])]
    parts += ["\n".join(_size(found)) for found in measured]
    return "\n".join(parts) + "\n"


def _size(found: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {found['size']} locations\n"
    writing = found["writing"]
    yield f"- Built in {found['built']:.0f} s, indexes, foreign keys and comparison included."
    shares = ", ".join(f"{queries} for {many}" for many, queries in writing["share"].items())
    yield (
        f"- Giving an organisation so many locations and taking them back: {shares} (statements).\n"
        f"- Accepting: {writing['accept']} statements that write the access and what is about it;\n"
        f"  {writing['accept_in_all']} with locks, questions, record and e-mail.\n"
        f"- Finding a thousand invitations that are due, of {found['size']}: {writing['sweep']} buffers.\n"
    )
    yield _TABLE
    yield from map(_row, found["rows"])


def _row(row: dict[str, Any]) -> str:
    ours, guardian, lower = (row[way] for way in ("ours", "guardian", "lower"))
    cells = [row["question"], row["kind"]]
    for way in (ours, guardian):
        cells += [f"{way['queries']}", f"{way['buffers']:,}", *_times(way)]
    cells += [f"{lower['buffers']:,}", *_times(lower), f"{row['buffers_ratio']:.2f}"]
    cells += [_ratio(ours["p50"], lower["p50"]), _ratio(guardian["p50"], ours["p50"])]
    return f"| {' | '.join(cells)} |"


def _times(way: dict[str, Any]) -> list[str]:
    return ["" if way[part] is None else f"{way[part]:,.1f}" for part in ("p50", "p95")]


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:,.1f}" if one and other else ""
