"""A Celery broker made of files, for an installation without Redis.

It is kombu's own `filesystem` transport with two faults mended: kombu writes a message in place, so a worker
can read it half written and then stops; and it passes every message through the system's temporary folder.
Here a message appears whole, is taken by renaming it within the portal's own folders, and a file that is no
message is dropped. Messages may still be lost when a worker is killed; nothing depends on them
(`portal.mail.outbox`).
"""

import logging
import os
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """kombu's channel, writing and taking atomically, in private folders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.data_folder_out, self.processed_folder, self.control_folder):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f".{name}.draft"
        draft.write_text(dumps(payload))
        os.replace(draft, folder / name)

    def _get(self, queue: str) -> Any:
        for path in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            taken = Path(self.processed_folder) / path.name
            try:
                path.rename(taken)
            except FileNotFoundError:
                continue  # another reader was quicker
            content = taken.read_text()
            taken.unlink()
            try:
                return loads(content)
            except ValueError:
                logger.warning("Dropped a file that is no message: %s", path.name)
        raise Empty


class Transport(filesystem.Transport):
    """Named in settings as CELERY_BROKER_TRANSPORT."""

    Channel = Channel
