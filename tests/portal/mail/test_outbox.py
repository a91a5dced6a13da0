"""The outbox: nothing lost, nothing twice, nothing said that is no longer so (decision 0002)."""

import smtplib
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from anymail.exceptions import AnymailInvalidAddress, AnymailRequestsAPIError
from celery.exceptions import SoftTimeLimitExceeded
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organisations.services import add_member
from portal import codes, tasks
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail
from portal.verbs import Verb
from sharing.invitations import services as invitations
from tests.cast import (
    ADMINISTRATOR,
    Cast,
    invite,
    invite_operators,
    make_person,
)
from tests.tools import Mailbox, in_days, make_due, send_all

Status = OutgoingEmail.Status
# However many Administrators are told. The key is counted as a guess before it is looked up, and given back.
SHARE_WITH_ORGANISATION = 20
# One asks whether somebody has asked to use it with another account.
WITHDRAW_FROM_ORGANISATION = 11


def queue(key: str = "k", address: str = "a@b.example", **fields: Any) -> OutgoingEmail:
    """A message that needs nothing but itself."""
    terms = {"language": "en-gb", "template": "unknown_account"} | fields
    outbox.queue("account", key=key, address=address, **terms)
    make_due()
    return OutgoingEmail.objects.get(key=key)


# --- Queueing ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_message_is_queued_once(
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks() as nudges:
        assert queue("one") == queue("one", address="other@b.example")
        queue("two")
    assert set(OutgoingEmail.objects.values_list("key", "address")) == {
        ("one", "a@b.example"),
        ("two", "a@b.example"),
    }
    assert len(nudges) == 3  # harmless without anything new


@pytest.mark.parametrize("administrators", [1, 3, 50])
def test_telling_an_organisation_takes_as_many_statements_however_many_administer_it(
    cast: Cast, administrators: int, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """A message to each, each once, and one nudge for all: also when it is taken back."""
    people = [make_person(f"a{number}@test.example") for number in range(administrators)]
    for person in people:
        add_member(organisation=cast.operators, user=person, role=ADMINISTRATOR, by=cast.operator)
    with django_capture_on_commit_callbacks() as nudges, CaptureQueriesContext(connection) as queries:
        invitation = invite_operators(cast)
    assert len(queries) == SHARE_WITH_ORGANISATION and len(nudges) == 1
    assert OutgoingEmail.objects.filter(kind="invitation").count() == administrators + 2
    OutgoingEmail.objects.update(status=Status.SENT)
    with CaptureQueriesContext(connection) as queries:
        invitations.withdraw(invitation=invitation, by=cast.installer)
    assert len(queries) == WITHDRAW_FROM_ORGANISATION
    assert OutgoingEmail.objects.filter(kind="withdrawn").count() == administrators + 2


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_next_batch_costs_the_same_beside_ten_thousand_that_wait() -> None:
    """Read in the order of its index, even where all became due in one moment."""
    # Before all that other tests have left dead in that index, which nobody may have vacuumed yet.
    due = timezone.now() - timedelta(days=365)
    OutgoingEmail.objects.bulk_create(
        OutgoingEmail(key=str(number), kind="account", address="a@b.example", language="da", due_at=due)
        for number in range(10_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE portal_outgoingemail")
        sql, parameters = OutgoingEmail.objects.due()[: outbox.BATCH].query.sql_with_params()
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
        plan = cursor.fetchone()[0][0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 3 * outbox.BATCH


def test_a_batch_is_sent_over_one_connection_and_a_fault_costs_only_its_own_message(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one that failed the next begins another connection: what state the last is in, nobody knows."""
    for number in range(4):
        queue(str(number), f"{number}@b.example")
    steps: list[str] = []
    open_now: list[bool] = []

    def begin(self: BaseEmailBackend) -> None:
        if not open_now:
            steps.append("open")
            open_now.append(True)

    def end(self: BaseEmailBackend) -> None:
        steps.append("close")
        open_now.clear()
        raise smtplib.SMTPServerDisconnected

    def send(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        steps.append(self.to[0][0])
        if self.to[0][0] == "1":
            raise smtplib.SMTPServerDisconnected
        return 1

    monkeypatch.setattr(BaseEmailBackend, "open", begin)
    monkeypatch.setattr(BaseEmailBackend, "close", end)
    monkeypatch.setattr(EmailMultiAlternatives, "send", send)
    outbox.deliver_due()
    assert steps == ["open", "0", "1", "close", "open", "2", "3", "close"]
    assert OutgoingEmail.objects.filter(status=Status.SENT).count() == 3


@pytest.mark.django_db
def test_a_rollback_leaves_no_message() -> None:
    """The row is written in the transaction that causes it."""
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        queue()
        1 / 0  # noqa: B018
    assert not OutgoingEmail.objects.exists()


@pytest.mark.django_db
def test_a_broker_that_is_gone_harms_nothing(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    """The broker only hurries it: a lost nudge is made good by the next beat."""

    def gone(name: str, **options: Any) -> None:
        raise OSError("no broker")

    monkeypatch.setattr("portal.celery.app.send_task", gone)
    with django_capture_on_commit_callbacks(execute=True):
        queue()
    assert OutgoingEmail.objects.get().status == Status.QUEUED


# --- Claiming ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claim_is_a_lease_nobody_else_holds(mailoutbox: Mailbox) -> None:
    row = queue()
    (claimed,) = outbox._claim()
    assert (claimed.pk, claimed.status, claimed.attempts) == (row.pk, Status.SENDING, 1)
    assert outbox._claim() == []
    assert timedelta(seconds=170) < claimed.due_at - timezone.now() <= outbox.LEASE
    # A dead worker's lease simply comes due; what it may still write is void.
    OutgoingEmail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    (again,) = outbox._claim()
    assert (again.claim != claimed.claim, again.attempts) == (True, 2)
    outbox._deliver(claimed, get_connection())
    assert OutgoingEmail.objects.get().status == Status.SENDING
    outbox._deliver(again, get_connection())
    assert OutgoingEmail.objects.get().status == Status.SENT


def test_a_lease_is_longer_than_a_task_may_run(settings: Any) -> None:
    assert outbox.LEASE.total_seconds() > settings.CELERY_TASK_TIME_LIMIT


@pytest.mark.django_db
def test_what_is_due_goes_oldest_first_in_batches(mailoutbox: Mailbox) -> None:
    moment = in_days(0)
    rows = [queue(str(number), f"{number}@b.example") for number in range(45)]
    for number, row in enumerate(rows):
        OutgoingEmail.objects.filter(pk=row.pk).update(due_at=moment - timedelta(seconds=number))
    assert [outbox.deliver_due() for _ in range(4)] == [20, 20, 5, 0]
    first = {message.to[0] for message in mailoutbox[:20]}
    assert first == {f"{number}@b.example" for number in range(25, 45)}
    assert len({message.to[0] for message in mailoutbox}) == 45


@pytest.mark.django_db
def test_what_is_not_due_waits(mailoutbox: Mailbox) -> None:
    queue()
    OutgoingEmail.objects.update(due_at=timezone.now() + timedelta(seconds=5))
    assert outbox.deliver_due() == 0
    assert mailoutbox == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.celery.nudge", lambda name: None)
    for number in range(200):
        queue(str(number))
    taken: list[uuid.UUID] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            while rows := outbox._claim():
                taken.extend(row.pk for row in rows)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(taken) == len(set(taken)) == 200


# --- What comes of it -------------------------------------------------------------------------

PASSING = [
    smtplib.SMTPRecipientsRefused({"a@b.example": (450, b"later")}),
    smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"no"), "c@d.example": (451, b"later")}),
    smtplib.SMTPDataError(451, b"greylisted"),
    smtplib.SMTPSenderRefused(421, b"busy", "x@y.example"),
    smtplib.SMTPServerDisconnected("gone"),
    ConnectionRefusedError("refused"),
    TimeoutError("slow"),
    OSError("no route"),
    ZeroDivisionError("a fault of ours"),
]
FOR_GOOD = [
    smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"no such user")}),
    smtplib.SMTPDataError(554, b"spam"),
    AnymailInvalidAddress("not an address"),
]


def api_error(status: int) -> AnymailRequestsAPIError:
    """What a mail provider's answer becomes in django-anymail."""
    response = requests.Response()
    response.status_code, response.reason, response._content = status, "said no", b"{}"
    return AnymailRequestsAPIError(f"answered {status}", response=response)


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def send(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        raise error

    monkeypatch.setattr(EmailMultiAlternatives, "send", send)


@pytest.mark.django_db
@pytest.mark.parametrize("error", [*PASSING, api_error(429), api_error(500), api_error(503)], ids=repr)
def test_a_passing_fault_comes_due_again(
    monkeypatch: pytest.MonkeyPatch, mailoutbox: Mailbox, error: Exception
) -> None:
    queue()
    with monkeypatch.context() as patch:
        failing(patch, error)
        outbox.deliver_due()
    row = OutgoingEmail.objects.get()
    assert (row.status, row.attempts) == (Status.QUEUED, 1)
    assert row.last_error.startswith(type(error).__name__)
    assert row.due_at > timezone.now() + timedelta(seconds=10)
    OutgoingEmail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    outbox.deliver_due()
    row.refresh_from_db()
    assert (row.status, row.attempts, row.last_error) == (Status.SENT, 2, "")
    assert row.sent_at is not None


def test_why_a_mail_server_refused_is_kept_and_recorded(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a provider that reports, this is how the sharer learns that an address does not exist."""
    invite(cast.site, cast.installer, cast.contractor)
    refused = {cast.contractor.email: (550, b"5.1.1 No such user")}
    failing(monkeypatch, smtplib.SMTPRecipientsRefused(refused))
    send_all()
    row = OutgoingEmail.objects.get()
    assert (row.status, row.failure) == (Status.FAILED, "address")
    entry = Activity.objects.get(verb=Verb.INVITATION_UNDELIVERED)
    assert (entry.party_address, entry.location_id) == (cast.contractor.email, cast.site.pk)
    assert entry.details["failure"] == "address"


@pytest.mark.django_db
@pytest.mark.parametrize("error", [*FOR_GOOD, api_error(400), api_error(422)], ids=repr)
def test_a_refusal_for_good_ends_it(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    queue()
    failing(monkeypatch, error)
    outbox.deliver_due()
    row = OutgoingEmail.objects.get()
    assert (row.status, row.attempts) == (Status.FAILED, 1)
    assert outbox.deliver_due() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPAuthenticationError(535, b"bad password"),
        smtplib.SMTPConnectError(554, b"not from there"),
        smtplib.SMTPSenderRefused(550, b"not you", "x@y.example"),
        smtplib.SMTPHeloError(550, b"who?"),
        api_error(401),
        api_error(403),
    ],
    ids=repr,
)
def test_a_mail_server_that_refuses_the_portal_itself_loses_no_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A changed password says nothing about this message: an hour later it can be sent (nothing lost)."""
    queue()
    failing(monkeypatch, error)
    outbox.deliver_due()
    assert OutgoingEmail.objects.get().status == Status.QUEUED


@pytest.mark.django_db
def test_a_batch_slower_than_its_lease_sends_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is held anew just before it is sent, and left alone when it is another worker's by then."""
    for number in range(3):
        queue(str(number), f"{number}@b.example")
    sent: list[str] = []
    leases: list[timedelta] = []

    def slow(self: EmailMultiAlternatives, fail_silently: bool = False) -> int:
        sent.extend(self.to)
        sending = OutgoingEmail.objects.get(address=self.to[0])
        leases.append(sending.due_at - timezone.now())
        # Three minutes later: the leases of the whole batch are over …
        OutgoingEmail.objects.filter(status=Status.SENDING).update(due_at=in_days(-1))
        if len(sent) == 2:  # … and this time another worker has taken up what is left.
            last = OutgoingEmail.objects.exclude(address__in=sent)
            last.update(claim=uuid.uuid4(), due_at=timezone.now() + outbox.LEASE)
        return 1

    monkeypatch.setattr(EmailMultiAlternatives, "send", slow)
    outbox.deliver_due()
    assert len(sent) == len(set(sent)) == 2
    assert all(lease > timedelta(seconds=170) for lease in leases)
    assert OutgoingEmail.objects.filter(status=Status.SENT).count() == 2


@pytest.mark.django_db
def test_a_task_that_runs_out_of_time_ends_and_keeps_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may have gone out is not tried again at once, and celery's order to stop is obeyed."""
    queue()
    failing(monkeypatch, SoftTimeLimitExceeded())
    with pytest.raises(SoftTimeLimitExceeded):
        outbox.deliver_due()
    row = OutgoingEmail.objects.get()
    assert (row.status, row.last_error) == (Status.SENDING, "")
    assert row.due_at > timezone.now() + timedelta(seconds=170)


def test_a_task_takes_no_batch_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is due."""
    clock = iter(range(0, 1000, 25))
    monkeypatch.setattr("portal.tasks.time.monotonic", lambda: next(clock))
    batches: list[int] = []
    monkeypatch.setattr(outbox, "deliver_due", lambda: batches.append(1) or 20)
    tasks.deliver_due_email()
    assert len(batches) == 3


@pytest.mark.django_db
def test_the_last_error_holds_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail servers quote what they refuse; support reads it."""
    code = codes.grouped(codes.derive(purpose="t", subject="t", nonce="t", length=12))
    queue()
    failing(monkeypatch, OSError(f"refused: http://localhost:8000/add/{code}/"))
    outbox.deliver_due()
    error = OutgoingEmail.objects.get().last_error
    assert code not in error and error.startswith("OSError: refused")


@pytest.mark.django_db
def test_waits_grow_and_twelve_tries_end_it_after_some_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    queue()
    failing(monkeypatch, OSError("no route"))
    waits = []
    for attempt in range(1, 13):
        assert outbox.deliver_due() == 1
        row = OutgoingEmail.objects.get()
        assert row.attempts == attempt
        waits.append((row.due_at - timezone.now()).total_seconds())
        assert row.status == (Status.QUEUED if attempt < 12 else Status.FAILED)
        OutgoingEmail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    for number, wait in enumerate(waits[:11]):
        longest = min(30 * 2**number, 3600)
        assert longest / 2 - 2 <= wait <= longest
    assert outbox.deliver_due() == 0


@pytest.mark.django_db
def test_one_bad_message_does_not_stop_the_others(mailoutbox: Mailbox) -> None:
    outbox.queue("unheard-of", key="bad", address="a@b.example", language="en-gb")
    queue("good")  # and makes both due
    outbox.deliver_due()
    states = dict(OutgoingEmail.objects.values_list("key", "status"))
    assert states == {"bad": Status.QUEUED, "good": Status.SENT}
    assert len(mailoutbox) == 1


@pytest.mark.django_db
def test_retries_are_recognisable_as_one_message(mailoutbox: Mailbox) -> None:
    row = queue()
    assert outbox.render(row).extra_headers == outbox.render(row).extra_headers
    assert str(row.pk) in outbox.render(row).extra_headers["Message-ID"]


# --- No longer so -----------------------------------------------------------------------------


# --- What it says -----------------------------------------------------------------------------


# --- Sweeps -----------------------------------------------------------------------------------


# --- Throttles --------------------------------------------------------------------------------
