"""Figures as people read them: printed, and kept in docs/load.md between two marks."""

import os
import platform
from datetime import UTC, datetime

from tests.serving import ROOT

PLACE = ROOT / "docs" / "load.md"
BEGIN, END = "<!-- figures: written by make load -->", "<!-- end of figures -->"


class Report:
    """What was measured, as Markdown."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        now = datetime.now(UTC)
        self.say(
            f"{now:%Y-%m-%d}, {os.cpu_count()} cores shared with others, load {os.getloadavg()[0]:.1f} at the"
            f" start, Python {platform.python_version()}."
        )

    def say(self, text: str) -> None:
        print(text + "\n", flush=True)
        self._parts.append(text)

    def table(self, title: str, head: list[str], rows: list[list[str]]) -> None:
        self.say(table(title, head, rows))

    def paste(self, text: str) -> None:
        """What a part of the measuring has printed."""
        self.say(text.strip())

    def write(self) -> None:
        """Into the document, in place of the last figures."""
        before, _, rest = PLACE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        PLACE.write_text("\n".join([before + BEGIN, "\n\n".join(self._parts), END + after]))


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    """A table under its title."""
    lines = [f"### {title}", "", " | ".join(head), "|".join(["---"] + ["--:"] * (len(head) - 1))]
    return "\n".join(
        [*lines[:2], *(f"| {line} |" for line in lines[2:]), *(f"| {' | '.join(row)} |" for row in rows)]
    )
