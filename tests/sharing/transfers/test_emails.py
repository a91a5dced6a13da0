"""The e-mails of handing a location over: to whom, what they say, in both languages."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from portal import codes
from portal.mail import outbox
from portal.models import OutgoingEmail, User
from sharing.access import removing
from sharing.models import Transfer
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import emails as transfers_emails
from sharing.transfers import services as transfers
from tests.cast import Cast, make_owner

pytestmark = pytest.mark.pages

Cause = Callable[[Cast], Any]


def started(cast: Cast, **more: Any) -> Transfer:
    made = transfers.start(location=cast.site, by=cast.installer, email=cast.contractor.email, **more)
    return Transfer.objects.with_all().get(pk=made.pk)


def of_the_customers(cast: Cast) -> Transfer:
    make_owner(cast.site, cast.customer, cast.installer)
    return started(cast, message="Tak for nu.")


def accepted(cast: Cast) -> None:
    found = of_the_customers(cast)
    transfers_accepting.accept(transfer=found, by=cast.contractor, nonce=found.nonce)


def declined(cast: Cast) -> None:
    found = started(cast)
    transfers_accepting.decline(invitation=found, by=cast.contractor, nonce=found.nonce)


def expired(cast: Cast) -> None:
    end = timezone.now() - timedelta(days=1)
    Transfer.objects.filter(pk=started(cast).pk).update(invited_at=end - timedelta(days=7), expires_at=end)
    transfers.settle_expired()


def asked_for(cast: Cast) -> None:
    transfers_accepting.ask_for_new(invitation=started(cast), by=cast.operator)


# what causes it, its kind, to whom, its subject and a sentence in English, its subject in Danish
EMAILS: list[tuple[Cause, str, str, str, str, str]] = [
    (
        of_the_customers,
        "transfer",
        "contractor",
        "Installer hands Havnevej 2 over to you",
        "Installer invites you to become the Owner of the location Havnevej 2, with everything in it.",
        "Installer overdrager Havnevej 2 til dig",
    ),
    (
        of_the_customers,
        "transfer-started",
        "customer",
        "Installer wants to hand Havnevej 2 over",
        "Installer has invited contractor@test.example to become its Owner. If they accept, you are no",
        "Installer vil overdrage Havnevej 2",
    ),
    (
        accepted,
        "transferred",
        "contractor",
        "You are the Owner of Havnevej 2 now",
        "You decide who has access.",
        "Du er nu ejer af Havnevej 2",
    ),
    (
        accepted,
        "transferred",
        "customer",
        "Contractor is the Owner of Havnevej 2 now",
        "You are no longer its Owner, and what you had personally has ended.",
        "Contractor er nu ejer af Havnevej 2",
    ),
    (
        accepted,
        "transferred",
        "installer",
        "Contractor is the Owner of Havnevej 2 now",
        "Those who installed the location keep access until the Owner ends it.",
        "Contractor er nu ejer af Havnevej 2",
    ),
    (
        declined,
        "transfer-declined",
        "installer",
        "contractor@test.example does not want to become Owner of Havnevej 2",
        "Nothing has changed.",
        "contractor@test.example siger nej tak til at blive ejer af Havnevej 2",
    ),
    (
        expired,
        "transfer-expired",
        "installer",
        "Your invitation to contractor@test.example to become Owner of Havnevej 2 has expired",
        "Nobody answered in time.",
        "Din invitation til contractor@test.example om at blive ejer af Havnevej 2 er udløbet",
    ),
    (
        asked_for,
        "transfer-asked-for",
        "installer",
        "Operator asks for a new invitation to become Owner of Havnevej 2",
        "Now Operator, signed in as operator@test.example, asks to become Owner.",
        "Operator beder om en ny invitation til at blive ejer af Havnevej 2",
    ),
]


def rendered(kind: str, reader: str) -> Any:
    return outbox.render(OutgoingEmail.objects.get(kind=kind, address=f"{reader}@test.example"))


def test_every_kind_stands_in_the_table() -> None:
    ours = {k for k, builder in outbox._builders.items() if builder.__module__ == transfers_emails.__name__}
    assert ours == {kind for _, kind, *_ in EMAILS}


@pytest.mark.parametrize("email", EMAILS, ids=lambda email: f"{email[1]} to {email[2]}")
def test_it_says_the_same_in_text_and_html_and_both_languages(cast: Cast, email: Any) -> None:
    cause, kind, reader, subject, sentence, danish = email
    cause(cast)
    message = rendered(kind, reader)
    assert message.subject == subject
    html = " ".join(unescape(re.sub(r"<[^>]+>", " ", message.alternatives[0].content)).split())
    for text in (message.body, html):
        assert sentence in text
    url = f"http://localhost:8000/locations/{cast.site.uuid}/permissions/"
    found = Transfer.objects.get()
    code = codes.grouped(found.code)
    # The code is in the invitation alone; whoever can no longer see the location gets no way to it.
    assert (code in message.body) == (kind == "transfer")
    assert (url in message.body) == (kind != "transfer" and (kind, reader) != ("transferred", "customer"))
    assert ("Tak for nu." in message.body) == (kind == "transfer")
    OutgoingEmail.objects.filter(kind=kind).update(language="da")
    assert rendered(kind, reader).subject == danish


def test_hostile_names_are_text(cast: Cast) -> None:
    evil = "<script>alert(1)</script> {location} %s"
    User.objects.filter(pk=cast.installer.pk).update(name=evil)
    cast.installer.refresh_from_db()
    of_the_customers(cast)
    for kind, reader in (("transfer", "contractor"), ("transfer-started", "customer")):
        message = rendered(kind, reader)
        assert evil in message.subject
        assert "<script" not in message.alternatives[0].content


def nobody_is_to_do_anything(cast: Cast) -> None:
    """The installing party is put out before the e-mail about the answer is sent."""
    declined(cast)
    make_owner(cast.site, cast.customer, cast.installer)
    installed = cast.site.accesses.get(reason="installed")
    removing.remove_access(access=installed, by=cast.customer)


OBSOLETE: dict[str, tuple[Cause, str, str]] = {
    "withdrawn": (
        lambda cast: transfers.withdraw(transfer=of_the_customers(cast), by=cast.customer),
        "transfer",
        "contractor",
    ),
    "withdrawn, to the Owner": (
        lambda cast: transfers.withdraw(transfer=of_the_customers(cast), by=cast.customer),
        "transfer-started",
        "customer",
    ),
    "expired, and sent again": (
        lambda cast: (expired(cast), transfers.renew(transfer=Transfer.objects.get(), by=cast.colleague)),
        "transfer-expired",
        "installer",
    ),
    "whoever invited is out": (nobody_is_to_do_anything, "transfer-declined", "installer"),
}


@pytest.mark.parametrize("name", OBSOLETE)
def test_nothing_is_said_of_what_is_no_more(cast: Cast, name: str) -> None:
    cause, kind, reader = OBSOLETE[name]
    cause(cast)
    assert rendered(kind, reader) is None


@pytest.mark.parametrize(("cause", "kind"), [(accepted, "transferred"), (declined, "transfer-declined")])
def test_nothing_is_said_of_what_is_gone(cast: Cast, cause: Cause, kind: str) -> None:
    cause(cast)
    rows = OutgoingEmail.objects.filter(kind=kind)
    rows.update(about="00000000-0000-0000-0000-000000000000")
    assert {outbox.render(row) for row in rows} == {None}
