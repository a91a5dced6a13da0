"""Bringing stored addresses into their one spelling. For migrations, which pass models of their own time."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from portal.lib.addresses import spelled


def in_other_spellings(addresses: Iterable[str]) -> dict[str, set[str]]:
    """Those that are not written as addresses are kept, by how they would be."""
    found: dict[str, set[str]] = defaultdict(set)
    for address in addresses:
        plain = address.isascii() and "xn--" not in address and address == address.lower().strip()
        if not plain and (kept := spelled(address)) != address:
            found[kept].add(address)
    return found


def stored(model: Any, column: str) -> Iterable[str]:
    """Every address in this column, once."""
    addresses: Iterable[str] = model.objects.order_by().values_list(column, flat=True).distinct().iterator()
    return addresses


def respell(model: Any, column: str) -> None:
    """A column in which the same address may stand any number of times."""
    for kept, others in in_other_spellings(list(stored(model, column))).items():
        model.objects.filter(**{f"{column}__in": others}).update(**{column: kept})


def respell_invitations(model: Any, scope: str, **of_kind: Any) -> None:
    """Invitations, of which `scope` has one for each address: where two turn out to be to one mailbox, the
    newest that can be accepted stays, and the others are withdrawn and keep their old spelling.
    """
    rows = model.objects.filter(**of_kind)
    for kept, others in in_other_spellings(list(stored(model, "email"))).items():
        same: dict[Any, list[Any]] = defaultdict(list)
        for row in rows.filter(email__in={kept, *others}):
            same[getattr(row, f"{scope}_id")].append(row)
        for each in same.values():
            _keep_newest(model, each, kept)


def _keep_newest(model: Any, rows: list[Any], kept: str) -> None:
    now = timezone.now()
    newest, *others = sorted(
        rows,
        key=lambda row: (row.state == "pending" and row.expires_at > now, row.invited_at, row.pk),
        reverse=True,
    )
    for row in others:
        # An expired one could be sent again, and be accepted by nobody.
        if row.state in ("pending", "expired"):
            model.objects.filter(pk=row.pk).update(state="withdrawn", settled_at=row.settled_at or now)
        if row.email == kept:
            # The two change places, by way of an address that nobody has.
            model.objects.filter(pk=row.pk).update(email=f"{row.uuid}@nobody.invalid")
            model.objects.filter(pk=newest.pk).update(email=kept)
            model.objects.filter(pk=row.pk).update(email=newest.email)
    model.objects.filter(pk=newest.pk).update(email=kept)
