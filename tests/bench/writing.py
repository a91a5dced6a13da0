"""What sharing, accepting and the sweep cost: statements, which must not depend on how many there are.

Everything is rolled back.
"""

from typing import Any

from locations.levels import Level
from locations.models import Access, Location
from locations.services import end_all, give_all
from organisations.models import Organisation
from portal.invitations import models as invitations
from portal.models import User
from portal.verbs import Verb
from sharing.invitations import accepting as invitations_accepting
from sharing.models import Invitation
from tests.bench.measure import Statements, buffers, cost, heard
from tests.bench.plan import OPERATORS, Plan

MANY = (1, 10, 1000)
# What an acceptance is: the answer, the access, what follows from it, and the trace. Beside it stand
# locks and questions before, and the record of activity and the e-mail after, which other acts have too.
_OF_THE_ACCEPTANCE = ("sharing_invitation", "locations_access", "locations_location", "sharing_acceptance")
_WRITES = ("INSERT INTO", "UPDATE", "DELETE FROM")


def counts(plan: Plan) -> dict[str, Any]:
    """The figures, by name."""
    given = {many: _share(plan, many) for many in MANY}
    accepted = _accept()
    return {
        "share": {many: cost(given[many], undo=True).queries for many in MANY},
        "accept": sum(_is_of_the_acceptance(sql) for sql, _ in accepted),
        "accept_in_all": len(accepted),
        "sweep": _sweep(),
    }


def _share(plan: Plan, many: int) -> Any:
    """Giving so many locations of the largest organisation to an operator, and taking them back."""
    operator = Organisation.objects.get(pk=len(plan.installed) + OPERATORS)
    person = User.objects.get(pk=plan.members[0][1])
    theirs = Access.objects.filter(organisation=1).exclude(location__accesses__organisation=operator)
    chosen = list(Location.objects.filter(pk__in=theirs.order_by("pk").values("location")[:many]))

    def act() -> None:
        given = give_all(
            locations=chosen,
            party=operator,
            level=Level.CONFIGURE,
            reason=Access.Reason.ORGANISATION,
            by=person,
        )
        end_all(accesses=given, party=operator, by=person, verb=Verb.ACCESS_REMOVED)

    return act


def _accept() -> Statements:
    """An invitation by e-mail, accepted by somebody it reached."""
    from allauth.account.models import EmailAddress

    statements: Statements = []
    invitation = Invitation.objects.open().with_all().first()

    def act() -> None:
        by = User.objects.create_user(invitation.email)
        EmailAddress.objects.create(user=by, email=by.email, verified=True, primary=True)
        with heard(statements):
            invitations_accepting.accept(invitation=invitation, by=by, nonce=invitation.nonce)

    cost(act, undo=True)
    return statements


def _is_of_the_acceptance(sql: str) -> bool:
    table = (
        sql.replace('"', "").removeprefix("INSERT INTO ").removeprefix("UPDATE ").removeprefix("DELETE FROM ")
    )
    return sql.startswith(_WRITES) and table.startswith(_OF_THE_ACCEPTANCE)


def _sweep() -> int:
    """Buffers of finding all thousand that are due, as the sweep does but all at once.

    What was marked in this very transaction would be looked at again. Reading and telling each of those found
    costs the same for each, whatever there is.
    """
    statements: Statements = []
    found: list[Any] = []
    at_once, invitations.SWEPT_AT_ONCE = invitations.SWEPT_AT_ONCE, 1000
    try:
        with heard(statements):
            invitations.settle_due(Invitation.objects.all(), lambda one: bool(found.append(one)))
    finally:
        invitations.SWEPT_AT_ONCE = at_once
    assert len(found) == 1000
    return buffers(*statements[0])
