"""The demo data, made through the same services as everything else, so that its record is true."""

import random
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.translation import override

from locations import services as locations
from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit, LoadBalancer, Location
from organisations import inviting, joining
from organisations.models import Membership, Organisation
from organisations.services import add_member, create_organisation
from portal.failures import Failure
from portal.models import OutgoingEmail, Throttle, User
from sharing.bulk import jobs
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations import withdrawing
from sharing.models import BulkJob, Invitation
from sharing.requests import services as requests
from sharing.transfers import accepting as transfers_accepting
from sharing.transfers import services as transfers

PASSWORD = "demo"  # noqa: S105 (these accounts exist in demonstrations only)
Role = Membership.Role

_STREETS = [
    ("Nørrebrogade", "2200", "København N"),
    ("Havnevej", "8000", "Aarhus C"),
    ("Ærøvej", "5700", "Svendborg"),
    ("Østergade", "7400", "Herning"),
    ("Åboulevarden", "8700", "Horsens"),
    ("Strandvejen", "2900", "Hellerup"),
    ("Skolegade", "6700", "Esbjerg"),
    ("Møllevangen", "9000", "Aalborg"),
]
_SITES = ["", ", gården", " – P-kælder", " – Ladehub", " ejerforening", " – Lager", ", kontor", " sommerhus"]
_MODELS = ["Volt 11", "Volt 22", "Kaj Duo", "Mast 22"]


@transaction.atomic
def fill() -> None:
    """Make the demo people, three organisations, some forty locations, and shares of each kind and state."""
    chance = random.Random(7)  # noqa: S311 (the same data every time)
    with override("da"):
        people = _people()
        installer = _organisation("Strøm & Søn ApS", people["installer"], people["colleague"])
        operator = _organisation("Nordlys Operatør A/S", people["operator"])
        add_member(
            organisation=operator, user=people["operator2"], role=Role.ADMINISTRATOR, by=people["operator"]
        )
        elsewhere = _organisation("Vestkysten El A/S", people["stranger"])
        sites = [_location(number, people["installer"], installer, chance) for number in range(28)]
        for number in range(28, 33):
            _location(number, people["operator"], operator, chance)
        for number in range(33, 38):
            _location(number, people["stranger"], elsewhere, chance)
        for number in range(38, 40):
            _location(number, people["contractor"], None, chance)
        _shares(sites, people, operator)
        _came_to_nothing(sites[12:], people, operator)
        _several_ways(sites[10], sites[17], people)
        joining.ask_to_join(
            organisation=operator, by=people["contractor"], sentence="Jeg passer jeres ladere i Aarhus."
        )
        inviting.invite(
            organisation=installer,
            by=people["installer"],
            addresses=["laerling@demo.example"],
            role=Role.MEMBER,
        )
        Throttle.objects.all().delete()  # nobody has sent anything yet today


def _people() -> dict[str, User]:
    names = {
        "installer": "Anna Strøm",
        "colleague": "Jonas Bak",
        "operator": "Mette Lund",
        "operator2": "Lars Nordlys",
        "contractor": "Kim Holm",
        "customer": "Per Madsen",
        "stranger": "Sofie Vest",
        "support": "Support",
    }
    return {who: _person(f"{who}@demo.example", name, who == "support") for who, name in names.items()}


def _person(email: str, name: str, is_staff: bool) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name, is_staff=is_staff, language="en-gb")
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _organisation(name: str, administrator: User, *members: User) -> Organisation:
    organisation = create_organisation(name=name, by=administrator, language="da")
    for member in members:
        add_member(organisation=organisation, user=member, role=Role.MEMBER, by=administrator)
    return organisation


def _location(number: int, by: User, organisation: Organisation | None, chance: random.Random) -> Location:
    street, postal_code, city = _STREETS[number % len(_STREETS)]
    house = f"{street} {chance.choice([2, 4, 10, 12, 27, 38, 101]) + number}"
    location = locations.create_location(
        by=by,
        organisation=organisation,
        name=house + _SITES[chance.randrange(len(_SITES))],
        street=house,
        postal_code=postal_code,
        city=city,
        category=chance.choice(Location.Category.values),
        main_fuse=chance.choice([25, 35, 63, 125]),
    )
    _equip(location, chance)
    return location


def _equip(location: Location, chance: random.Random) -> None:
    circuit = Circuit.objects.create(
        location=location, name="Gruppe A", fuse=min(location.main_fuse, chance.choice([16, 20, 32]))
    )
    for place in range(chance.randrange(1, 5)):
        ChargePoint.objects.create(
            circuit=circuit,
            serial_number=f"CP-{location.pk:04d}-{place + 1}",
            model=chance.choice(_MODELS),
            maximum_current=min(circuit.fuse, chance.choice([16, 20, 32])),
            pin=f"{chance.randrange(10000):04d}",
        )
    if chance.random() < 0.6:
        LoadBalancer.objects.create(
            location=location, serial_number=f"LB-{location.pk:04d}", model="Balance 3"
        )


def _shares(sites: list[Location], people: dict[str, User], operator: Organisation) -> None:
    """The first site shows everything at once; the next ones a kind and state each."""
    anna, first = people["installer"], sites[0]
    _own(first, people["customer"], anna)
    transfers.start(location=sites[11], by=anna, email="customer@demo.example", message="Tak for opgaven!")
    _accept(_invite(first, anna, "contractor@demo.example", Level.CONFIGURE, days=120), people["contractor"])
    _accept(_invite_operator(first, anna, operator), people["operator"])
    _invite(first, anna, "rasmus@sologvind.example", Level.VIEW)
    _expire(_invite(first, anna, "gammel@fjernvarme.example", Level.VIEW))
    invitations_codes.create_code(location=first, by=anna, level=Level.MANAGE)

    _invite(sites[1], anna, "contractor@demo.example", Level.MANAGE)
    _invite_operator(sites[2], anna, operator)
    invitations_accepting.decline(
        invitation=(no := _invite(sites[3], anna, "customer@demo.example", Level.VIEW)),
        by=people["customer"],
        nonce=no.nonce,
    )
    invitations.withdraw(invitation=_invite(sites[4], anna, "contractor@demo.example", Level.VIEW), by=anna)
    _could_not_be_sent(lost := _invite(sites[5], anna, "findes-ikke@nowhere.example", Level.VIEW))
    requests.ask_for_approval(invitation=lost, by=people["contractor"])
    requests.ask_for_access(
        number=first.number, by=people["stranger"], sentence="Jeg har serviceaftalen.", network="demo"
    )
    requests.look_up_due()
    _code(sites[6], anna, works_once=True)
    _accept(_code(sites[18], anna, works_once=True), people["contractor"])
    _accept(_code(sites[10], anna), people["contractor"])
    for site in sites[7:10]:
        _accept(_invite_operator(site, anna, operator), people["operator"])
    locations.archive_location(location=sites[27], by=anna)
    _reviews(sites[10], sites[12:14], people, anna)
    _share_many(sites[20:25], anna)


def _reviews(opened: Location, left: list[Location], people: dict[str, User], by: User) -> None:
    """Somebody who looks in, and somebody who was let in long ago and has never come."""
    contractor, customer = people["contractor"], people["customer"]
    note_opened(Location.objects.get_visible(contractor, opened.uuid), contractor)
    for site in left:
        _accept(_invite(site, by, customer.email, Level.VIEW), customer)
    never_opened = Access.objects.live().filter(user=customer, location__in=left)
    never_opened.update(since=timezone.now() - timedelta(days=500))


def _came_to_nothing(sites: list[Location], people: dict[str, User], operator: Organisation) -> None:
    """What was offered to an organisation or by code, and declined, withdrawn or not answered in time."""
    anna = people["installer"]
    invitations_accepting.decline(
        invitation=(no := _invite_operator(sites[0], anna, operator)), by=people["operator"], nonce=no.nonce
    )
    invitations.withdraw(invitation=_invite_operator(sites[1], anna, operator), by=anna)
    _expire(_invite_operator(sites[2], anna, operator))
    invitations.withdraw(invitation=_code(sites[3], anna), by=anna)
    _expire(_code(sites[4], anna))


def _several_ways(twice: Location, soon: Location, people: dict[str, User]) -> None:
    """Access by two ways of which one counts, and access that ends within the week."""
    anna, kim = people["installer"], people["contractor"]
    _accept(_invite(twice, anna, kim.email, Level.CONFIGURE, days=30), kim)
    _accept(_invite(soon, anna, people["customer"].email, Level.VIEW, days=5), people["customer"])


def _code(location: Location, by: User, *, works_once: bool = False) -> Invitation:
    return invitations_codes.create_code(location=location, by=by, level=Level.VIEW, works_once=works_once)[0]


def _share_many(sites: list[Location], by: User) -> None:
    """Ordered, confirmed and done."""
    job = BulkJob(
        by=by, act=BulkJob.Act.SHARE, email="drift@nordlys.example", level=Level.VIEW, language="da"
    )
    jobs.draft(job, sites)
    jobs.confirm(job=job, by=by)
    jobs.work_off()


def _own(location: Location, owner: User, by: User) -> None:
    found = transfers.start(location=location, by=by, email=owner.email)
    transfers_accepting.accept(transfer=found, by=owner, nonce=found.nonce)


def _invite(location: Location, by: User, email: str, level: Level, *, days: int = 0) -> Invitation:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + timedelta(days=days) if days else None
    return invitations.share_with_person(
        location=location, by=by, email=email, level=level, access_ends_at=end
    )


def _invite_operator(location: Location, by: User, operator: Organisation) -> Invitation:
    terms: dict[str, Any] = {"level": Level.MANAGE, "message": "Velkommen – sig til, hvis noget mangler."}
    return invitations.share_with_organisation(
        location=location, by=by, key=operator.key, network="demo", **terms
    )


def _accept(invitation: Invitation, by: User) -> None:
    invitations_accepting.accept(
        invitation=invitation, by=by, nonce=invitation.nonce, organisation=invitation.organisation
    )


def _expire(invitation: Invitation) -> None:
    """As if it had been sent ten days ago and nobody had answered."""
    earlier = timedelta(days=10)
    Invitation.objects.filter(pk=invitation.pk).update(
        invited_at=invitation.invited_at - earlier, expires_at=invitation.expires_at - earlier
    )
    withdrawing.settle_expired_invitations()


def _could_not_be_sent(invitation: Invitation) -> None:
    OutgoingEmail.objects.filter(about=invitation.uuid).update(
        status=OutgoingEmail.Status.FAILED,
        failure=Failure.ADDRESS,
        last_error="550 5.1.1 No such mailbox",
        attempts=1,
    )
