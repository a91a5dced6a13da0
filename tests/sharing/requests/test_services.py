"""Asking to be let in (product rule 4): with another account, or by a location's number; and answering."""

from typing import Any

import pytest
from django.utils.translation import override

from locations.levels import Level
from locations.models import Access
from locations.services import archive_location
from organisations.models import MemberInvitation
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail, Throttle, User
from sharing.access import removing
from sharing.deletion import account as deletion_account
from sharing.inbox import listing
from sharing.invitations import services as invitations
from sharing.models import AccessRequest, Invitation
from sharing.permissions import Viewer
from sharing.requests import services as requests
from tests.cast import MEMBER, Cast, invite, make_location, make_owner, make_person, share
from tests.pages import invite_member
from tests.sharing.replay import as_it_is, replay
from tests.tools import in_days, live, mails, refused

VIEW, CONFIGURE, MANAGE = Level
FIRM = ("Strøm & Søn", "installed", MANAGE)


def ask_approval(cast: Cast, invitation: Any = None, by: User | None = None) -> AccessRequest:
    """The customer asks to use what was sent to the contractor."""
    invitation = invitation or invite(cast.site, cast.installer, cast.contractor, CONFIGURE)
    return requests.ask_for_approval(invitation=invitation, by=by or cast.customer)


def ask_access(cast: Cast, by: User | None = None, number: int = 0) -> AccessRequest:
    """The stranger asks for the site by its number, and a worker has looked."""
    who = by or cast.stranger
    requests.ask_for_access(number=number or cast.site.number, by=who, sentence="I serve it", network="n")
    requests.look_up_due()
    found: AccessRequest = AccessRequest.objects.with_all().get(user=who, number=number or cast.site.number)
    return found


def verbs() -> list[str]:
    found = Activity.objects.order_by("pk").values_list("verb", flat=True)
    return [verb for verb in found if verb.startswith(("approval", "request"))]


def days_ago(request: AccessRequest, days: float) -> AccessRequest:
    AccessRequest.objects.filter(pk=request.pk).update(asked_at=in_days(-days))
    if request.settled_at:
        AccessRequest.objects.filter(pk=request.pk).update(settled_at=in_days(-days))
    found: AccessRequest = AccessRequest.objects.with_all().get(pk=request.pk)
    return found


# --- Another account ----------------------------------------------------------------------------


def test_approved_for_that_account_and_no_other(cast: Cast) -> None:
    """Exactly as if it had been sent to them; the code is used up; those concerned are told."""
    request = ask_approval(cast)
    assert mails("approval-asked") == [("approval-asked", "installer@test.example")]
    requests.approve(request=request, by=cast.installer)
    assert live(cast.site) == {FIRM, ("Customer", "email", CONFIGURE)}
    invitation = request.invitation
    assert invitation
    invitation.refresh_from_db()
    assert (invitation.state, invitation.settled_by, invitation.uses) == ("accepted", cast.customer, 1)
    assert request.state == "approved" and request.settled_by == cast.installer
    assert mails("request-approved") == [("request-approved", "customer@test.example")]
    assert verbs() == ["approval_asked", "approval_given"]
    assert replay() == as_it_is()


def test_approved_into_an_organisation(cast: Cast) -> None:
    invitation = invite_member(cast.firm, cast.installer)
    request = ask_approval(cast, invitation)
    with refused("no longer have the right"):
        requests.approve(request=request, by=cast.colleague)
    requests.approve(request=request, by=cast.installer)
    assert cast.firm.memberships.filter(user=cast.customer, role=MEMBER).exists()
    assert not MemberInvitation.objects.open().exists()


def test_asked_once_and_after_a_refusal_once_a_day(cast: Cast) -> None:
    request = ask_approval(cast)
    assert ask_approval(cast, request.invitation) == request
    assert len(mails("approval-asked")) == 1
    requests.refuse(request=request, by=cast.installer)
    assert mails("request-refused") == [("request-refused", "customer@test.example")]
    assert live(cast.site) == {FIRM}
    with refused("said no today"):
        ask_approval(cast, request.invitation)
    days_ago(request, 1.1)
    again = ask_approval(cast, request.invitation)
    assert again == request and again.is_open and len(mails("approval-asked")) == 2
    assert verbs() == ["approval_asked", "approval_refused", "approval_asked"]


def test_whoever_may_withdraw_the_invitation_answers(cast: Cast) -> None:
    """The Owner and the installing party for all, others for what they gave; nobody else."""
    share(cast.site, cast.installer, cast.operator)
    make_owner(cast.site, cast.operator2, cast.installer)
    request = ask_approval(cast)
    answering = {cast.installer, cast.colleague, cast.operator2}
    for person in User.objects.all():
        assert requests.may_answer(person, request) == (person in answering), person
        shown = requests.to_answer_on(Viewer.of(person, cast.site))
        assert shown == ([request] if person in answering else []), person
    with refused("no longer have the right"):
        requests.approve(request=request, by=cast.operator)
    with refused("no longer have the right"):
        requests.refuse(request=request, by=cast.customer)


def test_an_invitation_that_is_over_or_another_one_lets_nobody_in(cast: Cast) -> None:
    request = ask_approval(cast)
    invitation = request.invitation
    assert invitation
    invitations.renew(invitation=invitation, by=cast.installer)
    request = AccessRequest.objects.with_all().get(pk=request.pk)
    assert not request.is_open and requests.to_answer_on(Viewer.of(cast.installer, cast.site)) == []
    with refused("renewed meanwhile"):
        requests.approve(request=request, by=cast.installer)
    # Of the new one it can be asked anew, also once the old request was answered by nobody.
    assert requests.answer_what_is_over() == 1
    assert ask_approval(cast, Invitation.objects.get(pk=invitation.pk)).is_open
    invitations.withdraw(invitation=Invitation.objects.get(pk=invitation.pk), by=cast.installer)
    request = AccessRequest.objects.with_all().get(pk=request.pk)
    with refused("was withdrawn"):
        requests.approve(request=request, by=cast.installer)
    with refused("was withdrawn"):
        ask_approval(cast, Invitation.objects.get(pk=invitation.pk))


def test_archived_or_covered_nothing_is_given(cast: Cast) -> None:
    request = ask_approval(cast)
    share(cast.site, cast.installer, cast.customer)
    with refused("already have access"):
        requests.approve(request=request, by=cast.installer)
    other = ask_approval(cast, request.invitation, cast.stranger)
    archive_location(location=cast.site, by=cast.installer)
    with refused("no longer be shared"):
        requests.approve(request=other, by=cast.installer)


# --- A location by its number ---------------------------------------------------------------------


def test_let_in_with_the_level_and_end_that_are_chosen(cast: Cast) -> None:
    request = ask_access(cast)
    assert request.location == cast.site
    end = in_days(10)
    requests.approve(request=request, by=cast.installer, level=CONFIGURE, access_ends_at=end)
    access = Access.objects.live().get(location=cast.site, user=cast.stranger)
    assert (access.level, access.reason, access.ends_at) == (CONFIGURE, "request", end)
    assert (access.given_by, access.given_through) == (cast.installer, cast.site.accesses.get(user=None))
    assert verbs() == ["request_made", "request_approved"]
    assert replay() == as_it_is()
    with refused("answered this request meanwhile"):
        requests.refuse(request=request, by=cast.installer)
    assert mails("request-approved") == [("request-approved", "stranger@test.example")]


def test_nobody_gives_for_longer_than_they_have(cast: Cast) -> None:
    end = in_days(3)
    share(cast.site, cast.installer, cast.operator, access_ends_at=end)
    requests.approve(request=ask_access(cast), by=cast.operator, level=MANAGE)
    assert Access.objects.live().get(location=cast.site, user=cast.stranger).ends_at == end


def test_only_who_may_share_answers(cast: Cast) -> None:
    share(cast.site, cast.installer, cast.operator, CONFIGURE)
    share(cast.site, cast.installer, cast.contractor)
    request = ask_access(cast)
    answering = {cast.installer, cast.colleague, cast.contractor}
    for person in User.objects.all():
        assert requests.may_answer(person, request) == (person in answering), person
    archive_location(location=cast.site, by=cast.installer)
    request = AccessRequest.objects.with_all().get(pk=request.pk)
    assert not requests.may_answer(cast.installer, request)
    with refused("no longer have the right"):
        requests.approve(request=request, by=cast.installer)


def test_who_is_in_by_then_gets_no_second_way(cast: Cast) -> None:
    request = ask_access(cast)
    share(cast.site, cast.installer, cast.stranger)
    requests.approve(request=request, by=cast.installer)
    assert live(cast.site) == {FIRM, ("Stranger", "email", MANAGE)}


def test_a_number_nobody_has_is_kept_like_any(cast: Cast) -> None:
    """Unknown, archived, or already theirs: a row as for the others, no entry, no mail, nothing to answer."""
    gone = make_location(cast.installer, cast.firm, "Gone")
    archive_location(location=gone, by=cast.installer)
    for number in (987_654_321, gone.number, cast.bait.number):
        request = ask_access(cast, number=number)
        assert request.is_open and request.looked_up and request.location is None
        assert not requests.may_answer(cast.stranger, request)
        assert not requests.may_answer(cast.installer, request)
    assert mails("access-asked") == [] and verbs() == []
    assert len(listing.asked(cast.stranger).by) == 3 and requests.look_up_due() == 0


def test_a_worker_is_asked_to_look_at_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """Whether there is such a location or not."""
    nudged: list[str] = []
    monkeypatch.setattr("portal.celery.app.send_task", lambda name, **options: nudged.append(name))
    for number in (cast.site.number, 987_654_321):
        with django_capture_on_commit_callbacks(execute=True):
            requests.ask_for_access(number=number, by=cast.stranger, sentence="x", network="n")
    assert nudged == ["sharing.tasks.look_up_requests"] * 2


def test_what_another_worker_took_is_left_to_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        requests.ask_for_access(number=number, by=cast.stranger, sentence="x", network="n")
    others = AccessRequest.objects.all()
    monkeypatch.setattr(requests, "_look_up", lambda request: others.update(looked_up=True))
    assert requests.look_up_due() == 1


def test_asking_twice_does_nothing_new(cast: Cast) -> None:
    request = ask_access(cast)
    assert ask_access(cast) == request and len(mails("access-asked")) == 1
    requests.refuse(request=request, by=cast.installer)
    again = ask_access(cast)
    assert again.state == "refused" and len(mails("access-asked")) == 1
    days_ago(again, 1.1)
    assert ask_access(cast).is_open and len(mails("access-asked")) == 2


def test_what_nobody_answers_is_forgotten(cast: Cast) -> None:
    """Whether there was such a location or not; then it can be asked anew."""
    requests_made = [ask_access(cast), ask_access(cast, number=987_654_321)]
    kept = ask_access(cast, by=cast.operator)
    for request in requests_made:
        assert not days_ago(request, 30.1).is_open
    assert ask_access(cast).is_open
    days_ago(requests_made[0], 30.1)
    assert requests.forget_old() == 2
    assert list(AccessRequest.objects.all()) == [kept]


def test_asking_is_limited_whatever_is_asked_for(cast: Cast) -> None:
    for number in range(10):
        requests.ask_for_access(number=900 + number, by=cast.stranger, sentence="x", network="n")
    with refused("very many"):
        requests.ask_for_access(number=cast.site.number, by=cast.stranger, sentence="x", network="m")
    for number in range(20):
        Throttle.objects.filter(key__startswith="ask/access/account").delete()
        requests.ask_for_access(number=900 + number, by=cast.operator, sentence="x", network="n")
    with refused("very many"):
        requests.ask_for_access(number=1, by=cast.operator, sentence="x", network="n")
    requests.ask_for_access(number=1, by=cast.contractor, sentence="x", network="o")


def test_the_owner_and_the_installing_party_are_told(cast: Cast) -> None:
    """Not everybody who manages it; where nobody of them can sign in, those who do manage it."""
    share(cast.site, cast.installer, cast.contractor)
    make_owner(cast.site, cast.customer, cast.installer)
    ask_access(cast)
    told = [address for _kind, address in mails("access-asked")]
    assert told == ["customer@test.example", "installer@test.example"]
    User.objects.filter(pk__in=[cast.installer.pk, cast.customer.pk]).update(is_active=False)
    OutgoingEmail.objects.all().delete()
    ask_access(cast, by=cast.operator)
    assert mails("access-asked") == [("access-asked", "contractor@test.example")]


# --- Round about ----------------------------------------------------------------------------------


def test_with_the_account_go_its_requests(cast: Cast) -> None:
    person = make_person("leaver@test.example")
    ask_access(cast, by=person)
    ask_approval(cast, by=person)
    deletion_account.end_all_of(person)
    assert not AccessRequest.objects.exists()


EMAILS = {
    "approval-asked": ("asks you to approve an account", "beder dig godkende en konto"),
    "access-asked": ("Stranger asks for access to Havnevej 2", "Stranger beder om adgang til Havnevej 2"),
    "request-approved": ("You have been let in to Havnevej 2", "Du har fået adgang til Havnevej 2"),
    "request-refused": ("number {number} was refused", "nummer {number} er afvist"),
}


@pytest.mark.parametrize("kind", EMAILS)
def test_the_letters_in_both_languages(cast: Cast, kind: str) -> None:
    request = ask_approval(cast) if kind == "approval-asked" else ask_access(cast)
    if kind.startswith("request"):
        act = requests.approve if kind == "request-approved" else requests.refuse
        act(request=request, by=cast.installer)
    row = OutgoingEmail.objects.filter(kind=kind).latest("created_at")
    for language, words in zip(("en-gb", "da"), EMAILS[kind], strict=True):
        row.language = language
        with override("en-gb"):
            letter = outbox.render(row)
        assert letter and words.format(number=cast.site.number) in letter.subject
        # Who was refused learns nothing of the location but what they typed.
        assert kind != "request-refused" or "Havnevej" not in str(letter.body)


def test_letters_with_nothing_left_to_say(cast: Cast) -> None:
    """Answered, out again, or no longer allowed to know: the row is not sent."""
    approval, access = ask_approval(cast), ask_access(cast)
    asked = list(OutgoingEmail.objects.filter(kind__in=["approval-asked", "access-asked"]))
    assert all(outbox.render(row) for row in asked)
    to_outsider = OutgoingEmail.objects.get(kind="access-asked")
    to_outsider.recipient = cast.contractor
    assert outbox.render(to_outsider) is None
    requests.approve(request=approval, by=cast.installer)
    requests.approve(request=access, by=cast.installer)
    assert [outbox.render(row) for row in asked] == [None, None]
    told = list(OutgoingEmail.objects.filter(kind="request-approved"))
    assert all(outbox.render(row) for row in told)
    for one in Access.objects.live().filter(location=cast.site).exclude(user=None):
        removing.remove_access(access=one, by=cast.installer)
    assert [outbox.render(row) for row in told] == [None, None]


def test_letters_about_an_organisation(cast: Cast) -> None:
    request = ask_approval(cast, invite_member(cast.firm, cast.installer))
    requests.approve(request=request, by=cast.installer)
    row = OutgoingEmail.objects.get(kind="request-approved")
    letter = outbox.render(row)
    assert letter and "let in to Strøm & Søn" in letter.subject
    AccessRequest.objects.update(state="refused")
    assert outbox.render(row) is None
    row.kind = "request-refused"
    letter = outbox.render(row)
    assert letter and letter.subject == "Your account was not approved for Strøm & Søn"
    AccessRequest.objects.all().delete()
    assert outbox.render(row) is None


def test_they_name_themselves_by_what_they_ask(cast: Cast) -> None:
    assert str(ask_approval(cast)) == "Customer → Havnevej 2"
    assert str(ask_access(cast)) == "Stranger → Havnevej 2"
    assert str(ask_access(cast, number=77_777)) == "Stranger → 77777"
    assert str(ask_approval(cast, invite_member(cast.firm, cast.installer))) == "Customer → Strøm & Søn"
