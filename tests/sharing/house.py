"""A location with every kind of actor, access and invitation on it, for the table of acts."""

from dataclasses import dataclass

from locations.levels import Level
from locations.models import Access, Location, LocationUserPermission
from organisations.services import add_member, end_membership
from portal.accounts.deletion import close_account
from portal.models import User
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import Invitation
from sharing.requests import services as requests
from tests.cast import MEMBER, Cast, accept, invite, make_owner, make_person, share
from tests.organisations.tools import forget_throttles, membership
from tests.tools import in_days

VIEW, CONFIGURE, MANAGE = Level


@dataclass
class House:
    """Who gave what to whom:

    firm ── contractor ── second ── third          (each gave to the next; the contractor let `asked` in)
       ├─── operators ──── guest, left             (given by its Member; by one who is none any more)
       ├─── former ─────── kept                    (taken away since; what they had given was kept)
       ├─── over, closed                           (ended by its date; deleted the account)
       └─── configurer, viewer, by code, ending
    """

    cast: Cast
    people: dict[str, User]
    accesses: dict[str, Access]
    invitations: dict[str, Invitation]

    @property
    def location(self) -> Location:
        found: Location = Location.objects.get(pk=self.cast.site.pk)
        return found


def make_house(cast: Cast) -> House:
    people = {
        name: make_person(f"{name}@test.example", name.capitalize())
        for name in (
            *("second", "third", "guest", "configurer", "viewer", "clerk", "former", "left-member"),
            *("over", "closed", "kept", "left", "code-user", "asker", "ending"),
        )
    } | {name: getattr(cast, name) for name in ACTORS_OF_THE_CAST}
    forget_throttles()
    for clerk in ("clerk", "left-member"):
        add_member(organisation=cast.operators, user=people[clerk], role=MEMBER, by=cast.operator)
    house = House(cast, people, {}, {})
    make_owner(cast.site, cast.customer, cast.installer)
    _give(house)
    _invite(house)
    _lose(house)
    for access in house.accesses.values():
        access.refresh_from_db()
    for invitation in house.invitations.values():
        invitation.refresh_from_db()
    forget_throttles()
    return house


ACTORS_OF_THE_CAST = ("installer", "colleague", "operator", "contractor", "customer", "stranger", "support")


def _give(house: House) -> None:
    site, by, people = house.cast.site, house.cast.installer, house.people
    to_operators = invitations.share_with_organisation(
        location=site, by=by, key=house.cast.operators.key, network="test", level=MANAGE
    )
    code, _new = invitations_codes.create_code(location=site, by=by, level=VIEW)
    requests.ask_for_access(number=site.number, by=people["asker"], sentence="", network="n")
    requests.look_up_due()
    house.accesses = {
        "installed": site.accesses.get(reason="installed"),
        "owner": site.accesses.get(reason="owner"),
        "contractor": share(site, by, people["contractor"]),
        "second": share(site, people["contractor"], people["second"]),
        "third": share(site, people["second"], people["third"], VIEW),
        "operators": accept(to_operators, house.cast.operator),
        "guest": share(site, people["clerk"], people["guest"], CONFIGURE),
        "left": share(site, people["left-member"], people["left"], VIEW),
        "configurer": share(site, by, people["configurer"], CONFIGURE),
        "viewer": share(site, by, people["viewer"], VIEW),
        "by code": accept(code, people["code-user"]),
        "ending": share(site, by, people["ending"], MANAGE, access_ends_at=in_days(5)),
        "former": share(site, by, people["former"]),
        "kept": share(site, people["former"], people["kept"], VIEW),
        "over": share(site, by, people["over"], access_ends_at=in_days(5)),
        "closed": share(site, by, people["closed"]),
    }
    invitations.withdraw(invitation=code, by=by)
    requests.approve(request=people["asker"].access_requests.get(), by=people["contractor"])
    house.accesses["asked"] = site.accesses.get(reason="request")


def _invite(house: House) -> None:
    cast, people = house.cast, house.people
    nobody = [make_person(f"nobody{number}@test.example") for number in range(4)]
    for name, by, to in (
        ("installer's", cast.installer, nobody[0]),
        ("second's", people["second"], nobody[1]),
        ("clerk's", people["clerk"], nobody[2]),
        ("former's", people["former"], nobody[3]),
    ):
        house.invitations[name] = invite(cast.site, by, to)
    house.invitations["to elsewhere"] = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.elsewhere.key, network="test", level=MANAGE
    )


def _lose(house: House) -> None:
    cast, people, accesses = house.cast, house.people, house.accesses
    removing.remove_access(access=accesses["former"], by=cast.installer, also_given_on=False)
    end_membership(membership=membership(people["left-member"], cast.operators), by=cast.operator)
    Access.objects.filter(pk=accesses["over"].pk).update(ends_at=in_days(-1))
    LocationUserPermission.objects.filter(user=people["over"]).update(ends_at=in_days(-1))
    close_account(user=people["closed"])
    people["closed"].refresh_from_db()
    # Last, as it would have been withdrawn with each of those who may know it.
    house.invitations["code"] = invitations_codes.create_code(
        location=cast.site, by=cast.contractor, level=VIEW
    )[0]


def settle(house: House, invitation: Invitation, state: str) -> None:
    """Bring an invitation to somebody into this state by the verb that leads there."""
    by = house.people["stranger"] if invitation.kind == "organisation" else _addressee(invitation)
    if state == "accepted":
        accept(invitation, by)
    elif state == "declined":
        invitations_accepting.decline(invitation=invitation, by=by, nonce=invitation.nonce)
    elif state == "withdrawn":
        invitations.withdraw(invitation=invitation, by=house.cast.installer)
    elif state != "pending":
        Invitation.objects.filter(pk=invitation.pk).update(invited_at=in_days(-8), expires_at=in_days(-1))
        if state == "expired":
            withdrawing.settle_expired_invitations()
    invitation.refresh_from_db()


def _addressee(invitation: Invitation) -> User:
    found: User = User.objects.get(email=invitation.email)
    return found
