"""`manage.py check_access` finds whatever was written past the services, and mends it."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db.models import F

from locations import drift
from locations.levels import Level
from locations.models import Access, Location, LocationGroupPermission, LocationUserPermission
from locations.permissions import permission_id
from organisations.models import Membership, Organisation
from tests.cast import MEMBER, Cast, share
from tests.organisations.tools import assert_sound
from tests.tools import in_days

GROUP, PERSON = LocationGroupPermission, LocationUserPermission


@pytest.fixture
def shared(cast: Cast) -> Cast:
    """A person with an end, another by two ways, and an organisation; everything agrees."""
    share(cast.site, cast.installer, cast.contractor, Level.CONFIGURE, access_ends_at=in_days(5))
    share(cast.site, cast.installer, cast.customer, Level.VIEW)
    share(cast.bait, cast.stranger, cast.customer, Level.MANAGE, access_ends_at=in_days(9))
    assert check() == "Access, permissions, members and groups agree.\n"
    return cast


def check(*options: str) -> str:
    """What the command says. Raises CommandError where it ends with 1."""
    said = StringIO()
    call_command("check_access", *options, stdout=said)
    return said.getvalue()


BREACHES: dict[str, Callable[[Cast], object]] = {
    "a person's permissions gone": lambda c: PERSON.objects.filter(user=c.contractor).delete(),
    "one level of an organisation's gone": lambda c: GROUP.objects.filter(
        group=c.firm.group, permission=permission_id(Level.MANAGE)
    ).delete(),
    "a permission nobody gave": lambda c: PERSON.objects.filter(
        user=c.customer, content_object=c.bait
    ).update(user=c.support),
    "a group's permission nobody gave": lambda c: GROUP.objects.filter(
        group=c.firm.group, content_object=c.site
    ).update(content_object=c.bait),
    "a group of no organisation": lambda c: GROUP.objects.filter(group=c.firm.group).update(
        group=Group.objects.create(name="stray")
    ),
    "a permission of another kind": lambda c: PERSON.objects.filter(
        user=c.customer, content_object=c.site
    ).update(permission=_another_permission()),
    "an end too late": lambda c: PERSON.objects.filter(user=c.contractor).update(ends_at=in_days(50)),
    "an end too early": lambda c: PERSON.objects.filter(user=c.contractor).update(ends_at=in_days(-1)),
    "no end where there is one": lambda c: PERSON.objects.filter(user=c.contractor).update(ends_at=None),
    "an end where there is none": lambda c: GROUP.objects.filter(group=c.firm.group).update(
        ends_at=in_days(3)
    ),
    "an old name": lambda c: Location.objects.filter(pk=c.site.pk).update(sort_name="another"),
    "an old address": lambda c: GROUP.objects.filter(group=c.firm.group).update(search_text="elsewhere"),
    "a text to search in too many": lambda c: GROUP.objects.filter(group=c.firm.group, search_text="").update(
        search_text=c.site.search_text
    ),
    "archived in one place": lambda c: GROUP.objects.filter(group=c.firm.group).update(archived=True),
    "archived in the other": lambda c: Location.objects.filter(pk=c.site.pk).update(archived_at=in_days(0)),
    "access ended past the service": lambda c: Access.objects.filter(user=c.contractor).update(
        ended_at=in_days(0)
    ),
    "a level changed past the service": lambda c: Access.objects.filter(user=c.contractor).update(
        level=F("level") - 1
    ),
    "a member outside the group": lambda c: c.colleague.groups.clear(),
    "a stranger in the group": lambda c: c.firm.group.user_set.add(c.stranger),
    "a member written past the service": lambda c: Membership.objects.create(
        organisation=c.firm, user=c.support, role=MEMBER
    ),
    "a membership deleted past the service": lambda c: Membership.objects.filter(user=c.colleague).delete(),
}


def _another_permission() -> int:
    from django.contrib.auth.models import Permission

    return int(Permission.objects.exclude(content_type__app_label="locations").latest("pk").pk)


@pytest.mark.parametrize("breach", BREACHES)
def test_what_is_written_past_the_services_is_found_and_mended(shared: Cast, breach: str) -> None:
    """Told first, and nothing touched; mended by --repair; then there is nothing more to find."""
    BREACHES[breach](shared)
    broken = state()
    with pytest.raises(CommandError, match="They differ"):
        check()
    assert state() == broken
    assert check("--repair").endswith("Mended; they agree now.\n")
    Group.objects.filter(name="stray").delete()
    assert_sound()
    for location in (shared.site, shared.bait):
        assert_projected(location)
    assert check() == "Access, permissions, members and groups agree.\n"
    assert check("--repair") == "Access, permissions, members and groups agree.\n"


def state() -> list[object]:
    """Everything that the command looks at."""
    return [list(model.objects.order_by("pk").values_list()) for model in (Access, GROUP, PERSON, Membership)]


def assert_projected(location: Location) -> None:
    """The permission rows are exactly those the Access rows ask for, worked out here by hand."""
    location.refresh_from_db()
    wanted = {}
    for access in Access.objects.live().filter(location=location):
        who = ("person", access.user_id) if access.user_id else ("group", access.organisation.group_id)
        for level in Level:
            if level <= access.level:
                wanted[(*who, permission_id(level))] = access.ends_at
    rows = {
        **{("person", r.user_id, r.permission_id): r for r in PERSON.objects.filter(content_object=location)},
        **{("group", r.group_id, r.permission_id): r for r in GROUP.objects.filter(content_object=location)},
    }
    assert {key: row.ends_at for key, row in rows.items()} == wanted
    for (*_, permission), row in rows.items():
        assert (row.sort_name, row.archived) == (location.sort_name, location.archived_at is not None)
        searched = permission == permission_id(Level.VIEW)
        assert row.search_text == (location.search_text if searched else "")


def test_what_has_run_out_is_no_drift(shared: Cast) -> None:
    """Rows whose end has come give nothing, and wait for the worker to tidy them."""
    Access.objects.filter(user=shared.contractor).update(ends_at=in_days(-1))
    PERSON.objects.filter(user=shared.contractor).update(ends_at=in_days(-1))
    assert check() == "Access, permissions, members and groups agree.\n"


def test_the_longest_way_counts(shared: Cast) -> None:
    """Two ways to one permission: it ends with the later, and never if one of them never ends."""
    share(shared.site, shared.installer, shared.contractor, Level.VIEW)
    assert not any(drift.find().values())


def test_finding_costs_the_same_whatever_there_is(shared: Cast, django_assert_num_queries: Callable) -> None:  # type: ignore[type-arg]
    """Set-based: no query per row."""
    drift.find()
    with django_assert_num_queries(22):
        drift.find()
    with django_assert_num_queries(1):
        list(Organisation.objects.with_drifted_group())
