"""The e-mail that arrived: the files the embedded default writes, on every stack."""

import re
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.serving import wait_until

_END = re.compile(rb"^-{79}\r?\n", re.MULTILINE)
ARRIVES_WITHIN = 15.0


@dataclass(frozen=True)
class Letter:
    """One e-mail as its reader has it."""

    to: str
    subject: str
    text: str
    html: str
    id: str

    def link(self, part: str) -> str:
        """The one address in its text that contains `part`; the HTML must lead there too."""
        found = {address for address in re.findall(r"https?://\S+", self.text) if part in address}
        assert len(found) == 1, f"{len(found)} links with {part!r} in:\n{self.text}"
        assert f'href="{next(iter(found))}"' in self.html
        return found.pop()

    @property
    def code(self) -> str:
        """The invitation code as people read it."""
        return self.link("/add/").rstrip("/").rpartition("/")[2]


class Mailbox:
    """Everybody's mailbox: `folder` is where the portal puts what it sends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[int, list[Letter]]] = {}

    def of(self, address: str, subject: str = "") -> list[Letter]:
        """What this address has got by now, with `subject` in its subject; oldest first."""
        files = sorted(self.folder.glob("*.log"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        letters = [letter for path in files for letter in self._letters(path)]
        return [one for one in letters if one.to == address and subject in one.subject]

    def wait_for(self, address: str, subject: str = "", *, count: int = 1) -> Letter:
        """The newest of `count` e-mails, once they are there; a worker has to send them in time."""
        wait_until(
            lambda: len(self.of(address, subject)) >= count,
            ARRIVES_WITHIN,
            f"e-mail {count} about {subject!r} for {address} is there",
        )
        found = self.of(address, subject)
        assert len(found) == count, [letter.subject for letter in found]
        return found[-1]

    def stays_at(self, count: int, address: str, subject: str = "", *, seconds: float = 1.5) -> None:
        """Fail if in `seconds` there come more than `count`: the time a second nudge would take."""
        time.sleep(seconds)
        assert len(self.of(address, subject)) == count, self.of(address, subject)

    def _letters(self, path: Path) -> list[Letter]:
        size = path.stat().st_size
        if path not in self._read or self._read[path][0] != size:
            # What follows the last line of dashes is nothing, or still being written.
            parts = _END.split(path.read_bytes())[:-1]
            self._read[path] = (size, [_letter(part) for part in parts])
        return self._read[path][1]


def _letter(content: bytes) -> Letter:
    email = message_from_bytes(content, policy=policy.default)
    return Letter(
        to=str(email["To"]),
        subject=str(email["Subject"]).strip(),  # a folded header keeps the space of its fold
        text=_content(email, "plain"),
        html=_content(email, "html"),
        id=str(email["Message-ID"]),
    )


def _content(email: EmailMessage, kind: str) -> str:
    part = email.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
