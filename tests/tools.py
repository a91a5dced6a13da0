"""What the tests of services share: undoing, refusals, times, and settings for random data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings

from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from locations.sorting import words_in
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail
from sharing.models import Invitation


def rounds_of(usual: int) -> int:
    """How often a race is run: ROUNDS times by hand (`make races`), and as usual otherwise."""
    return int(os.environ.get("ROUNDS") or usual)


def lives(usual: int, *, steps: int, steps_by_hand: int) -> settings:
    """Random lives of a state machine: the same in every run, and EXAMPLES others each time by hand
    (`make machine`)."""
    by_hand = "EXAMPLES" in os.environ
    return settings(
        max_examples=int(os.environ.get("EXAMPLES", usual)),
        stateful_step_count=steps_by_hand if by_hand else steps,
        derandomize=not by_hand,
        deadline=None,
        # What is found is shown as it was found: to make it smaller takes minutes.
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def examples(count: int) -> settings:
    """Random data against a database that one test keeps for all its examples; see `undone`."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written in here is rolled back at its end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def refused(sentence: str = "", *, field: str | None = None) -> Iterator[Any]:
    """The block must raise a Refusal whose sentence contains `sentence`, and write nothing that stays."""
    before = state_of_everything()
    with pytest.raises(Refusal) as caught:
        yield caught
    assert sentence in str(caught.value)
    if field is not None:
        assert caught.value.field == field
    assert state_of_everything() == before


def state_of_everything() -> dict[str, list[Any]]:
    """Every row a refusal must leave alone (throttles count on purpose, so they are not among them)."""
    from organisations.models import MemberInvitation, Membership, Organisation
    from portal.models import Activity
    from sharing.models import Acceptance, AccessRequest, BulkJob, BulkRow, Invitation, Offer, Transfer

    tables = [
        Location,
        Access,
        LocationUserPermission,
        LocationGroupPermission,
        Invitation,
        Acceptance,
        Transfer,
        Activity,
        OutgoingEmail,
        Organisation,
        Membership,
        MemberInvitation,
        AccessRequest,
        Offer,
        BulkJob,
        BulkRow,
    ]
    return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in tables}


def in_days(days: float) -> datetime:
    """That many days from now, to the whole second."""
    return timezone.now().replace(microsecond=0) + timedelta(days=days)


def mails(kind: str = "") -> list[tuple[str, str]]:
    """What waits in the outbox: kind and address, in order of writing."""
    rows = OutgoingEmail.objects.order_by("created_at", "pk")
    if kind:
        rows = rows.filter(kind=kind)
    return sorted(rows.values_list("kind", "address"))


def live(location: Location) -> set[tuple[str, str, int]]:
    """Who has what on the location now: party, reason, level."""
    return {(str(a.party), a.reason, a.level) for a in Access.objects.live().filter(location=location)}


def projected(location: Location) -> set[tuple[str, int, str, Any]]:
    """Every permission row of the location: whose, which permission, until when."""
    return {
        (kind, row[0], row[1], row[2])
        for kind, model, grantee in (
            ("user", LocationUserPermission, "user_id"),
            ("group", LocationGroupPermission, "group_id"),
        )
        for row in model._default_manager.filter(content_object=location).values_list(
            grantee, "permission__codename", "ends_at"
        )
    }


def projection(location: Location) -> set[tuple[str, int, str, Any]]:
    """The permission rows that the Access rows call for: per party and level, until the latest end.

    Nothing was projected since time passed, so an end that has come is still there to be compared.
    """
    ends: dict[tuple[str, int, str], list[Any]] = {}
    for access in Access.objects.filter(location=location, ended_at=None).select_related("organisation"):
        whose = ("user", access.user_id) if access.user_id else ("group", access.organisation.group_id)
        for level in Level:
            if level <= access.level:
                ends.setdefault((*whose, level.codename), []).append(access.ends_at)
    return {(*key, None if None in found else max(found)) for key, found in ends.items()}


def matching(locations: Any, query: str) -> Any:
    """Those of some locations with every word of `query` in name and address, asked of themselves."""
    return locations.filter(*[Q(search_text__contains=word) for word in words_in(query)])


def verbs(location: Location) -> list[str]:
    """What is on the record of the location, oldest first."""
    return list(
        Activity.objects.filter(location_id=location.pk).order_by("pk").values_list("verb", flat=True)
    )


def run_out(invitation: Invitation, seconds: int = 1) -> Invitation:
    """Its seven days ended so many seconds ago, and no worker has seen it. The same, as it is now."""
    end = timezone.now().replace(microsecond=0) - timedelta(seconds=seconds)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=end, invited_at=end - timedelta(days=7))
    invitation.refresh_from_db()
    return invitation


Mailbox = list[EmailMultiAlternatives]


def make_due() -> None:
    """SQLite's clock has milliseconds: what was written in this one is due in the next."""
    OutgoingEmail.objects.filter(status=OutgoingEmail.Status.QUEUED).update(
        due_at=timezone.now() - timedelta(seconds=1)
    )


def send_all() -> None:
    """What a worker would send by now, and what that makes it send."""
    make_due()
    while outbox.deliver_due():
        pass


def html_of(message: EmailMultiAlternatives) -> str:
    """What a reader with pictures sees."""
    return str(message.alternatives[0][0])
