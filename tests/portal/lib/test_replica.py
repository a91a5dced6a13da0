"""A read replica lags, and nobody keeps a minute of access by it; what a pooler needs is set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.lib.replica import Router, may_lag
from portal.models import Activity, User
from tests.conftest import lend_static_files
from tests.serving import ROOT

pytestmark = pytest.mark.embedded

PRINT = """
import json
from portal import settings
KEYS = ("HOST", "CONN_MAX_AGE", "DISABLE_SERVER_SIDE_CURSORS", "OPTIONS")
print(json.dumps({
    "databases": {
        name: {key: each.get(key) for key in KEYS} for name, each in settings.DATABASES.items()
    },
    "routers": settings.DATABASE_ROUTERS,
}))
"""


def run(code: str, folder: Path, **environment: str) -> str:
    """What this prints, started with these settings."""
    known = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "DATABASE_REPLICA_URL", "DATABASE_IS_POOLED"), "")
    settings = {"DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(folder), "DEVELOPMENT": ""}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=os.environ | known | settings | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pooler_is_asked_for_nothing_that_outlives_a_transaction(tmp_path: Path) -> None:
    """No cursors on the server, no prepared statements; nor for the replica behind a pooler of its own."""
    printed = run(
        PRINT,
        tmp_path,
        DATABASE_URL="postgres://portal@pooler/portal",
        DATABASE_REPLICA_URL="postgres://portal@copy/portal",
        DATABASE_IS_POOLED="1",
    )
    found = json.loads(printed)["databases"]
    assert {name: each["HOST"] for name, each in found.items()} == {"default": "pooler", "replica": "copy"}
    assert all(each["DISABLE_SERVER_SIDE_CURSORS"] is True for each in found.values())
    assert found["default"]["OPTIONS"] == {"prepare_threshold": None}


def test_without_either_nothing_changes(tmp_path: Path) -> None:
    found = json.loads(run(PRINT, tmp_path, DATABASE_URL="postgres://portal@server/portal"))["databases"]
    assert list(found) == ["default"]
    assert found["default"]["DISABLE_SERVER_SIDE_CURSORS"] is False
    assert found["default"]["CONN_MAX_AGE"] == 60


def test_nothing_goes_to_the_replica_by_itself() -> None:
    """Not what is asked on from an object that came from there either: it may be about who may see what."""
    router, copied = Router(), User()
    copied._state.db = "replica"
    assert router.db_for_read(Activity) == router.db_for_read(User, instance=copied) == "default"
    assert router.db_for_write(User, instance=copied) == "default"
    assert router.allow_relation(copied, User())
    assert (router.allow_migrate("default", "portal"), router.allow_migrate("replica", "portal")) == (
        True,
        False,
    )
    assert may_lag() == "default"


LAGGING = """
import shutil, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from locations.levels import Level
from locations.models import Access, Location
from portal.models import Activity
from sharing.access import removing
from tests.cast import make_location, make_person, share

call_command("prepare", verbosity=0)
installer, guest = make_person("i@test.example", "Ida"), make_person("g@test.example", "Gert")
site = make_location(installer)
access = share(site, installer, guest, Level.VIEW)
visitor, owner = Client(SERVER_NAME="localhost"), Client(SERVER_NAME="localhost")
visitor.force_login(guest)
owner.force_login(installer)
page = reverse("locations:activity", args=[site.uuid])

# The copy follows until here, and then falls behind.
connection.close()
shutil.copy(settings.DATABASES["default"]["NAME"], settings.DATABASES["replica"]["NAME"])
assert visitor.get(page).status_code == 200
Location.objects.filter(pk=site.pk).update(name="Omdøbt")
removing.remove_access(access=access, by=installer)

# On the copy the guest still has access; it is not asked.
assert Access.objects.using("replica").live().filter(user=guest).exists()
assert visitor.get(page).status_code == 404
assert visitor.get(reverse("locations:activity_csv", args=[site.uuid])).status_code == 404
assert visitor.get(reverse("locations:detail", args=[site.uuid])).status_code == 404
assert site.name not in visitor.get(reverse("locations:list")).content.decode()

# The record comes from the copy, everything round it from the primary.
entries = Activity.objects.filter(location_id=site.pk)
assert entries.count() == entries.using("replica").count() + 1
shown = owner.get(page).content.decode()
assert "Omdøbt" in shown
assert shown.count('class="row-main"') == entries.using("replica").count()
lines = owner.get(reverse("locations:activity_csv", args=[site.uuid])).getvalue().decode().splitlines()
assert len(lines) == 1 + entries.using("replica").count()
print("fine")
"""


def test_who_lost_access_sees_nothing_while_the_replica_lags(tmp_path: Path) -> None:
    """A real second database that has fallen behind: it still shows the access, and nobody gets in by it."""
    copy = tmp_path / "copy.sqlite3"
    lend_static_files(tmp_path / "var")
    printed = run(LAGGING, tmp_path / "var", DATABASE_REPLICA_URL=f"sqlite:///{copy}")
    assert printed.splitlines()[-1] == "fine"
