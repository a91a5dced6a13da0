"""The broker made of files: messages appear whole, none is lost, and a bad file stops nobody."""

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from portal.serving.file_broker import Transport

pytestmark = pytest.mark.embedded
MESSAGES = 2000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for messages, of which kombu remembers nothing from another test in this process."""
    Transport.global_state.clear()
    return tmp_path / "queue"


def _queue(folder: Path) -> SimpleQueue:
    connection = Connection(
        "filesystem://localhost/",
        transport=Transport,
        transport_options={
            "data_folder_in": str(folder),
            "data_folder_out": str(folder),
            "processed_folder": str(folder.with_name("taken")),
            "control_folder": str(folder.with_name("control")),
            "polling_interval": 0.01,
        },
    )
    return connection.SimpleQueue("celery", no_ack=True)


def test_two_readers_get_each_of_many_messages_once(folder: Path) -> None:
    _queue(folder).close()  # the folders and the binding exist before anybody writes
    got: list[int] = []
    faults: list[BaseException] = []
    written = threading.Event()

    def read() -> None:
        queue = _queue(folder)
        try:
            while True:
                try:
                    got.append(queue.get(block=False).payload["number"])
                except Empty:
                    if written.is_set():
                        return
        except BaseException as fault:
            faults.append(fault)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    writer = _queue(folder)
    for number in range(MESSAGES):
        writer.put({"number": number})
    written.set()
    for reader in readers:
        reader.join(60)
    assert not faults
    assert sorted(got) == list(range(MESSAGES))


def test_a_message_that_is_being_written_is_not_seen(folder: Path) -> None:
    queue = _queue(folder)
    queue.put({"number": 1})
    (whole,) = folder.glob("*.msg")
    (folder / f".{whole.name}.draft").write_text('{"half')
    assert queue.get(block=False).payload == {"number": 1}
    with pytest.raises(Empty):
        queue.get(block=False)


@pytest.mark.parametrize("content", ["", '{"half'])
def test_a_broken_file_does_not_stop_the_reader(folder: Path, content: str) -> None:
    queue = _queue(folder)
    (folder / "0_broken.celery.msg").write_text(content)
    queue.put({"number": 1})
    assert queue.get(timeout=5).payload == {"number": 1}


def test_nobody_else_may_look_into_the_folders(folder: Path) -> None:
    _queue(folder).put({"number": 1})
    assert folder.stat().st_mode & 0o777 == 0o700
