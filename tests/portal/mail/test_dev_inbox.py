"""The page that shows, in development, every e-mail sent: from files a mail backend is still writing."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from portal.mail import dev_inbox
from tests.pages import browser, text_of

LINE = "-" * 79 + "\n"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.EMAIL_FILE_PATH = tmp_path
    return tmp_path


def letter(subject: str, *, date: str = "Sun, 01 Nov 2026 10:00:00 +0100") -> str:
    when = f"Date: {date}\n" if date else ""
    return f"Subject: {subject}\nTo: a@test.example\n{when}\nHello\n{LINE}"


def page(name: str, index: int) -> int:
    return int(browser().get(reverse("inbox_message", args=[name, index])).status_code)


def test_what_is_still_being_written_is_not_shown(folder: Path) -> None:
    (folder / "1.log").write_text(letter("Whole") + letter("Half").removesuffix(LINE))
    assert page("1.log", 0) == 200
    assert page("1.log", 1) == page("1.log", 2) == page("2.log", 0) == 404
    text = text_of(browser().get(reverse("inbox")))
    assert "Whole" in text and "Half" not in text


def test_a_message_without_a_date_is_as_old_as_its_file(folder: Path) -> None:
    path = folder / "1.log"
    path.write_text(letter("Undated", date="") + letter("Odd", date="yesterday") + letter("UTC", date="-"))
    os.utime(path, (0, datetime(2026, 11, 1, tzinfo=UTC).timestamp()))
    assert {mail.at for mail in dev_inbox._all_mail()} == {datetime(2026, 11, 1, tzinfo=UTC)}


def test_a_time_without_a_zone_is_read_as_utc(folder: Path) -> None:
    (folder / "1.log").write_text(letter("Zoneless", date="Sun, 01 Nov 2026 10:00:00 -0000"))
    assert [mail.at for mail in dev_inbox._all_mail()] == [datetime(2026, 11, 1, 10, tzinfo=UTC)]


def test_a_file_that_goes_away_takes_nothing_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "1.log").write_text(letter("Gone"))

    def gone(path: Path) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert list(dev_inbox._all_mail()) == []
