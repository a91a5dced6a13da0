"""Every shipped language is complete and says nothing it is unsure of."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.test import override_settings

from portal.management.commands import compile_translations
from tests.serving import ROOT

# The texts in the sources are the English ones.
SHIPPED = [code for code, _ in settings.LANGUAGES if not code.startswith("en")]


def catalogue(code: str, root: Path = ROOT) -> Catalog:
    with (root / "locale" / code / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file)


def messages(catalog: Catalog) -> Iterator[Message]:
    """All but the header, which has no text of its own."""
    return (message for message in catalog if message.id)


@pytest.mark.parametrize("code", SHIPPED)
def test_every_text_is_translated(code: str) -> None:
    missing = [
        message.id
        for message in messages(catalogue(code))
        if not all([message.string] if isinstance(message.string, str) else message.string)
    ]
    assert not missing


@pytest.mark.parametrize("code", SHIPPED)
def test_nothing_is_fuzzy(code: str) -> None:
    assert not [message.id for message in messages(catalogue(code)) if message.fuzzy]


@pytest.mark.parametrize("code", SHIPPED)
def test_placeholders_are_those_of_the_original(code: str) -> None:
    kept = catalogue(code)
    faults = [(message.id, str(error)) for message in messages(kept) for error in message.check(kept)]
    assert not faults


@pytest.mark.parametrize("code", SHIPPED)
def test_the_catalogue_has_exactly_the_texts_of_the_sources(code: str, tmp_path: Path) -> None:
    if not shutil.which("xgettext"):
        pytest.skip("needs gettext's xgettext (Debian: apt-get install gettext)")
    for name in ("portal", "organisations", "locations", "sharing", "templates", "locale"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    made = subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", code, "--no-obsolete"],
        cwd=tmp_path,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    now = {(message.context, message.id) for message in messages(catalogue(code, tmp_path))}
    kept = {(message.context, message.id) for message in messages(catalogue(code))}
    assert now - kept == set(), "run make messages and translate what is new"
    assert kept - now == set(), "run make messages: the sources no longer say this"


def test_a_catalogue_is_compiled_when_it_is_newer(tmp_path: Path) -> None:
    source = tmp_path / "da" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "a"\nmsgstr "å"\n'
    )
    with override_settings(LOCALE_PATHS=[tmp_path]):
        assert compile_translations.stale_catalogues() == [source]
        compile_translations.compile_catalogue(source)
        assert compile_translations.stale_catalogues() == []
    with source.with_suffix(".mo").open("rb") as compiled:
        assert read_mo(compiled).get("a").string == "å"
    assert {path.name for path in source.parent.iterdir()} == {"django.po", "django.mo"}
