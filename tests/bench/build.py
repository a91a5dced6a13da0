"""Makes the database of a size, in minutes where the services would take days, and proves that it is as they
would have left it."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests import parts
from tests.bench.plan import CITIES, OPERATORS, PREFIX, SITES, SIZES, Plan

_HERE = Path(__file__).parent
_PROVED = 200
_DESCRIPTION = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
# Everything `data.sql` fills; without their indexes meanwhile, which takes a third of the time.
_FILLED = [
    "locations_access",
    "locations_location",
    "locations_locationgrouppermission",
    "locations_locationuserpermission",
    "organisations_membership",
    "organisations_organisation",
    "portal_user",
    "portal_user_groups",
    "sharing_invitation",
]
# How each is dropped, and made again.
_CONSTRAINTS = """
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
        format('ALTER TABLE %%s ADD CONSTRAINT %%I ', conrelid::regclass, conname)
            || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype IN ('f', 'u') AND conrelid = ANY(%s::regclass[]) ORDER BY contype
"""
_INDEXES = """
    SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE NOT indisprimary AND indrelid = ANY(%s::regclass[])
"""
# Those whose ids `data.sql` gives itself.
_NUMBERED = (
    "portal_user",
    "auth_group",
    "organisations_organisation",
    "locations_location",
    "locations_access",
)


@contextmanager
def database(server: str, size: str, *, kept: bool) -> Iterator[str]:
    """The address of a database to build in: one that is kept between runs, or one for this run alone."""
    name = f"portal_bench_{size}" if kept else f"portal_bench_{size}_{os.getpid()}"
    with parts.connect(server) as connection:
        # Two runs at once would measure each other; the second waits.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if not _is_current(connection, name):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        try:
            yield parts.with_database(server, name)
        finally:
            if not kept:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _is_current(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute(_DESCRIPTION, [name]).fetchone()
    return bool(found) and (found[0] or "").startswith(fingerprint())


def fingerprint() -> str:
    """What a database was built from: the tables, and what fills them."""
    sources = sorted(_HERE.parent.parent.glob("*/migrations/0*.py"))
    sources += [_HERE / name for name in ("plan.py", "data.sql")]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def fill(size: str) -> float:
    """Fill Django's database, unless it is there already; says in how many seconds that was done."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(_DESCRIPTION, [name])
        description = cursor.fetchone()[0]
    if not description:
        start = time.monotonic()
        _fill(size)
        prove()
        description = f"{fingerprint()} {time.monotonic() - start:.0f}"
        with connection.cursor() as cursor:
            cursor.execute(f"COMMENT ON DATABASE {name} IS '{description}'")
    return float(description.split()[1])


def _fill(size: str) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    plan = Plan(SIZES[size])
    with connection.cursor() as cursor:
        for setting in ("synchronous_commit = off", "maintenance_work_mem = '512MB'", "work_mem = '256MB'"):
            cursor.execute(f"SET {setting}")
        _lend(cursor, plan)
        with _bare(cursor):
            for statement in _statements(plan):
                cursor.execute(statement)
        for table in _NUMBERED:
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
        cursor.execute("VACUUM (ANALYZE)")
    # The settings above are for filling alone.
    connection.close()


def _lend(cursor: Any, plan: Plan) -> None:
    """What `data.sql` reads beside the numbers: organisations, members, words and levels."""
    from locations.levels import Level
    from locations.permissions import permission_id
    from locations.sorting import search_text, sort_key

    administrators = {}
    for organisation, person in plan.members:
        administrators.setdefault(organisation, person)
    words = [*SITES, PREFIX]
    tables = {
        "installer (number int, sites int, administrator bigint)": [
            (number, sites, administrators[number]) for number, sites in enumerate(plan.installed, 1)
        ],
        "member (organisation bigint, person bigint)": plan.members,
        "street (number bigint, name text, sort text, search text)": [
            (number, name, sort_key(name), search_text(name)) for number, name in enumerate(words)
        ],
        "city (number bigint, name text)": list(enumerate(CITIES, 1)),
        "permits (level int, permission int)": [(level.value, permission_id(level)) for level in Level],
    }
    for table, rows in tables.items():
        cursor.execute(f"CREATE TEMP TABLE {table}")
        with cursor.copy(f"COPY {table.split()[0]} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {table.split()[0]}")


def _statements(plan: Plan) -> list[str]:
    text = (_HERE / "data.sql").read_text()
    for name, number in _numbers(plan).items():
        text = text.replace(f"{{{name}}}", str(number))
    return [statement for statement in text.split(";\n") if statement.strip()]


def _numbers(plan: Plan) -> dict[str, int]:
    names = "size prefixed organisations people first_contractor contractors first_customer customers"
    return {
        "streets": len(SITES),
        "cities": len(CITIES),
        "operators": OPERATORS,
        "first_operator": len(plan.installed) + 1,
        **{name: getattr(plan, name) for name in names.split()},
    }


@contextmanager
def _bare(cursor: Any) -> Iterator[None]:
    """Without what is checked or kept in order row by row; made again at the end, which checks it once."""
    cursor.execute(_CONSTRAINTS, [_FILLED])
    found = cursor.fetchall()
    for drop, _ in found:
        cursor.execute(drop)
    cursor.execute(_INDEXES, [_FILLED])
    indexes = cursor.fetchall()
    for drop, _ in indexes:
        cursor.execute(drop)
    yield
    for _, make in [*indexes, *sorted(found, key=lambda one: "FOREIGN KEY" in one[1])]:
        cursor.execute(make)


def prove() -> None:
    """On a sample, what was written is what the services write: derived texts, permission rows, members."""
    from django.db.models import Q

    from locations import drift
    from locations.models import Access, Location
    from locations.sorting import search_text, sort_key
    from organisations.models import Organisation

    largest = Location.objects.latest("pk").pk
    sampled = Q(pk__in=range(1, largest, max(1, largest // _PROVED)))
    for location in Location.objects.filter(sampled):
        assert location.sort_name == sort_key(location.name), location
        assert location.search_text == search_text(location.name, location.address), location
        parties = {access.party for access in Access.objects.filter(location=location).with_parties()}
        assert len(parties) == 1 + location.pk % 4
    drifted = drift.find(among=list(Location.objects.filter(sampled).values_list("pk", flat=True)))
    assert not any(drifted.values()), drifted
    assert not Organisation.objects.with_drifted_group().exists()
