"""Makes people for browser tests in the portal's own data, and signs them in.

`python -m tests.browser.crowd 40` runs as a process with the portal's environment and prints the session of
each person, the demo people's too. Besides the guests there is a host, with an organisation and one location
that has everything a page can show.
"""

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from portal.models import User

PASSWORD = "a long way to Tipperary"


def main(count: int) -> None:
    from django.conf import settings
    from django.contrib.auth.hashers import make_password
    from django.db import transaction
    from django.test import Client

    from portal.models import User
    from tests.cast import make_person

    secret = make_password(PASSWORD)
    with transaction.atomic():
        _make_host(make_person("host@people.example", "Hanne Host"))
        _make_crowded(make_person("crowded@people.example", "Karen Kø"), secret)
    for number in range(1, count + 1):
        person = make_person(f"guest-{number:02}@people.example", f"Guest {number:02}")
        User.objects.filter(pk=person.pk).update(password=secret)
    crowd = []
    for user in User.objects.filter(is_active=True).order_by("pk"):
        client = Client()
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[0])
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        crowd.append({"email": user.email, "name": user.name, "session": session})
    print(json.dumps(crowd))


def _make_host(host: "User") -> None:
    from django.utils import timezone

    from locations.levels import Level
    from locations.models import ChargePoint, Circuit, LoadBalancer
    from organisations import inviting
    from organisations.services import add_member, create_organisation
    from portal.models import OutgoingEmail
    from sharing.invitations import codes as invitations_codes
    from sharing.models import Invitation
    from tests.cast import MEMBER, invite, make_location, make_owner, make_person, share

    firm = create_organisation(name="Host & Sons", by=host)
    family = [make_person(f"son-{number}@people.example", f"Søn {number}") for number in range(1, 8)]
    for son in family:
        add_member(organisation=firm, user=son, role=MEMBER, by=host)
    friends = [make_person(f"friend-{name}@people.example", name) for name in ("Åse", "Bo", "Ida")]
    site = make_location(host, firm, "Showroom")
    circuit = Circuit.objects.create(location=site, name="Gruppe A", fuse=16)
    ChargePoint.objects.create(
        circuit=circuit, serial_number="CP-1", model="Volt 11", maximum_current=16, pin="1234"
    )
    LoadBalancer.objects.create(location=site, serial_number="LB-1", model="Balance 3")
    make_owner(site, friends[0], host)
    share(site, host, friends[1], Level.CONFIGURE, access_ends_at=timezone.now() + timedelta(days=40))
    share(site, host, friends[2])
    invite(site, host, make_person("waiting@people.example"))
    late = invite(site, host, make_person("late@people.example"))
    long_ago = timezone.now() - timedelta(days=30)
    Invitation.objects.filter(pk=late.pk).update(invited_at=long_ago, expires_at=long_ago + timedelta(days=7))
    lost = invite(site, host, make_person("lost@people.example"))
    OutgoingEmail.objects.filter(about=lost.uuid).update(status=OutgoingEmail.Status.FAILED, attempts=1)
    invitations_codes.create_code(location=site, by=host, level=Level.VIEW)
    inviting.invite(organisation=firm, by=host, addresses=["apprentice@people.example"], role=MEMBER)
    expired = firm.member_invitations.get()
    firm.member_invitations.update(invited_at=long_ago, expires_at=long_ago + timedelta(days=7))
    inviting.invite(organisation=firm, by=host, addresses=["journeyman@people.example"], role=MEMBER)
    waiting = firm.member_invitations.exclude(pk=expired.pk).get()
    OutgoingEmail.objects.filter(about=waiting.uuid).update(status=OutgoingEmail.Status.FAILED, attempts=1)


def _make_crowded(owner: "User", secret: str) -> None:
    """One location, shared with two hundred people who never sign in."""
    from locations.levels import Level
    from locations.models import Access
    from locations.services import give_access
    from portal.models import User
    from tests.cast import make_location

    site = make_location(owner, None, "Messen")
    parties = User.objects.bulk_create(
        User(email=f"party{number:03}@crowd.example", name=f"Party {number:03}", password=secret)
        for number in range(1, 201)
    )
    for party in parties:
        give_access(location=site, party=party, level=Level.VIEW, reason=Access.Reason.EMAIL, by=owner)
    User.objects.filter(pk__in=[party.pk for party in parties]).update(is_active=False)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
