"""The Activity page: a record with a filter, page by page, and as a file. One for whatever has a record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.activity import sentences
from portal.activity.deleted_people import without_deleted
from portal.lib import spreadsheets
from portal.lib.replica import may_lag
from portal.lib.spreadsheets import harmless
from portal.models import ActivityQuerySet
from portal.verbs import VERBS_OF, Kind

# As many as an ordinary spreadsheet holds without effort; whoever wants older ones narrows the dates.
MOST_ROWS = 100_000
# Read and put into words together; each time one query asks who has deleted their account.
ROWS_AT_ONCE = 1000
_YEARS = range(1970, 2200)


@dataclass(frozen=True)
class Record:
    """A record as one reader sees it: whose it is, which kinds of entries occur, what is shown of them."""

    of: Any
    entries: ActivityQuerySet
    kinds: tuple[Kind, ...]
    may_see_addresses: bool
    # The record of an organisation tells of many locations.
    names_locations: bool = False

    def matching(self, criteria: dict[str, Any]) -> ActivityQuerySet:
        """What a valid filter lets through.

        Whoever has a `Record` was let in by the primary; the entries never change, so the replica's are the
        same but for the last moments.
        """
        found = self.entries.using(may_lag())
        if criteria["who"]:
            found = found.about(criteria["who"], may_see_addresses=self.may_see_addresses)
            found = without_deleted(found)
        if criteria["what"]:
            found = found.filter(verb__in=VERBS_OF[Kind(criteria["what"])])
        return found.between(criteria["from"], criteria["to"])


class FilterForm(forms.Form):
    """Who, what and when. Its fields are the query of the page's address."""

    use_required_attribute = False

    who = forms.CharField(label=gettext_lazy("Who"), required=False, max_length=200, strip=True)
    what = forms.ChoiceField(label=gettext_lazy("What"), required=False)

    def __init__(self, data: QueryDict, *, kinds: tuple[Kind, ...]) -> None:
        super().__init__(data)
        self.fields["what"].choices = [("", _("Everything")), *((kind, kind.label) for kind in kinds)]
        self.fields["what"].error_messages["invalid_choice"] = _("Choose one of the kinds in the list.")
        # `from` is no name a class could use.
        self.fields["from"] = _day(_("From"))
        self.fields["to"] = _day(_("To"))

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and first > last:
            self.add_error("to", _("This day is before the day in “From”."))
        # However it was typed, a date field of a browser shows one form alone.
        self.data = self.data.copy()
        for name in ("from", "to"):
            if day := self.cleaned_data.get(name):
                self.data[name] = day.isoformat()
        return self.cleaned_data

    def add_error(self, field: Any, error: Any) -> None:
        """Keep what was typed: a date field of a browser shows nothing that is no date."""
        super().add_error(field, error)
        for name in {"from", "to"} & set(self.errors):
            self.fields[name].widget.input_type = "text"

    @property
    def is_used(self) -> bool:
        """Whether anything was asked for."""
        return any(self.data.get(name) for name in self.fields)


def _day(label: str) -> forms.DateField:
    def sensible(day: date) -> None:
        if day.year not in _YEARS:
            raise forms.ValidationError(message)

    message = _("Enter a date, such as 2026-06-30.")
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(
        label=label,
        required=False,
        widget=widget,
        validators=[sensible],
        error_messages={"invalid": message},
    )


def show(request: HttpRequest, record: Record, template: str, context: dict[str, Any]) -> HttpResponse:
    """The page: what matches, newest first, with ways to older and newer ones. 422 for a wrong filter."""
    form = fill(request, record, context)
    return render(request, template, context, status=200 if form.is_valid() else 422)


def fill(request: HttpRequest, record: Record, context: dict[str, Any]) -> FilterForm:
    """Put into `context` what the page shows."""
    form = FilterForm(request.GET, kinds=record.kinds)
    if form.is_valid():
        page = record.matching(form.cleaned_data).page(
            older_than=request.GET.get("before", ""), newer_than=request.GET.get("after", "")
        )
        context["lines"] = sentences.lines(page.entries, may_see_addresses=record.may_see_addresses)
        context["page"] = page
    context |= {"filter": form, "names_locations": record.names_locations}
    return form


def download(request: HttpRequest, record: Record, page: str) -> HttpResponseBase:
    """All that match, newest first, as a CSV file. A wrong filter leads to `page`, which says why."""
    form = FilterForm(request.GET, kinds=record.kinds)
    if not form.is_valid():
        # Cut to what an address holds, which is still too long to be right.
        typed = {name: form.data.get(name, "")[:300] for name in form.fields}
        return redirect(f"{page}?{urlencode(typed)}")
    entries = record.matching(form.cleaned_data).newest_first(MOST_ROWS)
    return spreadsheets.answer(str(record.of), _rows(record, entries))


def _rows(record: Record, entries: Iterator[Any]) -> Iterator[str]:
    heads = [_("Time"), _("Who"), _("What"), _("Whom"), *_where(record, _("Location")), _("Details")]
    return spreadsheets.lines(heads, _cells(record, entries))


def _cells(record: Record, entries: Iterator[Any]) -> Iterator[list[str]]:
    while some := list(islice(entries, ROWS_AT_ONCE)):
        for line in sentences.lines(some, may_see_addresses=record.may_see_addresses):
            changes = [f"{name}: {before or '–'} → {after or '–'}" for name, before, after in line.changes]
            details = "; ".join(filter(None, [line.level, line.because, *changes]))
            cells = [line.actor, line.what, line.party, *_where(record, line.location), details]
            yield [timezone.localtime(line.at).isoformat(timespec="seconds"), *map(harmless, cells)]


def _where(record: Record, cell: str) -> list[str]:
    return [cell] if record.names_locations else []
