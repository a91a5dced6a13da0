"""What mail servers say, sorted into why an e-mail did not arrive."""

import pytest

from portal.failures import Failure, failure_of


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("smtp;550 5.1.1 User unknown", Failure.ADDRESS),
        ("550-5.1.10 RESOLVER.ADR.RecipientNotFound", Failure.ADDRESS),
        ("556 5.1.10 Domain has no mail server (null MX)", Failure.ADDRESS),
        ("550 5.2.1 This mailbox is disabled", Failure.ADDRESS),
        ("SMTPRecipientsRefused: {'a@b.example': (550, b'No such user here')}", Failure.ADDRESS),
        ("Permanent: NoEmail", Failure.ADDRESS),
        ("552 5.2.2 The email account is over quota", Failure.FULL),
        ("Transient: MailboxFull", Failure.FULL),
        ("550 5.7.1 Message rejected", Failure.REFUSED),
        ("554 Rejected as spam", Failure.REFUSED),
        ("550 5.1.8 Sender address has null MX", Failure.OTHER),
        ("421 4.4.1 Connection timed out from 10.5.1.1.7", Failure.OTHER),
        ("", Failure.OTHER),
    ],
)
def test_what_mail_servers_say(said: str, failure: Failure) -> None:
    assert failure_of(said) == failure
