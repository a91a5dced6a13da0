"""What is found when the portal starts, wherever in an app it stands."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps

from portal.apps import email_modules
from portal.mail import outbox
from tests.test_architecture import APPS, ROOT, modules


def test_every_module_that_builds_e_mails_is_found() -> None:
    """One that is not would be imported by chance, or its kinds could not be sent by a worker."""
    building = {path for path in modules(*APPS) if "\n@builds(" in (ROOT / path).read_text()}
    names = {str(path.with_suffix("")).replace("/", ".") for path in building}
    assert names and names <= set(email_modules())


def test_they_are_found_by_whatever_path_the_portal_is_reached(tmp_path: Path) -> None:
    """Through a link, as releases are often switched by one."""
    (tmp_path / "current").symlink_to(ROOT)
    count = "import django; django.setup(); from portal.mail import outbox; print(len(outbox._builders))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "current"), "VAR_DIR": str(tmp_path / "var")}
    said = subprocess.run(
        [sys.executable, "-P", "-c", count],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(said.stdout) == len(outbox._builders)


def test_a_story_that_cannot_be_imported_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_story").mkdir()
    (tmp_path / "broken_story" / "__init__.py").write_text("import nowhere")
    portal = apps.get_app_config("portal")
    monkeypatch.setattr(portal, "module", SimpleNamespace(__path__=[str(tmp_path)]))
    with pytest.raises(ImportError, match=r"portal\.broken_story cannot be imported"):
        list(email_modules())
