"""`manage.py compile_translations`: what gettext's msgfmt does, without needing gettext."""

import os
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Compile every catalogue under locale/ whose text is newer than its compiled form."

    def handle(self, *args: Any, **options: Any) -> None:
        for catalogue in stale_catalogues():
            compile_catalogue(catalogue)
            self.stdout.write(f"Compiled {catalogue.relative_to(settings.BASE_DIR)}")


def stale_catalogues() -> list[Path]:
    """The .po files with no .mo that is at least as new."""
    found = [
        path
        for folder in settings.LOCALE_PATHS
        for path in sorted(Path(folder).glob("*/LC_MESSAGES/django.po"))
    ]
    return [path for path in found if not _is_current(path)]


def _is_current(catalogue: Path) -> bool:
    compiled = catalogue.with_suffix(".mo")
    return compiled.exists() and compiled.stat().st_mtime_ns >= catalogue.stat().st_mtime_ns


def compile_catalogue(path: Path) -> None:
    """Write the .mo beside `path`, whole or not at all: a running portal may be reading it."""
    with path.open("rb") as source:
        catalogue = read_po(source)
    draft = path.with_name(f".{path.stem}.{os.getpid()}.mo")
    with draft.open("wb") as target:
        write_mo(target, catalogue)
    os.replace(draft, path.with_suffix(".mo"))
