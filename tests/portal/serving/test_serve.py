"""`manage.py serve` as a whole: it answers, mends itself, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.serving.supervisor import Child, start
from tests.conftest import lend_static_files
from tests.serving import ROOT, Portal, is_alive, wait_until

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data as after the first start."""
    folder = tmp_path_factory.mktemp("prepared")
    lend_static_files(folder)
    made = _manage("prepare", VAR_DIR=str(folder))
    assert made.returncode == 0, made.stderr
    return folder


@contextmanager
def running(prepared: Path, folder: Path) -> Iterator[Portal]:
    """A portal that is ended afterwards, unless the test has done so."""
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    portal = Portal(folder)
    portal.start()
    try:
        yield portal
    finally:
        if is_alive(portal.pid):
            portal.stop()


@pytest.fixture
def portal(prepared: Path, tmp_path: Path) -> Iterator[Portal]:
    """A portal of the test's own, to end in its own way."""
    with running(prepared, tmp_path) as portal:
        yield portal


@pytest.fixture(scope="module")
def lasting_portal(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal for all tests that leave it running."""
    with running(prepared, tmp_path_factory.mktemp("lasting")) as portal:
        yield portal


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_killed_child_is_back_within_five_seconds(lasting_portal: Portal, name: str) -> None:
    pid = lasting_portal.children()[name]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: lasting_portal.children().get(name, pid) != pid, 5, f"{name} is back")
    wait_until(lasting_portal.answers, 5, "the portal answers again")
    assert f"{name} (process {pid}) was ended by SIGKILL" in lasting_portal.log_path.read_text()


def test_all_processes_together_take_less_than_250_megabytes(lasting_portal: Portal) -> None:
    assert lasting_portal.memory() < 250


def test_ctrl_c_leaves_no_process(portal: Portal) -> None:
    portal.stop(signal.SIGINT)
    assert portal.log_path.read_text().endswith("Stopped.\n")


def test_a_killed_supervisor_leaves_no_process(portal: Portal) -> None:
    assert portal.stop(signal.SIGKILL) < 25


def test_sigterm_to_a_busy_tree_ends_it_within_the_grace(portal: Portal) -> None:
    os.kill(portal.children()["worker"], signal.SIGSTOP)  # it will not hear that it is to end
    assert 10 < portal.stop(signal.SIGTERM) < 25


def test_a_taken_port_is_said_before_anything_starts(lasting_portal: Portal, tmp_path: Path) -> None:
    second = _manage("serve", "--prepare", PORT=str(lasting_portal.port), VAR_DIR=str(tmp_path / "second"))
    assert second.returncode == 1
    assert f"Port {lasting_portal.port} on 127.0.0.1 is taken." in second.stderr
    assert not (tmp_path / "second" / "portal.sqlite3").exists()


def test_data_is_not_deleted_under_a_running_portal(lasting_portal: Portal) -> None:
    refused = _manage("reset", VAR_DIR=str(lasting_portal.var_dir))
    assert refused.returncode == 1
    assert "The portal is running" in refused.stderr
    assert (lasting_portal.var_dir / "portal.sqlite3").exists()


def test_reset_deletes_what_nobody_uses(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "one").write_text("")
    assert _manage("reset", VAR_DIR=str(tmp_path)).returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert _manage("reset", VAR_DIR=str(tmp_path), DEVELOPMENT="").returncode == 1


@pytest.mark.parametrize("port", ["eighty", "0", "65536"])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    refused = _manage("serve", PORT=port, VAR_DIR=str(tmp_path))
    assert refused.returncode == 1
    assert "it must be a number" in refused.stderr


def test_a_child_that_keeps_dying_is_started_less_and_less_often() -> None:
    child = Child("web", main=lambda: None)
    assert [child.wait_before_restart(now=1) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert child.wait_before_restart(now=100) == 0.5, "it lived long enough to have been well"


def test_a_child_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    pid = start(Child("web", main=lambda: print(1 / 0)))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert "ZeroDivisionError" in capfd.readouterr().err


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "portal.settings", "DEVELOPMENT": "1"}
        | {"DATABASE_URL": "", "REDIS_URL": ""}
        | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
