"""Asking to join with the Organisation Key, and answering (product rule 1)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from organisations import inviting, joining, services
from organisations.models import JoinRequest, MemberInvitation, Membership, Organisation
from portal import codes, limits
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_location
from tests.organisations.tools import (
    everything,
    forget_throttles,
    last_entry,
    mails_to,
    membership,
    roles,
    seen,
    sound,
    verbs,
)
from tests.tools import mails, refused

ASKED_TODAY = "You have asked today"
ANSWERED = "Somebody has answered this request meanwhile"


def ask(cast: Cast, user: User | None = None, sentence: str = "I am new") -> JoinRequest:
    """By way of the key, as the page does."""
    user = user or cast.contractor
    found = services.find_by_key(key=cast.operators.key, by=user, network="n")
    return joining.ask_to_join(organisation=found, by=user, sentence=sentence)


def days_pass(days: float) -> None:
    """As if every try had been that much earlier."""
    for throttle in Throttle.objects.all():
        Throttle.objects.filter(pk=throttle.pk).update(ends_at=throttle.ends_at - timedelta(days=days))


def deliver() -> None:
    while outbox.deliver_due():
        pass


# --- Asking -----------------------------------------------------------------------------------


def test_the_key_alone_lets_nobody_in(cast: Cast) -> None:
    """Product rule 1: an Administrator approves or refuses."""
    make_location(cast.operator, cast.operators, "Theirs")
    with sound():
        made = ask(cast, sentence="  I am\nnew ")
    made.refresh_from_db()
    assert (made.organisation, made.user, made.state) == (cast.operators, cast.contractor, "pending")
    assert (made.sentence, made.settled_at, made.settled_by) == ("I am\nnew", None, None)
    assert roles(cast.operators) == {"operator": "administrator", "operator2": "administrator"}
    assert seen(cast.contractor) == set()
    entry = last_entry(cast.operators)
    assert (entry.verb, entry.actor_id, entry.party_name) == (
        Verb.JOIN_ASKED,
        cast.contractor.pk,
        "Contractor",
    )


def test_every_administrator_is_asked_in_their_language(cast: Cast) -> None:
    User.objects.filter(pk=cast.operator2.pk).update(language="da")
    services.add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    services.add_member(
        organisation=cast.operators, user=cast.colleague, role=ADMINISTRATOR, by=cast.operator
    )
    User.objects.filter(pk=cast.colleague.pk).update(is_active=False)
    ask(cast)
    assert mails_to("join-asked") == {
        ("operator@test.example", "en-gb"),
        ("operator2@test.example", "da"),
    }


def test_asking_twice_does_nothing_new(cast: Cast) -> None:
    """Asking twice does nothing new; not even the sentence changes."""
    first = ask(cast)
    before = everything()
    for _ in range(3):
        assert ask(cast, sentence="Really") == first
    days_pass(2)
    assert ask(cast, sentence="Please") == first
    assert everything() == before


def test_members_have_nothing_to_ask(cast: Cast) -> None:
    services.add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    for user in (cast.operator, cast.customer):
        with refused("You are a member of this organisation already"):
            ask(cast, user)
    assert not Throttle.objects.exists()


@pytest.mark.parametrize("key", ["", "   ", "\n"])
def test_no_key_is_no_key(cast: Cast, key: str) -> None:
    with refused("Enter the Organisation Key", field="key"):
        services.find_by_key(key=key, by=cast.contractor, network="n")
    assert not Throttle.objects.exists()


def test_a_typing_error_costs_no_try(cast: Cast) -> None:
    """Every single wrong symbol shows (docs/decisions/0003-codes.md)."""
    key = cast.operators.key
    for place in range(16):
        other = codes.ALPHABET[(codes.ALPHABET.index(key[place]) + 1) % 32]
        with refused("typing error in this key", field="key"):
            services.find_by_key(key=key[:place] + other + key[place + 1 :], by=cast.contractor, network="n")
    for text in (key[:-1], key + "0", "x" * 5000, "æøå", cast.operators.name, key.replace(key[0], "U", 1)):
        with refused("typing error in this key", field="key"):
            services.find_by_key(key=text, by=cast.contractor, network="n")
    assert not Throttle.objects.exists()


def unknown_key(number: int) -> str:
    return codes.derive(purpose="organisation-key", subject="nobody", nonce=str(number), length=16)


def test_ten_unknown_keys_in_an_hour_are_enough(cast: Cast) -> None:
    """Throttled per account and address; then even the right one must wait, and others need not."""
    for number in range(10):
        with refused("No organisation has this key", field="key"):
            services.find_by_key(key=unknown_key(number), by=cast.contractor, network="n")
    for key in (unknown_key(11), cast.operators.key):
        with refused("too many wrong keys", field="key"):
            services.find_by_key(key=key, by=cast.contractor, network="n")
    assert services.find_by_key(key=cast.operators.key, by=cast.customer, network="n") == cast.operators
    days_pass(1 / 24)
    assert services.find_by_key(key=cast.operators.key, by=cast.contractor, network="n") == cast.operators


def test_a_refusal_of_the_page_does_not_uncount_a_wrong_key(cast: Cast) -> None:
    """limits: a rollback must not un-count a try."""
    with pytest.raises(Refusal):
        services.find_by_key(key=unknown_key(1), by=cast.contractor, network="n")
    kept = dict(Throttle.objects.values_list("key", "tries"))
    assert kept == {f"wrong-key/account/{cast.contractor.pk}": 1, "wrong-key/address/n": 1}


# --- Answering --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [MEMBER, ADMINISTRATOR])
def test_approved_with_a_role_the_person_is_in(cast: Cast, role: Membership.Role) -> None:
    theirs = make_location(cast.operator, cast.operators, "Theirs")
    User.objects.filter(pk=cast.contractor.pk).update(language="da")
    made = ask(cast, User.objects.get(pk=cast.contractor.pk))
    with sound():
        joined = joining.approve(request=made, by=cast.operator2, role=role)
    assert (joined.role, joined.added_by) == (role, cast.operator2)
    assert roles(cast.operators)["contractor"] == role
    assert seen(cast.contractor) == {theirs}
    made.refresh_from_db()
    assert (made.state, made.settled_by) == ("approved", cast.operator2)
    assert made.settled_at is not None
    assert mails_to("join-approved") == {("contractor@test.example", "da")}
    assert verbs(cast.operators)[-2:] == [Verb.JOIN_ASKED, Verb.MEMBER_JOINED]
    assert last_entry(cast.operators).details["role"] == role


def test_refused_the_person_is_told_and_not_in(cast: Cast) -> None:
    theirs = make_location(cast.operator, cast.operators, "Theirs")
    User.objects.filter(pk=cast.contractor.pk).update(language="da")
    made = ask(cast, User.objects.get(pk=cast.contractor.pk))
    with sound():
        joining.refuse(request=made, by=cast.operator2)
    made.refresh_from_db()
    assert (made.state, made.settled_by) == ("refused", cast.operator2)
    assert "contractor" not in roles(cast.operators)
    assert theirs not in seen(cast.contractor)
    assert mails_to("join-refused") == {("contractor@test.example", "da")}
    entry = last_entry(cast.operators)
    assert (entry.verb, entry.actor_id, entry.party_name) == (
        Verb.JOIN_REFUSED,
        cast.operator2.pk,
        "Contractor",
    )


ANSWERS = {
    "approve": lambda request, by: joining.approve(request=request, by=by, role=MEMBER),
    "refuse": lambda request, by: joining.refuse(request=request, by=by),
}


@pytest.mark.parametrize("second", ANSWERS)
@pytest.mark.parametrize("first", ANSWERS)
def test_answered_meanwhile_by_another_administrator(cast: Cast, first: str, second: str) -> None:
    """The first answer holds, nobody is told twice, and the second Administrator reads why."""
    made = ask(cast)
    looked_at = JoinRequest.objects.get(pk=made.pk)
    ANSWERS[first](made, cast.operator)
    before = everything()
    with sound(), refused(ANSWERED):
        ANSWERS[second](looked_at, cast.operator2)
    assert everything() == before


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("who", ["contractor", "stranger", "customer", "support", "installer"])
def test_nobody_but_an_administrator_answers(cast: Cast, who: str, answer: str) -> None:
    """The asker least of all; a plain member neither."""
    services.add_member(organisation=cast.operators, user=cast.customer, role=MEMBER, by=cast.operator)
    made = ask(cast)
    before = everything()
    with refused("Only an Administrator"):
        ANSWERS[answer](made, getattr(cast, who))
    assert everything() == before


def test_who_becomes_a_member_by_another_way_asks_no_longer(cast: Cast) -> None:
    """The request counts as approved by whoever let them in; answering it again changes nothing."""
    made = ask(cast)
    services.add_member(
        organisation=cast.operators, user=cast.contractor, role=ADMINISTRATOR, by=cast.operator2
    )
    made.refresh_from_db()
    assert (made.state, made.settled_by) == ("approved", cast.operator2)
    with sound(), refused("Somebody has answered this request meanwhile."):
        joining.approve(request=made, by=cast.operator, role=MEMBER)
    assert roles(cast.operators)["contractor"] == "administrator"


# --- Asking again -----------------------------------------------------------------------------


def test_who_was_refused_asks_again_after_a_day_in_the_same_row(cast: Cast) -> None:
    """One row per person, renewed; once a day (limits.ASKING_TO_JOIN)."""
    first = ask(cast)
    joining.refuse(request=first, by=cast.operator)
    before = everything()
    with refused(ASKED_TODAY):
        ask(cast)
    with refused(ASKED_TODAY):
        ask(cast)
    assert everything() == before
    days_pass(1)
    again = ask(cast, sentence="Again")
    assert again == first
    again.refresh_from_db()
    assert (again.state, again.sentence, again.settled_at, again.settled_by) == (
        "pending",
        "Again",
        None,
        None,
    )
    assert again.asked_at > timezone.now() - timedelta(minutes=1)
    assert JoinRequest.objects.count() == 1
    joining.refuse(request=again, by=cast.operator)
    with refused(ASKED_TODAY):
        ask(cast)


def test_one_persons_asking_slows_nobody_else_and_no_other_organisation(cast: Cast) -> None:
    joining.refuse(request=ask(cast), by=cast.operator)
    assert ask(cast, cast.customer).state == "pending"
    elsewhere = joining.ask_to_join(organisation=cast.elsewhere, by=cast.contractor, sentence="")
    assert elsewhere.state == "pending"


def test_who_has_left_can_ask_again(cast: Cast) -> None:
    joined = joining.approve(request=ask(cast), by=cast.operator, role=MEMBER)
    services.end_membership(membership=joined, by=cast.contractor)
    forget_throttles()
    with sound():
        joining.approve(request=ask(cast), by=cast.operator, role=ADMINISTRATOR)
    assert roles(cast.operators)["contractor"] == "administrator"


def test_a_refused_person_can_be_added_later(cast: Cast) -> None:
    """A refused person can be invited later."""
    joining.refuse(request=ask(cast), by=cast.operator)
    with sound():
        services.add_member(organisation=cast.operators, user=cast.contractor, role=MEMBER, by=cast.operator)
    with refused("You are a member of this organisation already"):
        ask(cast)


def test_asking_takes_one_transaction_under_the_organisations_lock(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails while writing leaves no request, no mail, and no try that was counted."""

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    before = everything()
    monkeypatch.setattr(joining.emails, "queue_join_asked", fail)
    with pytest.raises(ZeroDivisionError):
        ask(cast)
    assert everything() == before
    assert limits.count(limits.ASKING_TO_JOIN, f"{cast.operators.pk}/{cast.contractor.pk}")


# --- What is told, and no longer told -----------------------------------------------------------


def sent(outbox: list[Any], kind: str) -> list[str]:
    """To whom messages of this kind went, and nobody else's."""
    return sorted(
        row.address for row in OutgoingEmail.objects.filter(kind=kind, status=OutgoingEmail.Status.SENT)
    )


def obsolete() -> list[tuple[str, str]]:
    rows = OutgoingEmail.objects.filter(status=OutgoingEmail.Status.OBSOLETE)
    return sorted(rows.values_list("kind", "address"))


def test_who_asks_is_named_to_the_administrators(cast: Cast, mailoutbox: list[Any]) -> None:
    """The bait: neither the asker, nor members, nor other organisations get it."""
    ask(cast, sentence="I drive for you")
    deliver()
    assert sorted(m.to[0] for m in mailoutbox) == ["operator2@test.example", "operator@test.example"]
    for message in mailoutbox:
        assert message.subject == "Contractor asks to join Nordlys"
        assert "contractor@test.example" in message.body
        assert "I drive for you" in message.body
        assert f"/organisations/{cast.operators.uuid}/" in message.body


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_request_that_is_answered_is_not_told_any_more(
    cast: Cast, answer: str, mailoutbox: list[Any]
) -> None:
    made = ask(cast)
    ANSWERS[answer](made, cast.operator)
    deliver()
    assert [m.to for m in mailoutbox] == [["contractor@test.example"]]
    assert obsolete() == [
        ("join-asked", "operator2@test.example"),
        ("join-asked", "operator@test.example"),
    ]


@pytest.mark.parametrize("how", ["demoted", "removed", "switched off"])
def test_who_stopped_being_administrator_does_not_read_who_asks(
    cast: Cast, how: str, mailoutbox: list[Any]
) -> None:
    """They can answer nothing any more, and the asker's address is not for them."""
    ask(cast)
    services.replace_key(organisation=cast.operators, by=cast.operator)
    place = membership(cast.operator2, cast.operators)
    if how == "demoted":
        services.change_role(membership=place, by=cast.operator, role=MEMBER)
    elif how == "removed":
        services.end_membership(membership=place, by=cast.operator)
    else:
        User.objects.filter(pk=cast.operator2.pk).update(is_active=False)
    deliver()
    gone = [m for m in mailoutbox if m.to == ["operator2@test.example"]]
    assert all("Contractor" not in m.body and "new Organisation Key" not in m.subject for m in gone)
    assert obsolete() == [
        ("join-asked", "operator2@test.example"),
        ("key-replaced", "operator2@test.example"),
    ]
    assert sent(mailoutbox, "join-asked") == sent(mailoutbox, "key-replaced") == ["operator@test.example"]


def test_welcome_is_not_sent_to_who_is_out_again(cast: Cast, mailoutbox: list[Any]) -> None:
    joined = joining.approve(request=ask(cast), by=cast.operator, role=MEMBER)
    services.end_membership(membership=joined, by=cast.operator)
    deliver()
    assert [m.subject for m in mailoutbox] == ["You are no longer a member of Nordlys"]
    assert ("join-approved", "contractor@test.example") in obsolete()


def test_no_is_not_sent_to_who_was_let_in_meanwhile(cast: Cast, mailoutbox: list[Any]) -> None:
    joining.refuse(request=ask(cast), by=cast.operator)
    forget_throttles()
    joining.approve(request=ask(cast), by=cast.operator2, role=MEMBER)
    deliver()
    assert [m.subject for m in mailoutbox] == ["You are a member of Nordlys"]


def test_farewell_is_not_sent_to_who_is_back(cast: Cast, mailoutbox: list[Any]) -> None:
    services.end_membership(membership=membership(cast.colleague, cast.firm), by=cast.installer)
    services.add_member(organisation=cast.firm, user=cast.colleague, role=MEMBER, by=cast.installer)
    deliver()
    assert mailoutbox == []
    assert obsolete() == [("membership-ended", "colleague@test.example")]


def test_nobody_is_told_a_role_they_no_longer_have(cast: Cast, mailoutbox: list[Any]) -> None:
    """Each mail says what that person did, or nothing: not the later one's role under the earlier's name."""
    place = membership(cast.colleague, cast.firm)
    services.change_role(membership=place, by=cast.installer, role=ADMINISTRATOR)
    services.add_member(organisation=cast.firm, user=cast.operator, role=ADMINISTRATOR, by=cast.installer)
    services.change_role(membership=place, by=cast.operator, role=MEMBER)
    deliver()
    (message,) = mailoutbox
    assert "Operator has made you Member." in message.body
    assert "Installer" not in message.body
    assert mails("role-changed") == [("role-changed", "colleague@test.example")] * 2


def test_the_record_says_who_let_whom_in(cast: Cast) -> None:
    joining.approve(request=ask(cast), by=cast.operator2, role=MEMBER)
    rows = Activity.objects.filter(organisation_id=cast.operators.pk, party_name="Contractor").order_by("pk")
    assert [(row.verb, row.actor_name) for row in rows] == [
        (Verb.JOIN_ASKED, "Contractor"),
        (Verb.MEMBER_JOINED, "Operator2"),
    ]
    assert Organisation.objects.get(pk=cast.operators.pk).memberships.count() == 3


def test_who_is_let_in_has_no_invitation_left(cast: Cast) -> None:
    """The portal withdraws it. Of others, and of other organisations, nothing is touched."""
    for organisation, by in ((cast.operators, cast.operator), (cast.elsewhere, cast.stranger)):
        addresses = ["contractor@test.example", "other@test.example"]
        inviting.invite(organisation=organisation, by=by, addresses=addresses, role=MEMBER)
    joining.approve(request=ask(cast), by=cast.operator2, role=MEMBER)
    states = MemberInvitation.objects.order_by("pk").values_list("organisation__name", "email", "state")
    assert set(states) == {
        ("Nordlys", "contractor@test.example", "withdrawn"),
        ("Nordlys", "other@test.example", "pending"),
        ("Vestkysten", "contractor@test.example", "pending"),
        ("Vestkysten", "other@test.example", "pending"),
    }
    entry = Activity.objects.get(verb=Verb.MEMBER_INVITATION_WITHDRAWN)
    assert (entry.actor_name, entry.party_address) == ("", "contractor@test.example")
