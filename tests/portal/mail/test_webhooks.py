"""What the mail provider reports: believed only when signed, never going back, and on the record."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from portal import limits
from portal.activity.record import record
from portal.failures import Failure
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle
from portal.verbs import Verb
from sharing.models import Invitation
from tests.cast import Cast, invite
from tests.pages import changes
from tests.portal.mail.reports import PROVIDERS, SECRET, Provider

Status = OutgoingEmail.Status
# What anymail calls it when it is sent by the provider; with Mailgun it is in brackets.
ID = "<b7bc2f4a-e38e-4336-af7d-e6c392c2f817@portal.example>"
# Anymail's own word on SendGrid; deploy/README.md passes it on.
pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")


@pytest.fixture(params=PROVIDERS, ids=lambda provider: provider.name)
def provider(request: pytest.FixtureRequest, settings: Any) -> Provider:
    request.param.configure(settings)
    return request.param


@pytest.fixture
def postmark(settings: Any) -> Provider:
    PROVIDERS[0].configure(settings)
    return PROVIDERS[0]


@pytest.fixture
def invitation(cast: Cast) -> Invitation:
    return invite(cast.site, cast.installer, cast.contractor)


@pytest.fixture
def sent(invitation: Invitation) -> OutgoingEmail:
    """The e-mail of an invitation, which the provider has taken; and one more under the same id."""
    outbox.queue("account", key="other", address="other@test.example", language="da")
    OutgoingEmail.objects.update(status=Status.SENT, provider_id=ID)
    return OutgoingEmail.objects.get(about=invitation.uuid)


def state(email: OutgoingEmail) -> tuple[str, str]:
    email.refresh_from_db()
    return email.status, email.failure


def recorded() -> list[tuple[str, str, str]]:
    """What the record says of deliveries, oldest first."""
    verbs = [Verb.INVITATION_DELIVERED, Verb.INVITATION_UNDELIVERED]
    rows = Activity.objects.filter(verb__in=verbs).order_by("pk")
    return [(row.verb, row.party_address, row.via) for row in rows]


# --- What each provider tells ---------------------------------------------------------------------------


def test_every_provider_is_understood(provider: Provider, sent: OutgoingEmail) -> None:
    """Delivered, then bounced, then complained, each told twice: one step and one entry each."""
    for what, expected in [
        ("opened", (Status.SENT, "")),
        ("delivered", (Status.DELIVERED, "")),
        ("bounced", (Status.BOUNCED, Failure.ADDRESS)),
        ("complained", (Status.COMPLAINED, Failure.COMPLAINT)),
    ]:
        for _ in range(2):
            assert provider.post(what, message_id=ID, to=sent.address.upper()).status_code == 200
            assert state(sent) == expected
    assert recorded() == [
        ("invitation_delivered", sent.address, "provider"),
        ("invitation_undelivered", sent.address, "provider"),
        ("invitation_undelivered", sent.address, "provider"),
    ]
    last = Activity.objects.latest("pk")
    assert (last.details["failure"], last.actor_name) == ("complaint", "")
    # The other reader's e-mail of that id, and whatever the other server said, are nowhere.
    assert OutgoingEmail.objects.get(key="other").status == Status.SENT
    assert "tried to reach" not in str(list(OutgoingEmail.objects.values()) + list(Activity.objects.values()))


def test_a_message_the_provider_refused(provider: Provider, sent: OutgoingEmail) -> None:
    assert provider.post("failed", message_id=ID, to=sent.address).status_code == 200
    failures = {"mailgun": Failure.OTHER, "amazon_ses": Failure.REFUSED}
    assert state(sent) == (Status.FAILED, failures.get(provider.name, Failure.ADDRESS))


def test_nothing_goes_back(provider: Provider, sent: OutgoingEmail) -> None:
    """In whatever order it is told, a bounce stands over a delivery and a complaint over all."""
    for what, status in [
        ("bounced", Status.BOUNCED),
        ("delivered", Status.BOUNCED),
        ("failed", Status.BOUNCED),
        ("complained", Status.COMPLAINED),
        ("bounced", Status.COMPLAINED),
        ("delivered", Status.COMPLAINED),
    ]:
        assert provider.post(what, message_id=ID, to=sent.address).status_code == 200
        assert state(sent)[0] == status
    assert len(recorded()) == 2


def test_what_was_not_sent_is_not_delivered(postmark: Provider, sent: OutgoingEmail) -> None:
    for status in (Status.QUEUED, Status.SENDING, Status.OBSOLETE):
        OutgoingEmail.objects.update(status=status)
        assert postmark.post("bounced", message_id=ID, to=sent.address).status_code == 200
        assert state(sent) == (status, "")


def test_an_out_of_office_reply_takes_no_delivery_back(settings: Any, sent: OutgoingEmail) -> None:
    ses = PROVIDERS[-1]
    ses.configure(settings)
    ses.post("delivered", message_id=ID, to=sent.address)
    ses.post("away", message_id=ID, to=sent.address)
    assert state(sent) == (Status.DELIVERED, "")


@pytest.mark.parametrize("name", ["postmark", "mailgun", "sendgrid"])
def test_from_the_outbox_to_the_report_and_back(
    name: str, invitation: Invitation, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent by the provider's own interface; what it answered there is what it is known by afterwards."""
    answered = {"ErrorCode": 0, "MessageID": ID, "To": invitation.email, "Message": "OK"}
    answered |= {"id": ID, "message": "Queued. Thank you."}
    response = requests.Response()
    response.status_code, response._content = (
        202 if name == "sendgrid" else 200,
        json.dumps(answered).encode(),
    )
    monkeypatch.setattr(requests.Session, "request", lambda *args, **kwargs: response)
    provider = next(each for each in PROVIDERS if each.name == name)
    provider.configure(settings)
    settings.EMAIL_BACKEND = f"anymail.backends.{name}.EmailBackend"
    keys = ["POSTMARK_SERVER_TOKEN", "MAILGUN_API_KEY", "MAILGUN_SENDER_DOMAIN", "SENDGRID_API_KEY"]
    settings.ANYMAIL = settings.ANYMAIL | dict.fromkeys(keys, "key")
    OutgoingEmail.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert outbox.deliver_due() == 1
    email = OutgoingEmail.objects.get()
    assert state(email) == (Status.SENT, "") and email.provider_id
    provider.post("delivered", message_id=email.provider_id, to=email.address)
    assert state(email) == (Status.DELIVERED, "")


# --- Strangers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "reports:wrong"], ids=["missing", "wrong"])
def test_a_stranger_changes_nothing(provider: Provider, sent: OutgoingEmail, secret: str | None) -> None:
    with changes() as noted:
        answer = provider.post("bounced", message_id=ID, to=sent.address, secret=secret)
        assert noted.tables == set()
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"signature": []}',
        b'{"signature": {"token": "\xc3\xa6"}}',
        b"{" * 9999,
    ],
)
def test_rubbish_is_refused(provider: Provider, sent: OutgoingEmail, body: bytes) -> None:
    """Whatever a stranger posts, it is their fault and not ours; nor is it a way to stop the portal."""
    with changes() as noted:
        answer = provider.post_raw(body, HTTP_AUTHORIZATION="Basic ////")
        assert noted.tables == set()
    assert answer.status_code == 403


def test_a_report_that_is_too_large_is_refused(
    provider: Provider, sent: OutgoingEmail, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 200
    answer = provider.post("bounced", message_id=ID * 20, to=sent.address)
    assert 400 <= answer.status_code < 500
    assert state(sent) == (Status.SENT, "")


def test_nothing_known_is_said_of_an_unknown_message(provider: Provider, sent: OutgoingEmail) -> None:
    """Another id, another reader, no id: 200 as ever, or the provider would try again for days."""
    with changes() as noted:
        for message_id, to in [
            ("<x@y.example>", sent.address),
            (ID, "nobody@test.example"),
            ("", sent.address),
        ]:
            assert provider.post("bounced", message_id=message_id, to=to).status_code == 200
        assert noted.tables == set()


def test_without_a_secret_nothing_is_believed(provider: Provider, sent: OutgoingEmail, settings: Any) -> None:
    """Not even what is signed with the empty one."""
    for empty in ({}, {provider.setting: ""}):
        settings.ANYMAIL = {k: v for k, v in settings.ANYMAIL.items() if k != provider.setting} | empty
        assert provider.post("bounced", message_id=ID, to=sent.address).status_code == 403
        assert provider.post("bounced", message_id=ID, to=sent.address, secret=None).status_code == 403
    assert state(sent) == (Status.SENT, "")


@pytest.mark.django_db
def test_only_the_configured_provider_has_an_address(settings: Any) -> None:
    for configured in ("", "brevo", "postmark"):
        settings.MAIL_PROVIDER, settings.ANYMAIL = configured, {"WEBHOOK_SECRET": SECRET}
        for each in [*PROVIDERS, Provider("brevo", PROVIDERS[0].payload, PROVIDERS[0].proof, "")]:
            if each.name != "postmark" or configured != "postmark":
                assert each.post_raw(b"{}").status_code == 404


def test_whoever_tries_too_often_waits_alone(postmark: Provider, sent: OutgoingEmail) -> None:
    """Wrong ones are counted per network, right ones never."""
    for _ in range(limits.WRONG_REPORT_BY_ADDRESS.tries):
        wrong = postmark.post(
            "bounced", message_id=ID, to=sent.address, secret="x:y", REMOTE_ADDR="192.0.2.7"
        )
        assert wrong.status_code == 403
    right = {"message_id": ID, "to": sent.address}
    assert postmark.post("delivered", **right, REMOTE_ADDR="192.0.2.7").status_code == 429
    assert state(sent) == (Status.SENT, "")
    before = Throttle.objects.count()
    assert postmark.post("delivered", **right, REMOTE_ADDR="192.0.2.8").status_code == 200
    assert state(sent) == (Status.DELIVERED, "") and Throttle.objects.count() == before


# --- What is made of it ---------------------------------------------------------------------------------


def test_the_same_mail_for_others_leaves_the_record_alone(postmark: Provider, sent: OutgoingEmail) -> None:
    """Only invitations are part of a location's record; an e-mail about an account is not."""
    record(Verb.INVITED, by=None)
    count = Activity.objects.count()
    postmark.post("delivered", message_id=ID, to="other@test.example")
    assert OutgoingEmail.objects.get(key="other").status == Status.DELIVERED
    assert Activity.objects.count() == count


def test_a_corrected_address_keeps_the_record_true(
    postmark: Provider, sent: OutgoingEmail, invitation: Invitation
) -> None:
    """What is told late of an e-mail is told of the address it went to."""
    Invitation.objects.filter(pk=invitation.pk).update(email="corrected@test.example")
    postmark.post("bounced", message_id=ID, to=sent.address)
    assert [address for _, address, _ in recorded()] == [sent.address]
    invitation.refresh_from_db()
    assert invitation.email == "corrected@test.example"
