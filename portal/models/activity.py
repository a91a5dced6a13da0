"""The record of what happened, and the questions that are asked about it."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, NamedTuple, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.lib.paging import Around, Cursor, beyond, cursor_number, moment_of, page_around, ticks_of
from portal.lib.text_search import contains, words_of
from portal.verbs import Verb


class ActivityPage(NamedTuple):
    """One page of the record, newest first, with the cursors of its neighbours ("" where there is none)."""

    entries: "list[Activity]"
    older: str
    newer: str


class ActivityQuerySet(models.QuerySet[Any]):
    """The record, as its readers ask for it. Whose record somebody may read is for the caller to know."""

    def about(self, person: str, *, may_see_addresses: bool) -> Self:
        """Entries in which every word of `person` is found in who did it, or in whom it was done to.

        A reader who is shown no addresses cannot find by one either, or could spell it out letter by letter.
        """
        found = self
        for word in words_of(person):
            actor, party = contains(word, "actor_name"), contains(word, "party_name")
            if may_see_addresses:
                party |= contains(word, "party_address")
            else:
                actor &= ~Q(actor_name__contains="@")
                party &= ~Q(party_name__contains="@")
            found = found.filter(actor | party)
        return found

    def between(self, first: date | None, last: date | None) -> Self:
        """Entries from the first day to the last, both whole days in the zone times are shown in."""
        found = self
        if first:
            found = found.filter(at__gte=_midnight(first))
        if last:
            found = found.filter(at__lt=_midnight(last + timedelta(days=1)))
        return found

    def page(self, *, older_than: str = "", newer_than: str = "", size: int = 50) -> ActivityPage:
        """One page, newest first, by keyset. What is no cursor of an earlier page gives the newest one."""

        def fetch(cursor: Cursor | None, backwards: bool, limit: int) -> "list[Activity]":
            order = ("at", "pk") if backwards else ("-at", "-pk")
            return list(self.filter(beyond(cursor, not backwards, key="at")).order_by(*order)[:limit])

        around = Around(after=older_than, before=newer_than, size=size)
        return ActivityPage(*page_around(around, fetch=fetch, read=_read, write=_write))

    def newest_first(self, most: int) -> "Iterator[Activity]":
        """The newest `most` entries one by one, in one query and without holding them all."""
        return self.order_by("-at", "-pk")[:most].iterator(chunk_size=1000)


class Activity(models.Model):
    """One thing that happened, written in the transaction that did it and never changed.

    It refers to people, organisations and locations by id and keeps what they were called, so that it
    outlives them. A database trigger refuses every UPDATE and DELETE (portal/migrations).
    """

    at = models.DateTimeField(_("when"), default=timezone.now)
    verb = models.CharField(_("what"), max_length=40, choices=Verb.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=254, blank=True)
    location_id = models.BigIntegerField(null=True)
    location_name = models.CharField(_("location"), max_length=200, blank=True)
    organisation_id = models.BigIntegerField(null=True)
    organisation_name = models.CharField(_("organisation"), max_length=200, blank=True)
    # Whom it was done to: a name anybody entitled to the record may see, an address fewer may.
    party_name = models.CharField(_("party"), max_length=254, blank=True)
    party_address = models.CharField(_("address of the party"), max_length=254, blank=True)
    details = models.JSONField(_("details"), default=dict)
    via = models.CharField(_("through"), max_length=20)
    address = models.CharField(_("from"), max_length=45, blank=True)

    objects: ClassVar = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activity")
        indexes: ClassVar = [
            models.Index(fields=["location_id", "-at", "-id"], name="activity_of_location"),
            models.Index(fields=["organisation_id", "-at", "-id"], name="activity_of_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.verb}"


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _read(text: str) -> Cursor | None:
    moment, pk = moment_of(text.partition("~")[0]), cursor_number(text.partition("~")[2])
    return None if moment is None or pk is None else (moment, pk)


def _write(entry: "Activity") -> str:
    return f"{ticks_of(entry.at)}~{entry.pk}"
