"""What is measured on: somebody who sees 120 locations, one of them much shared; and invitations to accept.

Run with the settings of the installation that is measured; prints what the load generator needs as JSON.
"""

import json

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from locations.levels import Level  # noqa: E402
from locations.models import ChargePoint, Circuit, Location  # noqa: E402
from organisations.models import Membership  # noqa: E402
from organisations.services import add_member, create_organisation  # noqa: E402
from portal.models import OutgoingEmail, Throttle, User  # noqa: E402
from sharing.invitations import services as invitations  # noqa: E402
from sharing.requests import services as requests  # noqa: E402
from sharing.transfers import services as transfers  # noqa: E402
from tests.cast import ADMINISTRATOR, MEMBER, make_location, make_owner, make_person, share  # noqa: E402

LOCATIONS = 120
ADMINISTRATORS = 1000


@transaction.atomic
def fill() -> dict[str, object]:
    """Make everything; returns who is signed in, and the paths."""
    installer, newcomer = (
        make_person("installer@load.example", "Anna"),
        make_person("new@load.example", "Nils"),
    )
    receiver = make_person("receiver@load.example", "Rikke")
    firm = create_organisation(name="Strøm & Søn", by=installer)
    create_organisation(name="Strøm & Datter", by=installer)
    sites = [_location(installer, firm, number) for number in range(LOCATIONS)]
    offers = [_offer(site, installer, receiver) for site in sites]
    _share_much(sites[0], installer, firm)
    large = _large_organisation()
    OutgoingEmail.objects.all().delete()
    return {
        "installer": _session(installer),
        "newcomer": _session(newcomer),
        "receiver": _session(receiver),
        "list": reverse("locations:list"),
        "tab": reverse("sharing:permissions", args=[sites[0].uuid]),
        "offers": offers,
        "session_cookie": settings.SESSION_COOKIE_NAME,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "large_organisation": large,
    }


def _location(by: User, firm: object, number: int) -> Location:
    location = make_location(by, firm, f"Havnevej {number}")
    circuit = Circuit.objects.create(location=location, name="A", fuse=16)
    ChargePoint.objects.create(circuit=circuit, serial_number=f"S{number}", model="M")
    return location


def _offer(site: Location, by: User, to: User) -> tuple[str, str]:
    offer = invitations.share_with_person(location=site, by=by, email=to.email, level=Level.VIEW)
    Throttle.objects.all().delete()
    return reverse("sharing:invitation", args=[offer.uuid]), offer.nonce


def _share_much(site: Location, by: User, firm: object) -> None:
    """Twenty people, ten who were asked, ten colleagues, an Owner, one who asks, one who is to own it."""
    for number in range(20):
        person = make_person(f"p{number}@load.example", f"Person {number}")
        share(site, by, person, Level.MANAGE if number % 2 else Level.VIEW)
        Throttle.objects.all().delete()
    for number in range(10):
        email = f"w{number}@load.example"
        sent = invitations.share_with_person(location=site, by=by, email=email, level=Level.VIEW)
        colleague = make_person(f"c{number}@load.example", f"Colleague {number}")
        add_member(organisation=firm, user=colleague, role=MEMBER, by=by)
        Throttle.objects.all().delete()
    make_owner(site, make_person("owner@load.example", "Per"), by)
    requests.ask_for_approval(invitation=sent, by=make_person("asks@load.example", "Sofie"))
    transfers.start(location=site, by=by, email="next@load.example")
    Throttle.objects.all().delete()


def _large_organisation() -> str:
    """An organisation with a thousand Administrators, written without its services; returns its key."""
    large = create_organisation(name="Nordlys", by=make_person("chief@load.example", "Chief"))
    people = User.objects.bulk_create(
        User(email=f"a{number}@load.example", name=f"Administrator {number}", password="!")
        for number in range(1, ADMINISTRATORS)
    )
    Membership.objects.bulk_create(
        Membership(organisation=large, user=person, role=ADMINISTRATOR) for person in people
    )
    large.group.user_set.add(*people)
    return str(large.key)


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    print(json.dumps(fill()))
