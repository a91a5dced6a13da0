"""Files for spreadsheets: lines of CSV, in the reader's language, with nothing in them that calculates."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.http import content_disposition_header

# What a spreadsheet takes for a formula, at the start of a cell; the wide forms in some languages.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class _Echo:
    """What `csv` writes to: it hands back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def lines(heads: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The lines of the file. The mark at its start tells Excel that the letters are UTF-8."""
    write = csv.writer(_Echo()).writerow
    yield "\ufeff" + write(heads)
    for row in rows:
        yield write(row)


def answer(name: str, made: Iterator[str]) -> StreamingHttpResponse:
    """These lines as a file to keep, called by the name of what it is about and the day."""
    # The file is written after the request, and with it the reader's language, is over.
    content = _in_language(translation.get_language(), made)
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    plain = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:80]
    response.headers["Content-Disposition"] = content_disposition_header(
        True, f"{plain}-{timezone.localdate()}.csv"
    )
    return response


def harmless(cell: str) -> str:
    """No spreadsheet may calculate what somebody called themselves, also where it divides at other signs."""
    cell = re.sub(r"([;|\t]\s*)(?=[=+\-@＝＋－＠])", r"\1'", cell)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _in_language(language: str | None, made: Iterator[str]) -> Iterator[str]:
    """The same lines, some hundreds at a time, each made while `language` is on."""
    while True:
        with translation.override(language):
            some = "".join(islice(made, 500))
        if not some:
            return
        yield some
