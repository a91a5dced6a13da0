"""The invitation codes this browser has shown, kept in the session as digests: never the codes themselves.

A session lives in the database, so a code in it would be a code in the database.

Having typed a code proves nothing: only `newest`, which throttles and counts, makes a digest worth something.
"""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from portal import codes, limits
from portal.activity.record import record
from portal.invitations.answering import Holder, Situation
from portal.invitations.models import CODE_PURPOSE, AbstractInvitation
from portal.lib.client_address import client_network
from portal.models import User
from portal.verbs import Verb
from sharing import kinds

_SESSION_KEY = "invitation_codes"
_KEPT = 10
# What a digest in the session has turned out to be: not looked up yet; wrong, and counted as such; the code
# of an invitation; the code of one that was shown while it could be accepted.
_NEW, _COUNTED, _FOUND, _LIVE = "new", "counted", "found", "live"
_PROVEN = (_FOUND, _LIVE)


class TooManyWrongCodes(Exception):
    """This account, or this network, has tried too many wrong codes for now."""


def is_throttled(request: HttpRequest) -> bool:
    """Whether this account, or this network, has tried too many wrong codes for now: what a page says of it.
    Whether a code is looked up is decided by `newest`.
    """
    return any(limits.is_spent(limit, who) for limit, who in _counters(request))


def keep(request: HttpRequest, code: str) -> None:
    """Remember that this browser has the normalised `code`.

    Raises TooManyWrongCodes, and keeps nothing, where it could not be looked up now anyway.
    """
    digest = codes.digest(code, purpose=CODE_PURPOSE)
    how = all_of(request).get(digest, _NEW)
    if how not in _PROVEN and is_throttled(request):
        raise TooManyWrongCodes
    held = {key: value for key, value in all_of(request).items() if key != digest}
    _save(request, {**held, digest: how})


def all_of(request: HttpRequest) -> dict[str, str]:
    """The digests this browser holds, newest last."""
    return dict(request.session.get(_SESSION_KEY, {}))


def for_the_next_person(request: HttpRequest, uuid: UUID | None) -> dict[str, str]:
    """What outlives a change of account: the code of this invitation if it is proven, or else the newest.

    Unproven ones stay behind where an invitation is named: which of them is left would tell which was right.
    """
    held = all_of(request)
    if uuid is None:
        return dict(list(held.items())[-1:])
    invitation = kinds.with_uuid(uuid)
    digest = invitation.code_digest if invitation else ""
    return {digest: held[digest]} if held.get(digest) in _PROVEN else {}


def restore(request: HttpRequest, held: dict[str, str]) -> None:
    """Put back what a sign-out emptied."""
    _save(request, held)


def forget(request: HttpRequest, invitation: AbstractInvitation) -> None:
    """Forget the code of this invitation."""
    _save(request, {key: how for key, how in all_of(request).items() if key != invitation.code_digest})


def holder(request: HttpRequest, invitation: AbstractInvitation) -> Holder:
    """Who is looking at this invitation, and what they hold. A code that is not proven is not held."""
    how = all_of(request).get(invitation.code_digest)
    return Holder(user=_user(request), has_code=how in _PROVEN, saw_it_live=how == _LIVE)


def newest(request: HttpRequest) -> tuple[AbstractInvitation | None, Situation]:
    """The invitation of the code that came last, if there is something to say of it to this person.

    (None, UNKNOWN) is one and the same for codes that never were and those that ended, and counts as a wrong
    try once: before it is looked up, and given back when it was right. What is proven, or counted already,
    costs nothing. Raises TooManyWrongCodes when there were too many, before anything is looked up.
    """
    held = all_of(request)
    digest, how = next(reversed(held.items()))
    guess = _count_try(request, how)
    invitation = kinds.with_digest(digest)
    claim = Holder(user=_user(request), has_code=True, saw_it_live=how == _LIVE)
    situation = kinds.situation_of(invitation, claim) if invitation else Situation.UNKNOWN
    if situation is not Situation.UNKNOWN:
        guess.give_back()
        if how not in _PROVEN:
            _save(request, {**held, digest: _FOUND})
        return invitation, situation
    if how == _NEW:
        _record_wrong_try(request, invitation)
        _save(request, {**held, digest: _COUNTED})
    return None, Situation.UNKNOWN


def saw_live(request: HttpRequest, invitation: AbstractInvitation) -> None:
    """Remember that this browser was shown the invitation while it could be accepted."""
    held = all_of(request)
    if held.get(invitation.code_digest) == _FOUND:
        _save(request, {**held, invitation.code_digest: _LIVE})


def _count_try(request: HttpRequest, how: str) -> limits.Attempt:
    """Count a code that was never looked up. Raises TooManyWrongCodes for whatever is not proven."""
    if how == _NEW:
        try:
            return limits.attempt(*_counters(request))
        except limits.Spent:
            raise TooManyWrongCodes from None
    if how not in _PROVEN and is_throttled(request):
        raise TooManyWrongCodes
    return limits.Attempt()


def _record_wrong_try(request: HttpRequest, invitation: AbstractInvitation | None) -> None:
    """Where the code was one that has ended, in the record of what it was for."""
    if invitation is not None:
        record(
            Verb.WRONG_CODE,
            by=_user(request),
            invitation=str(invitation.uuid),
            **kinds.answering(invitation).about(invitation),
        )


def _counters(request: HttpRequest) -> list[limits.Counter]:
    """What a wrong try counts against: the account if there is one, and the network."""
    counters: list[limits.Counter] = [(limits.WRONG_CODE_BY_ADDRESS, client_network(request))]
    if request.user.is_authenticated:
        counters.append((limits.WRONG_CODE_BY_ACCOUNT, request.user.pk))
    return counters


def _user(request: HttpRequest) -> User | None:
    user: User | AnonymousUser = request.user
    return user if isinstance(user, User) else None


def _save(request: HttpRequest, held: dict[str, str]) -> None:
    request.session[_SESSION_KEY] = dict(list(held.items())[-_KEPT:])
