"""The e-mails of organisations: to whom, in which words, in text and HTML, with hostile names."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.core.mail import EmailMultiAlternatives

from organisations import acceptance, closing, emails, invitation_emails, inviting, joining, services
from organisations.appointing import appoint_administrator
from organisations.models import MemberInvitation, Membership, Organisation
from portal.mail import outbox
from portal.models import OutgoingEmail, User
from tests.cast import ADMINISTRATOR, MEMBER, Cast
from tests.organisations.tools import membership

pytestmark = pytest.mark.pages

EVIL = "<script>alert(1)</script> & {organisation} %s {{ 7|add:7 }}"


def key_replaced(cast: Cast) -> None:
    services.replace_key(organisation=cast.operators, by=cast.operator2)


def join_asked(cast: Cast) -> None:
    joining.ask_to_join(organisation=cast.operators, by=cast.contractor, sentence="I am <b>new</b> & keen")


def join_approved(cast: Cast) -> None:
    join_asked(cast)
    joining.approve(request=cast.operators.join_requests.get(), by=cast.operator2, role=MEMBER)


def join_refused(cast: Cast) -> None:
    join_asked(cast)
    joining.refuse(request=cast.operators.join_requests.get(), by=cast.operator2)


def role_changed(cast: Cast) -> None:
    services.add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator2)
    place = membership(cast.contractor, cast.operators)
    services.change_role(membership=place, by=cast.operator2, role=ADMINISTRATOR)


def membership_ended(cast: Cast) -> None:
    services.add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator2)
    services.end_membership(membership=membership(cast.contractor, cast.operators), by=cast.operator2)


def organisation_closed(cast: Cast) -> None:
    name = Organisation.objects.get(pk=cast.operators.pk).name
    closing.close_organisation(organisation=cast.operators, by=cast.operator2, name=name)


def member_invitation(cast: Cast) -> MemberInvitation:
    inviting.invite(
        organisation=cast.operators,
        by=cast.operator2,
        addresses=[cast.contractor.email],
        role=MEMBER,
    )
    found: MemberInvitation = cast.operators.member_invitations.with_all().get()
    return found


def member_accepted(cast: Cast) -> None:
    found = member_invitation(cast)
    acceptance.accept(invitation=found, by=cast.contractor, nonce=found.nonce)


def member_declined(cast: Cast) -> None:
    found = member_invitation(cast)
    acceptance.decline(invitation=found, by=cast.contractor, nonce=found.nonce)


def member_expired(cast: Cast) -> None:
    found = member_invitation(cast)
    week = timedelta(days=7)
    MemberInvitation.objects.update(invited_at=found.invited_at - week, expires_at=found.expires_at - week)
    assert inviting.settle_expired_invitations() == 1


def member_asked_for(cast: Cast) -> None:
    acceptance.ask_for_new(invitation=member_invitation(cast), by=cast.contractor)


def administrator_appointed(cast: Cast) -> None:
    ours = Membership.objects.filter(organisation=cast.operators)
    ours.filter(role=ADMINISTRATOR).update(role=MEMBER)
    appoint_administrator(
        organisation=cast.operators, user=cast.operator, by=cast.support, reason="By letter"
    )


# kind → what causes it, to whom, its subject, its sentence, whether it leads to the organisation
EMAILS = {
    "administrator-appointed": (
        administrator_appointed,
        "operator2",
        "Operator is Administrator of {o} now",
        "{o} had no Administrator who could sign in",
        True,
    ),
    "organisation-closed": (
        organisation_closed,
        "operator",
        "{o} has been deleted",
        "{b} has deleted it in the portal.",
        False,
    ),
    "key-replaced": (
        key_replaced,
        "operator",
        "{o} has a new Organisation Key",
        "{b} has replaced it.",
        True,
    ),
    "join-asked": (
        join_asked,
        "operator",
        "{p} asks to join {o}",
        "{p} (contractor@test.example) has the Organisation Key.",
        True,
    ),
    "join-approved": (join_approved, "contractor", "You are a member of {o}", "You see all of its", True),
    "join-refused": (
        join_refused,
        "contractor",
        "{o} did not accept your request",
        "If you think that is a mistake",
        False,
    ),
    "role-changed": (
        role_changed,
        "contractor",
        "Your role in {o} has changed",
        "{b} has made you Administrator.",
        True,
    ),
    "membership-ended": (
        membership_ended,
        "contractor",
        "You are no longer a member of {o}",
        "{b} has ended your membership.",
        False,
    ),
    "member-invitation": (
        member_invitation,
        "contractor",
        "{b} invites you to {o}",
        "{b} invites you to become a member of {o}. When you have accepted, you see all of its locations",
        False,
    ),
    "member-accepted": (
        member_accepted,
        "operator2",
        "{p} is a member of {o} now",
        "contractor@test.example has accepted your invitation.",
        True,
    ),
    "member-declined": (
        member_declined,
        "operator2",
        "contractor@test.example does not want to join {o}",
        "Nothing has changed. You can invite them again at any time.",
        True,
    ),
    "member-expired": (
        member_expired,
        "operator2",
        "Your invitation of contractor@test.example to {o} has expired",
        "Nobody answered in time.",
        True,
    ),
    "member-asked-for": (
        member_asked_for,
        "operator2",
        "{p} asks for a new invitation to {o}",
        "Now {p}, signed in as contractor@test.example, asks to be let in.",
        True,
    ),
}


REASONS = {
    "join-refused": "You get this because you asked to join Nordlys.",
    "member-invitation": "You get this because Operator2 entered your address.",
}


def made(cast: Cast, kind: str) -> EmailMultiAlternatives:
    cause, reader, *_ = EMAILS[kind]
    cause(cast)
    row = OutgoingEmail.objects.get(kind=kind, address=f"{reader}@test.example")
    message = outbox.render(row)
    assert message is not None
    return message


def plain(html: str) -> str:
    body = html.partition("<body")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative.mimetype == "text/html"
    return str(alternative.content)


def test_every_kind_stands_in_the_table() -> None:
    """A new e-mail without a row here fails."""
    modules = {emails.__name__, invitation_emails.__name__}
    ours = {kind for kind, builder in outbox._builders.items() if builder.__module__ in modules}
    assert ours == set(EMAILS)


@pytest.mark.parametrize("kind", EMAILS)
def test_it_says_the_same_in_text_and_html(cast: Cast, kind: str) -> None:
    _, reader, subject, sentence, leads = EMAILS[kind]
    message = made(cast, kind)
    words = {"o": "Nordlys", "p": "Contractor", "b": "Operator2"}
    assert message.subject == subject.format(**words)
    assert message.to == [f"{reader}@test.example"]
    html = html_of(message)
    for text in (message.body, plain(html)):
        assert message.subject in text
        assert sentence.format(**words) in text
        assert REASONS.get(kind, "You get this because of your place in Nordlys.") in text
    url = f"http://localhost:8000/organisations/{cast.operators.uuid}/"
    assert (url in message.body) == (f'href="{url}"' in html) == leads
    assert ("Contractor writes" in message.body) == (kind == "join-asked")
    assert cast.operators.key not in message.body + html


@pytest.mark.parametrize("kind", EMAILS)
def test_hostile_names_are_text(cast: Cast, kind: str) -> None:
    """Names may come from elsewhere: no mark-up, no template, no placeholder is ever carried out."""
    User.objects.filter(pk__in=[cast.contractor.pk, cast.operator2.pk]).update(name=EVIL)
    Organisation.objects.filter(pk=cast.operators.pk).update(name=EVIL)
    cast.contractor.refresh_from_db()
    cast.operator2.refresh_from_db()
    cast.operators.refresh_from_db()
    message = made(cast, kind)
    html = html_of(message)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; {organisation} %s {{ 7|add:7 }}" in html
    assert "<b>new" not in html
    assert EVIL in message.subject
    assert EVIL in message.body


def test_a_name_cannot_add_a_header(cast: Cast) -> None:
    """A subject is one line, whatever a name holds."""
    Organisation.objects.filter(pk=cast.operators.pk).update(name="N\r\nBcc: all@x.example")
    cast.operators.refresh_from_db()
    message = made(cast, "key-replaced")
    assert message.subject == "N Bcc: all@x.example has a new Organisation Key"
    assert "\nBcc" not in str(message.message()).partition("\n\n")[0]


@pytest.mark.parametrize("kind", EMAILS)
def test_it_is_written_in_its_readers_language(cast: Cast, kind: str) -> None:
    """Whoever caused it reads another one (each in their language)."""
    reader = EMAILS[kind][1]
    User.objects.filter(email=f"{reader}@test.example").update(language="da")
    for person in (cast.operator, cast.operator2, cast.contractor):
        person.refresh_from_db()
    message = made(cast, kind)
    row = OutgoingEmail.objects.get(kind=kind, address=f"{reader}@test.example")
    assert row.language == "da"
    assert '<html lang="da"' in html_of(message)
    assert "Partnerportal" in message.body


@pytest.mark.parametrize("kind", ["key-replaced", "join-asked", "join-approved", "join-refused"])
def test_nothing_is_said_of_what_is_gone(cast: Cast, kind: str) -> None:
    """A row whose request or organisation no longer exists is obsolete, not an error."""
    made(cast, kind)
    rows = OutgoingEmail.objects.filter(kind=kind)
    rows.update(about="00000000-0000-0000-0000-000000000000")
    assert [outbox.render(row) for row in rows] == [None] * len(rows)


def test_rows_hold_no_more_than_they_need(cast: Cast) -> None:
    """Ids and a role: no name, no key, no address of anybody but the reader."""
    for cause in (key_replaced, role_changed):
        cause(cast)
    details = {row.kind: row.details for row in OutgoingEmail.objects.all()}
    assert details == {
        "key-replaced": {"by": cast.operator2.pk},
        "role-changed": {"by": cast.operator2.pk, "role": "administrator"},
    }
