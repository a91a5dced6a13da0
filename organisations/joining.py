"""Asking to join an organisation with its key, and answering."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organisations import emails
from organisations.models import JoinRequest, Membership, Organisation
from organisations.permissions import may_ask_to_join
from organisations.services import add_member, lock_organisation, require_administrator
from portal import limits
from portal.accounts.deletion import lock_person
from portal.accounts.receiving import CannotReceive
from portal.activity.record import record
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb

State = JoinRequest.State


@transaction.atomic
def ask_to_join(*, organisation: Organisation, by: User, sentence: str) -> JoinRequest:
    """Ask the Administrators to let `by` in. The key alone lets nobody in.

    Asking again while a request waits does nothing new. Raises Refusal to a member, to somebody without an
    address at a domain the organisation lets ask, and to who was refused and asks again within a day.
    """
    organisation = lock_organisation(organisation)
    by = lock_person(by)
    if organisation.memberships.filter(user=by).exists():
        raise Refusal(_("You are a member of this organisation already."))
    request = JoinRequest.objects.filter(organisation=organisation, user=by).first()
    if request and request.state == State.PENDING:
        return request
    if not may_ask_to_join(by, organisation):
        # The domains are not named: having the key is not belonging to the firm.
        raise Refusal(
            _(
                "Only people with a company address of this organisation can ask to join it. "
                "Add yours to your account, confirm it, and ask again."
            )
        )
    # Counted under the lock: the second of two clicks at once must find the first one's request, not its
    # count. A refusal takes back the try that was one too many, and no other.
    if not limits.count(limits.ASKING_TO_JOIN, f"{organisation.pk}/{by.pk}"):
        raise Refusal(_("You have asked today. Ask again tomorrow, or talk to an Administrator there."))
    return _write_request(organisation, by, sentence)


def _write_request(organisation: Organisation, by: User, sentence: str) -> JoinRequest:
    request, _created = JoinRequest.objects.update_or_create(
        organisation=organisation,
        user=by,
        defaults={
            "sentence": sentence.strip(),
            "state": State.PENDING,
            "asked_at": timezone.now(),
            "settled_at": None,
            "settled_by": None,
        },
    )
    _record(Verb.JOIN_ASKED, request, by)
    emails.queue_join_asked(request)
    return request


def approve(*, request: JoinRequest, by: User, role: Membership.Role) -> Membership:
    """Let the person in with this role. Raises Refusal when somebody else has answered meanwhile, and where
    nothing can be given to the person; the request is refused by that.
    """
    try:
        return _approve(request, by, role)
    except CannotReceive:
        refuse(request=request, by=by)
        raise


@transaction.atomic
def _approve(request: JoinRequest, by: User, role: Membership.Role) -> Membership:
    organisation = lock_organisation(request.organisation)
    require_administrator(by, organisation)
    _settle(request, by, State.APPROVED)
    membership = add_member(organisation=organisation, user=request.user, role=role, by=by)
    emails.queue_join_approved(request)
    return membership


@transaction.atomic
def refuse(*, request: JoinRequest, by: User) -> None:
    """Say no; the person is told. They can be invited later. Raises Refusal when it is answered already."""
    organisation = lock_organisation(request.organisation)
    require_administrator(by, organisation)
    settle_as_refused(request, by)


def settle_as_refused(request: JoinRequest, by: User) -> None:
    """Say no, under the caller's lock on the organisation."""
    _settle(request, by, State.REFUSED)
    _record(Verb.JOIN_REFUSED, request, by)
    emails.queue_join_refused(request)


def _settle(request: JoinRequest, by: User, state: State) -> None:
    answered = JoinRequest.objects.filter(pk=request.pk, state=State.PENDING).update(
        state=state, settled_by=by, settled_at=timezone.now()
    )
    if not answered:
        raise Refusal(_("Somebody has answered this request meanwhile."))


def _record(verb: Verb, request: JoinRequest, by: User) -> None:
    record(
        verb,
        by=by,
        organisation=request.organisation,
        party=str(request.user),
        party_address=request.user.email,
    )
