"""What the portal writes on disk is its own alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from portal.serving.secret_keys import kept_key, own_directory

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of this kind are POSIX"),
]


def test_a_directory_others_can_read_is_closed(tmp_path: Path) -> None:
    loose = tmp_path / "var"
    loose.mkdir(mode=0o777)
    loose.chmod(0o755)
    own_directory(loose)
    assert loose.stat().st_mode & 0o777 == 0o700


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    own_directory(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_who_makes_the_key_first_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process links its key into place between our look and our own link."""
    path, link = tmp_path / "key", os.link

    def beaten(draft: Path, target: Path) -> None:
        target.write_text("theirs\n")
        link(draft, target)

    monkeypatch.setattr(os, "link", beaten)
    assert kept_key(path) == "theirs"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_what_manage_py_writes_is_private(tmp_path: Path) -> None:
    """Database, keys and all, whatever the shell it was started from allows."""
    var = tmp_path / "var"
    var.mkdir()
    var.chmod(0o755)
    environment = os.environ | {"VAR_DIR": str(var), "DATABASE_URL": "", "REDIS_URL": ""}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "manage.py", "migrate", "portal", "--verbosity", "0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True, umask=0o022, timeout=120)
    files = [var, *var.rglob("*")]
    assert len(files) > 1
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in files} == {p.name: "0o0" for p in files}
