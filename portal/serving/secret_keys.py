"""Where the installation keeps what is its own, and the secrets it makes when the environment gives none."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def own_directory(path: Path) -> None:
    """Make the directory; close it where it is ours and others may look in."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = path.stat()
    if hasattr(os, "geteuid") and state.st_uid == os.geteuid() and state.st_mode & 0o077:
        with suppress(OSError):
            path.chmod(0o700)


def kept_key(path: Path) -> str:
    """The secret kept in the file `path`, made on first use and readable by its owner alone.

    Safe when several processes start at once: whoever creates the file first decides, and the file
    appears whole (it is linked into place), so nobody reads a half-written key.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
