"""What the tests of organisations share: do members and group agree, who sees what, people by the dozen."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, connections
from django.db.models import Model
from django.test import Client

from locations.models import Location
from organisations.models import JoinRequest, Membership, Organisation
from portal.models import Activity, OutgoingEmail, Throttle, User
from tests.cast import ADMINISTRATOR
from tests.tools import state_of_everything


def assert_sound() -> None:
    """Each organisation's group is its members, one of whom at least is an Administrator who can sign in;
    one that was deleted has nobody, and nothing.
    """
    for organisation in Organisation.objects.select_related("group"):
        members = set(organisation.memberships.values_list("user_id", flat=True))
        assert set(organisation.group.user_set.values_list("pk", flat=True)) == members, organisation
        if organisation.closed_at:
            assert not members
            assert not organisation.accesses.filter(ended_at=None).exists()
            assert not organisation.invitations.filter(state="pending").exists()
        else:
            assert administrators(organisation), f"{organisation} has no Administrator"
    assert Group.objects.count() == Organisation.objects.count()


@contextmanager
def sound() -> Iterator[None]:
    """Membership and group agree before and after the act in here."""
    assert_sound()
    yield
    assert_sound()


def administrators(organisation: Organisation) -> set[str]:
    """The addresses of those who administer it and can sign in, asked without the code under test."""
    rows = Membership.objects.filter(organisation=organisation, role="administrator", user__is_active=True)
    return set(rows.values_list("user__email", flat=True))


def roles(organisation: Organisation) -> dict[str, str]:
    """Everybody's role by the part of the address before the @."""
    rows = Membership.objects.filter(organisation=organisation).values_list("user__email", "role")
    return {email.partition("@")[0]: role for email, role in rows}


def membership(user: User, organisation: Organisation) -> Membership:
    """This person's place in it."""
    return Membership.objects.select_related("user", "organisation").get(user=user, organisation=organisation)


def seen(user: User) -> set[Location]:
    """What this person sees, by the funnel."""
    return set(Location.objects.visible_to(User.objects.get(pk=user.pk)))


def listed(client: Client) -> set[str]:
    """The names of the locations on this person's list."""
    response = client.get("/locations/")
    assert response.status_code == 200
    return {location.name for location in response.context["page"].locations}


def verbs(organisation: Organisation) -> list[str]:
    """What the record says happened in it, in order."""
    entries = Activity.objects.filter(organisation_id=organisation.pk).order_by("pk")
    return list(entries.values_list("verb", flat=True))


def last_entry(organisation: Organisation) -> Activity:
    """The newest entry about it."""
    return Activity.objects.filter(organisation_id=organisation.pk).latest("pk")


def people(count: int, organisation: Organisation, role: str = "member") -> list[User]:
    """That many members at once, in the group too, with names that sort: `Person 001`."""
    start = User.objects.filter(name__startswith="Person ").count()
    made = User.objects.bulk_create(
        User(email=f"person{n:03}@crowd.example", name=f"Person {n:03}")
        for n in range(start + 1, start + count + 1)
    )
    by = organisation.memberships.filter(role=ADMINISTRATOR).first().user
    Membership.objects.bulk_create(
        Membership(organisation=organisation, user=user, role=role, added_by=by) for user in made
    )
    organisation.group.user_set.add(*made)
    return made


def everything() -> dict[str, list[Any]]:
    """Every row that a page or a refusal must leave alone."""
    tables: list[type[Model]] = [JoinRequest, Group, User.groups.through]
    rows = {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in tables}
    return state_of_everything() | rows


def forget_throttles() -> None:
    """How often somebody has tried is no part of this."""
    Throttle.objects.all().delete()


def mails_to(kind: str) -> set[tuple[str, str]]:
    """Address and language of every queued e-mail of this kind."""
    return set(OutgoingEmail.objects.filter(kind=kind).values_list("address", "language"))


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run these at the same moment, each on a connection of its own; what each returned or raised."""
    outcomes: list[object] = [None] * len(acts)
    start = threading.Barrier(len(acts))

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            start.wait(10)
            outcomes[place] = act()
        except Exception as error:  # the test looks at it
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "they wait for each other"
    return outcomes
