"""The e-mails of invitations: what they say, in whose language, and when there is nothing left to say."""

import re
from html import unescape

import pytest
from django.utils.translation import override

from locations.levels import Level
from organisations.models import Membership
from portal import codes
from portal.models import OutgoingEmail, User
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from tests.cast import (
    MEMBER,
    Cast,
    accept,
    invite,
    invite_operators,
)
from tests.tools import Mailbox, html_of, in_days, send_all

Status = OutgoingEmail.Status


@pytest.mark.parametrize("what", ["renewed", "withdrawn", "accepted", "declined", "run out", "expired"])
def test_an_invitation_that_is_no_longer_open_is_not_sent(cast: Cast, mailoutbox: Mailbox, what: str) -> None:
    made = invite(cast.site, cast.installer, cast.contractor)
    row = OutgoingEmail.objects.get()
    if what == "renewed":
        invitations.renew(invitation=made, by=cast.installer)
    elif what == "withdrawn":
        invitations.withdraw(invitation=made, by=cast.installer)
    elif what == "accepted":
        accept(made, cast.contractor)
    elif what == "declined":
        invitations_accepting.decline(invitation=made, by=cast.contractor, nonce=made.nonce)
    else:
        Invitation.objects.update(invited_at=in_days(-8), expires_at=in_days(0))
        if what == "expired":
            withdrawing.settle_expired_invitations()
    send_all()
    row.refresh_from_db()
    assert row.status == Status.OBSOLETE
    to_contractor = [message for message in mailoutbox if message.to == ["contractor@test.example"]]
    assert len(to_contractor) == (1 if what == "renewed" else 0)


@pytest.mark.parametrize("how", ["demoted", "gone", "inactive"])
def test_who_is_no_administrator_any_more_gets_no_code(cast: Cast, mailoutbox: Mailbox, how: str) -> None:
    invite_operators(cast)
    membership = Membership.objects.filter(user=cast.operator2)
    if how == "demoted":
        membership.update(role=MEMBER)
    elif how == "gone":
        membership.delete()
    else:
        User.objects.filter(pk=cast.operator2.pk).update(is_active=False)
    send_all()
    assert [message.to for message in mailoutbox] == [["operator@test.example"]]
    states = dict(OutgoingEmail.objects.values_list("address", "status"))
    assert states["operator2@test.example"] == Status.OBSOLETE


def test_an_invitation_says_who_what_until_when_and_how(cast: Cast, mailoutbox: Mailbox) -> None:
    """Code and link, who shares what, what one can do with it, and how to add it by hand (product rule 4)."""
    made = invite(
        cast.site, cast.installer, cast.contractor, message="See you\nthere", access_ends_at=in_days(30)
    )
    send_all()
    (message,) = mailoutbox
    code = codes.grouped(made.code)
    assert message.subject == "Installer shares Havnevej 2 with you"
    for body in (message.body, unescape(html_of(message))):
        for words in (
            *("Installer (installer@test.example)", "Havnevej 2, 8000 Aarhus", "Manage", "Access until"),
            *("Answer before", code, f"http://localhost:8000/add/{code}/", "Add a location", "See you"),
        ):
            assert words in body, words


def words_of(html: str) -> list[str]:
    body = re.sub(r"(?s)<(style|head).*?</\1>", " ", html)
    return unescape(re.sub(r"<[^>]+>", " ", body)).split()


def test_text_and_html_say_the_same(cast: Cast, mailoutbox: Mailbox) -> None:
    """Drawn from the same words, so they cannot differ (0002): every kind of message there is."""
    made = invite(cast.site, cast.installer, cast.contractor, message="Hi there, 50 % <b>off</b>")
    send_all()
    invitations_accepting.ask_for_new(invitation=made, by=cast.stranger)
    access = accept(made, cast.contractor)
    removing.remove_access(access=access, by=cast.installer)
    declined = invite_operators(cast)
    invitations_accepting.decline(invitation=declined, by=cast.operator, nonce=declined.nonce)
    invitations.renew(invitation=made, by=cast.installer)
    Invitation.objects.filter(pk=made.pk).update(invited_at=in_days(-8), expires_at=in_days(0))
    withdrawing.settle_expired_invitations()
    send_all()
    kinds = set(OutgoingEmail.objects.filter(status=Status.SENT).values_list("kind", flat=True))
    assert kinds == {"invitation", "accepted", "declined", "expired", "asked-for", "access-removed"}
    for message in mailoutbox:
        text, html = message.body.split(), words_of(html_of(message))

        def essential(words: list[str]) -> set[str]:
            # The address of the portal stands in the text and behind its name in the HTML.
            return {word.strip(":,") for word in words} - {"--", ">", "", "http://localhost:8000"}

        assert essential(text) == essential(html), message.subject


HOSTILE = "Eve\r\nBcc: all@evil.example <script>alert(1)</script> \"&' {location} %s {{ 7 }}"


def test_hostile_names_stay_words(cast: Cast, mailoutbox: Mailbox) -> None:
    """Header breaks, HTML and braces in names and messages are shown, and do nothing (quality.md)."""
    User.objects.filter(pk=cast.installer.pk).update(name=HOSTILE[:120])
    type(cast.site).objects.filter(pk=cast.site.pk).update(name=HOSTILE[:120])
    sharer = User.objects.get(pk=cast.installer.pk)
    made = invite(cast.site, sharer, cast.contractor, message=HOSTILE)
    send_all()
    access = accept(made, cast.contractor)
    removing.remove_access(access=access, by=sharer)
    send_all()
    assert len(mailoutbox) == 3
    for message in mailoutbox:
        assert "\n" not in message.subject
        assert "\r" not in message.subject
        raw = message.message()
        assert raw["Bcc"] is None
        assert len(raw.get_all("To")) == len(raw.get_all("Subject")) == 1
        assert message.recipients() == message.to
        html = html_of(message)
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "{location} %s {{ 7 }}" in message.body


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"], ids=ascii)
def test_a_message_cannot_pass_for_the_mails_own_words(cast: Cast, mailoutbox: Mailbox, end: str) -> None:
    """Every line of what a person wrote is marked as theirs, in the text as in the HTML."""
    forged = end.join(["Hi", "", "Code: AAAA-AAAA-AAAA", "Open: https://evil.example/"])
    made = invite(cast.site, cast.installer, cast.contractor)
    Invitation.objects.filter(pk=made.pk).update(message=forged)
    send_all()
    (message,) = mailoutbox
    for line in message.body.splitlines():
        assert line.startswith("> ") or not re.search("AAAA|evil", line)
    assert "> Code: AAAA-AAAA-AAAA" in message.body and "> Hi" in message.body


@pytest.mark.parametrize(("language", "word"), [("da", "Kode"), ("en-gb", "Code")])
def test_an_e_mail_is_in_the_language_of_its_reader(
    cast: Cast, mailoutbox: Mailbox, language: str, word: str
) -> None:
    """Whoever sends it speaks, and whatever the worker speaks (docs/rules.md)."""
    User.objects.filter(pk=cast.contractor.pk).update(language=language)
    with override("da" if language == "en-gb" else "en-gb"):
        invite(cast.site, cast.installer, cast.contractor)
        send_all()
    (message,) = mailoutbox
    assert f"{word}: " in message.body
    assert f'<html lang="{language}"' in html_of(message)


@pytest.mark.parametrize("language", ["da", "en-gb"])
def test_without_an_account_the_language_is_the_senders(
    cast: Cast, mailoutbox: Mailbox, language: str
) -> None:
    with override(language):
        invitations.share_with_person(
            location=cast.site, by=cast.installer, email="new@test.example", level=Level.VIEW
        )
    send_all()
    assert ("Kode: " if language == "da" else "Code: ") in mailoutbox[0].body


def test_no_row_holds_what_it_says(cast: Cast) -> None:
    """A row carries ids, a language and a version, never a code or a token."""
    made = invite(cast.site, cast.installer, cast.contractor, message="between us")
    row = OutgoingEmail.objects.values().get()
    assert made.code not in str(row)
    assert codes.grouped(made.code) not in str(row)
    assert "between us" not in str(row)
