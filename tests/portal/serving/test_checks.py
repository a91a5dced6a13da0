"""What a real installation is told before it starts, by the real command with a real environment."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

GOOD = {
    # What pytest and the browser tests set is not what an installation has.
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "",
    "SITE_URL": "https://portal.example",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "CODE_KEY": secrets.token_urlsafe(64),
    "TRUSTED_PROXY_COUNT": "1",
    "DATABASE_URL": "postgres://portal@localhost/portal",
    "REDIS_URL": "redis://localhost:6379/0",
    "DEVELOPMENT": "",
    "EMAIL_URL": "",
    "MAIL_PROVIDER": "",
}


def check(tmp_path: Path, **environment: str) -> tuple[int, str]:
    """What `manage.py check --deploy` says in this environment, and whether it is content."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=os.environ | GOOD | {"VAR_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.embedded
@pytest.mark.parametrize(
    "mail",
    [
        {"EMAIL_URL": "smtp+tls://portal:secret@mail.example:587"},
        {
            "MAIL_PROVIDER": "postmark",
            "ANYMAIL_POSTMARK_SERVER_TOKEN": "token",
            "ANYMAIL_WEBHOOK_SECRET": "reports:secret",
        },
    ],
    ids=["mail server", "provider"],
)
def test_a_real_installation_passes(tmp_path: Path, mail: dict[str, str]) -> None:
    code, said = check(tmp_path, **mail)
    assert code == 0 and "no issues" in said, said


@pytest.mark.embedded
def test_everything_that_is_missing_is_named_with_what_mends_it(tmp_path: Path) -> None:
    code, said = check(tmp_path, DEVELOPMENT="1", CODE_KEY="short")
    assert code == 1
    for part in ("portal.E001", "DEVELOPMENT", "portal.W001", "EMAIL_URL", "portal.E002", "CODE_KEY"):
        assert part in said, part


@pytest.mark.embedded
def test_a_provider_that_cannot_show_who_it_is_is_named(tmp_path: Path) -> None:
    """E-mails go out, but nobody would know whether they arrive. An empty value is none."""
    code, said = check(tmp_path, MAIL_PROVIDER="mailgun", ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY="")
    assert code == 1
    assert "portal.W002" in said and "ANYMAIL_MAILGUN_WEBHOOK_SIGNING_KEY" in said
