"""The people most tests are about. Sofie, the stranger, must never see anything of the others."""

from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress

from locations.levels import Level
from locations.models import Access, Location
from locations.services import create_location, give_access
from organisations.models import Membership, Organisation
from organisations.services import add_member, create_organisation
from portal.models import User
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import services as invitations
from sharing.models import Invitation

ADMINISTRATOR, MEMBER = Membership.Role.ADMINISTRATOR, Membership.Role.MEMBER


@dataclass
class Cast:
    """`site` belongs to the firm; `bait` looks just like it and belongs to the stranger's organisation."""

    installer: User
    colleague: User
    operator: User
    operator2: User
    contractor: User
    customer: User
    stranger: User
    support: User
    firm: Organisation
    operators: Organisation
    elsewhere: Organisation
    site: Location
    bait: Location


def make_cast() -> Cast:
    """Everybody, three organisations and two locations; nothing shared yet."""
    names = [
        "installer",
        "colleague",
        "operator",
        "operator2",
        "contractor",
        "customer",
        "stranger",
        "support",
    ]
    people = {name: make_person(f"{name}@test.example", name.capitalize()) for name in names}
    User.objects.filter(pk=people["support"].pk).update(is_staff=True)
    people["support"].refresh_from_db()
    firm = create_organisation(name="Strøm & Søn", by=people["installer"])
    operators = create_organisation(name="Nordlys", by=people["operator"])
    elsewhere = create_organisation(name="Vestkysten", by=people["stranger"])
    add_member(organisation=firm, user=people["colleague"], role=MEMBER, by=people["installer"])
    add_member(organisation=operators, user=people["operator2"], role=ADMINISTRATOR, by=people["operator"])
    return Cast(
        **people,
        firm=firm,
        operators=operators,
        elsewhere=elsewhere,
        site=make_location(people["installer"], firm),
        bait=make_location(people["stranger"], elsewhere),
    )


def make_person(email: str, name: str = "", **fields: Any) -> User:
    """Somebody with one verified address, who signs in by `force_login` only."""
    user = User.objects.create_user(email, name=name, **fields)
    EmailAddress.objects.create(user=user, email=email.lower(), verified=True, primary=True)
    return user


def make_location(by: User, organisation: Organisation | None = None, name: str = "Havnevej 2") -> Location:
    """A location with an address in Aarhus."""
    return create_location(
        by=by, organisation=organisation, name=name, street="Havnevej 2", postal_code="8000", city="Aarhus"
    )


def make_owner(location: Location, user: User, by: User) -> Access:
    """Hand the location over, as a transfer will."""
    return give_access(location=location, party=user, level=Level.MANAGE, reason=Access.Reason.OWNER, by=by)


def invite(location: Location, by: User, user: User, level: Level = Level.MANAGE, **terms: Any) -> Invitation:
    """An e-mail invitation to this person."""
    return invitations.share_with_person(location=location, by=by, email=user.email, level=level, **terms)


def invite_operators(
    cast: Cast, level: Level = Level.MANAGE, *, by: User | None = None, **terms: Any
) -> Invitation:
    """An invitation of the operators' organisation to the firm's site, by its key."""
    return invitations.share_with_organisation(
        location=cast.site,
        by=by or cast.installer,
        key=cast.operators.key,
        network="t",
        level=level,
        **terms,
    )


def accept(invitation: Invitation, by: User, organisation: Organisation | None = None) -> Access:
    """Accept it as it is now; returns the access it gave."""
    invitation.refresh_from_db()
    accepted = invitations_accepting.accept(
        invitation=invitation, by=by, nonce=invitation.nonce, organisation=organisation
    )
    return accepted.access


def share(location: Location, by: User, user: User, level: Level = Level.MANAGE, **terms: Any) -> Access:
    """Invite and accept in one go."""
    return accept(invite(location, by, user, level, **terms), user)
