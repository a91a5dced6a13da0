"""The whole loop with every log record, row and queue message kept: no code, key, PIN or token in any."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.urls import reverse

from locations.models import ChargePoint, Circuit
from organisations.models import MemberInvitation
from portal import codes
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, User
from portal.redaction import WithoutCodes
from sharing.models import Invitation
from tests.cast import Cast
from tests.cast import invite as invite_to
from tests.pages import (
    PASSWORD,
    browser,
    grouped,
    invite_member,
    letter,
    link_in,
    make_account,
    signed_in,
    whole_database,
    wrong_codes,
)

pytestmark = pytest.mark.pages


class Kept(logging.Handler):
    """What the portal's handler would have written: its filter, its format, DEBUG included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        line = settings.LOGGING["formatters"]["line"]
        self.setFormatter(logging.Formatter(line["format"], style=line["style"]))
        self.addFilter(WithoutCodes())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Any:
    """Every record of every logger, as it would be written."""
    kept, root = Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(kept)
    root.setLevel(level)


class Secrets:
    """Every secret of the story, as it comes to be."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}

    def code(self, what: str, code: str) -> str:
        """A code, a key: as people write it, bare, and in small letters."""
        bare = code.replace("-", "")
        spaced = " ".join(bare[start : start + 4] for start in range(0, len(bare), 4))
        self.all |= {what: codes.grouped(bare), f"{what}, bare": bare, f"{what}, spaced": spaced}
        return code

    def link(self, what: str, link: str) -> str:
        token = link.rstrip("/").rpartition("/")[2]
        assert len(token) > 20
        self.all[what] = token
        return link

    def in_(self, text: str) -> list[str]:
        lowered = text.lower()
        return [what for what, secret in self.all.items() if secret.lower() in lowered]


@pytest.mark.django_db(transaction=True)
def test_the_loop_leaves_no_secret_anywhere(
    log: Kept, settings: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Invite in three ways, sign up, confirm, accept, mistype, guess, reset; then look everywhere."""
    from tests.cast import make_cast

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    queue = tmp_path / "queue"
    broker = Celery("secrets", set_as_current=False)
    broker.conf.update(
        broker_url="filesystem://localhost",
        broker_transport="portal.serving.file_broker.Transport",
        broker_transport_options={
            "data_folder_in": str(queue),
            "data_folder_out": str(queue),
            "processed_folder": str(tmp_path / "taken"),
            "control_folder": str(tmp_path / "control"),
        },
        task_serializer="json",
        task_ignore_result=True,
    )
    # To files instead of the installation's broker.
    monkeypatch.setattr("portal.celery.app.send_task", broker.send_task)

    secrets, cast = Secrets(), make_cast()
    circuit = Circuit.objects.create(location=cast.site, name="A", fuse=16)
    ChargePoint.objects.create(circuit=circuit, serial_number="SN-1", model="Volt", pin="48151623")
    secrets.all["PIN"] = "48151623"
    secrets.code("key", cast.operators.key)
    installer = signed_in(cast.installer)
    invite = reverse("sharing:invite", args=[cast.site.uuid])

    # By e-mail, to somebody who signs up on the way.
    installer.post(invite, {"kind": "person", "email": "nina@test.example", "level": "3", "message": "Hej"})
    person = Invitation.objects.get(kind="person")
    secrets.code("first code", grouped(person))
    installer.post(reverse("sharing:resend", args=[cast.site.uuid, person.uuid]))
    secrets.code("code by e-mail", grouped(person))
    nina = browser()
    nina.get(
        link_in(letter(kind="invitation", address="nina@test.example", status="queued"), "/add/"), follow=True
    )
    sign_up = {"name": "Nina", "email": "nina@test.example", "password1": PASSWORD}
    nina.post(reverse("account_signup"), sign_up, follow=True)
    confirm = secrets.link("confirmation", link_in(letter(kind="account"), "/confirm-email/"))
    nina.get(confirm)
    nina.post(confirm, follow=True)
    person.refresh_from_db()
    accept = {"answer": "accept", "nonce": person.nonce}
    assert nina.post(reverse("sharing:invitation", args=[person.uuid]), accept).status_code == 302

    # To an organisation by its key; then a wrong key and a mistyped one.
    operators = {"kind": "organisation", "key": codes.grouped(cast.operators.key), "level": "1"}
    installer.post(invite, operators)
    installer.post(invite, operators | {"confirmed": str(cast.operators.uuid)})
    organisation = Invitation.objects.get(kind="organisation")
    secrets.code("code to the organisation", grouped(organisation))
    wrong = codes.derive(purpose="t", subject="t", nonce="t", length=codes.ORGANISATION_KEY_LENGTH)
    installer.post(invite, operators | {"key": secrets.code("wrong key", wrong)})
    while outbox.deliver_due():
        pass
    operator = signed_in(cast.operator)
    organisation.refresh_from_db()
    operator.get(reverse("sharing:open", args=[grouped(organisation)]), follow=True)
    operator.get(reverse("organisations:detail", args=[cast.operators.uuid]))
    yes = {"answer": "accept", "nonce": organisation.nonce}
    assert operator.post(reverse("sharing:invitation", args=[organisation.uuid]), yes).status_code == 302

    # Into an organisation: sent, resent, looked at, typed, accepted; one more withdrawn and tried.
    people = reverse("organisations:invite", args=[cast.firm.uuid])
    installer.post(people, {"addresses": "customer@test.example, bo@test.example", "role": "member"})
    member, other = MemberInvitation.objects.order_by("-email")
    secrets.code("first code of a member", grouped(member))
    installer.post(reverse("organisations:resend", args=[cast.firm.uuid, member.uuid]))
    secrets.code("code of a member", grouped(member))
    installer.post(reverse("organisations:show_code", args=[cast.firm.uuid, member.uuid]))
    customer = signed_in(cast.customer)
    customer.post(reverse("sharing:add"), {"code": grouped(member)}, follow=True)
    member.refresh_from_db()
    yes = {"answer": "accept", "nonce": member.nonce}
    assert customer.post(reverse("sharing:invitation", args=[member.uuid]), yes).status_code == 302
    secrets.code("withdrawn code of a member", grouped(other))
    installer.post(reverse("organisations:withdraw", args=[cast.firm.uuid, other.uuid]))
    signed_in(cast.stranger).get(f"/add/{grouped(other)}/", follow=True)

    # By code: typed, linked, in lower case, mistyped, guessed, withdrawn and tried again.
    installer.post(invite, {"kind": "code", "level": "1"})
    code = Invitation.objects.get(kind="code")
    typed = secrets.code("code", grouped(code))
    installer.post(reverse("sharing:show_code", args=[cast.site.uuid, code.uuid]))
    contractor = signed_in(cast.contractor)
    contractor.get(f"/add/{typed.lower()}/", follow=True)
    contractor.get(f"/add/{typed}")
    contractor.get(f"/add/{typed}/x/")
    contractor.get(f"/nowhere/{typed}/")
    contractor.get(f"/locations/?q={typed}")
    contractor.post(reverse("sharing:add"), {"code": typed[:-1] + ("A" if typed[-1] != "A" else "B")})
    contractor.get(reverse("sharing:open", args=[secrets.code("guess", wrong_codes(1)[0])]), follow=True)
    browser(enforce_csrf_checks=True).post(f"/add/{typed}/")
    installer.post(reverse("sharing:withdraw", args=[cast.site.uuid, code.uuid]))
    signed_in(cast.stranger).get(f"/add/{typed}/", follow=True)
    # Not offered, but what somebody may try.
    signed_in(cast.support).get(reverse("admin:sharing_invitation_changelist"), {"q": typed})
    signed_in(cast.support).get(
        reverse("admin:organisations_organisation_changelist"), {"q": cast.operators.key}
    )

    # A forgotten password.
    cache.clear()
    known = make_account("known@test.example")
    browser().post(reverse("account_reset_password"), {"email": known.email})
    reset = link_in(letter(kind="account", address=known.email), "/reset/key/")
    secrets.all["reset"] = secrets.link("reset link", reset).rstrip("/").rpartition("/")[2].partition("-")[2]
    back = browser()
    back.get(reset, follow=True)
    back.get(reset.rstrip("/"))

    # The worker sends, fails once, and sends again.
    with monkeypatch.context() as broken:
        body = letter(kind="accepted")

        def failing(*args: Any) -> None:
            raise OSError(f"cannot reach the mail server: {body}")

        broken.setattr("django.core.mail.message.EmailMessage.send", failing)
        outbox.deliver_due()
    OutgoingEmail.objects.filter(status="queued").update(due_at=Activity.objects.latest("at").at)
    while outbox.deliver_due():
        pass
    logging.getLogger("portal").error("by hand: %s and /add/%s/ and %s", typed, typed, confirm)
    try:
        raise ValueError(typed)
    except ValueError:
        logging.getLogger("portal").exception("with a traceback")

    assert len(secrets.all) > 20
    # 1. The log, at every level. The bait: that records were kept, and that what was hidden is marked.
    lines = "\n".join(log.lines)
    assert len(log.lines) > 5 and "[code]" in lines
    assert secrets.in_(lines) == [], [line for line in log.lines if secrets.in_(line)][:5]
    # 2. Every row of every table, sessions decoded. The PIN has a column of its own, and the one it is in.
    rows = whole_database().replace("48151623", "", 1)
    # allauth keeps the reset key in the session of the browser that opened the link, until it is used.
    assert set(secrets.in_(rows)) <= {"reset"}
    keys = ("_password_reset_key",)
    kept = [session.get_decoded() for session in Session.objects.all()]
    others = [{key: value for key, value in each.items() if key not in keys} for each in kept]
    assert secrets.in_(repr(others)) == []
    for model in (OutgoingEmail, Activity):
        assert secrets.in_(repr(list(model.objects.values()))) == []
    # 3. The queue: ids only, and not even those.
    messages = [json.loads(file.read_text()) for file in queue.glob("*.msg")]
    assert messages
    for message in messages:
        assert secrets.in_(json.dumps(message)) == []
        import base64

        body = json.loads(base64.b64decode(message["body"]))
        assert body[:2] == [[], {}]
        assert secrets.in_(json.dumps(body)) == []
    # 4. What was sent does hold the code and the link: otherwise nothing was looked for.
    from django.core import mail as sent

    texts = "\n".join(str(message.body) for message in sent.outbox)
    assert {"code to the organisation"} <= set(secrets.in_(texts))
    assert User.objects.get(email="nina@test.example").is_active


@pytest.mark.parametrize(
    "text",
    [
        "/add/{code}/",
        "/add/{code}",
        "GET /add/{lower}/ HTTP/1.1",
        "code={code}",
        "'{code}'",
        "({bare})",
        "{spaced}.",
        "http://x/add/{code}/?a=b",
        "/add/{bare}x",
        "/add/%20{code}/",
        "?code={code}&x=1",
        '{{"code": "{code}"}}',
    ],
)
def test_the_filter_hides_a_code_however_it_is_written(text: str) -> None:
    """In a path, a query, quotes, JSON or brackets."""
    from portal.redaction import without_codes

    code = codes.grouped(wrong_codes(1)[0])
    bare = code.replace("-", "")
    line = text.format(code=code, bare=bare, lower=code.lower(), spaced=code.replace("-", " "))
    hidden = without_codes(line)
    for form in (code, bare, code.lower(), code.replace("-", " ")):
        assert form not in hidden
    assert "[code]" in hidden


def test_the_filter_leaves_ordinary_words_alone() -> None:
    """A log that hides everything helps nobody."""
    from portal.redaction import without_codes

    for line in ("installation of everything", "/add/check/", "/add/invitation/0000/", "order 123456789012"):
        hidden = without_codes(line)
        assert hidden == line or re.search(r"\d{12}", line), line


def test_support_sees_no_code_of_an_invitation(cast: Cast) -> None:
    """Of neither kind: no code, nonce or digest on a list or a page of the admin (product rule 7)."""
    share = invite_to(cast.site, cast.installer, cast.customer)
    member = invite_member(cast.firm, cast.installer)
    support = signed_in(cast.support)
    for model, found in (("sharing_invitation", share), ("organisations_memberinvitation", member)):
        for url in (
            reverse(f"admin:{model}_changelist"),
            reverse(f"admin:{model}_change", args=[found.pk]),
        ):
            page = support.get(url)
            shown = page.content.decode()
            assert page.status_code == 200 and found.email in shown
            for secret in (found.code, codes.grouped(found.code), found.nonce, found.code_digest):
                assert secret not in shown, url
        guess = {"nonce__startswith": found.nonce[:1]}
        assert support.get(reverse(f"admin:{model}_changelist"), guess).status_code == 400


def test_a_log_record_with_bad_arguments_does_not_fail(log: Kept) -> None:
    """A filter that raises would lose the record of a fault."""
    logging.getLogger("portal").info("plain %s", "x")
    assert any("plain x" in line for line in log.lines)


def test_the_key_is_shown_to_administrators_alone(cast: Cast) -> None:
    """Not in the HTML a Member gets, nor a stranger's, nor in any attribute of it."""
    url = reverse("organisations:detail", args=[cast.firm.uuid])
    key = codes.grouped(cast.firm.key)
    administrator = signed_in(cast.installer).get(url)
    member = signed_in(cast.colleague).get(url)
    assert key in administrator.content.decode()
    assert member.status_code == 200 and "Installer" in member.content.decode()
    for secret in (key, cast.firm.key, cast.firm.key_nonce, cast.firm.key_digest):
        assert secret not in member.content.decode()
    assert "Organisation Key" not in member.content.decode()
    assert signed_in(cast.stranger).get(url).status_code == 404
    for page in (administrator, member):
        assert cast.firm.key_nonce not in page.content.decode()
