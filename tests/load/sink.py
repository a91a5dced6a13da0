"""A mail server that takes everything and keeps nothing but how much there was. 127.0.0.1 only."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Sink:
    """What it has taken, over how many connections."""

    port: int = 0
    messages: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as RFC 5321 says it goes when nothing is refused."""
        self.connections += 1
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).upper():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.messages += 1
            if line.startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                break
            writer.write(b"250 fine\r\n")
        writer.close()


@contextmanager
def sink() -> Iterator[Sink]:
    """One that runs for as long as this lasts, in a thread of its own."""
    found, loop, stands = Sink(), asyncio.new_event_loop(), threading.Event()

    async def run() -> None:
        server = await asyncio.start_server(found.serve, "127.0.0.1", 0, limit=2**20)
        found.port = server.sockets[0].getsockname()[1]
        stands.set()

    def forever() -> None:
        loop.run_until_complete(run())
        loop.run_forever()

    thread = threading.Thread(target=forever, daemon=True)
    thread.start()
    stands.wait(10)
    yield found
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


if __name__ == "__main__":
    # For a by-hand trial and for `tests.load.mailing`: says its port, ends with its standard input.
    import sys

    with sink() as standing:
        print(standing.port, flush=True)
        sys.stdin.read()
        print(f"{standing.messages} {standing.connections}", flush=True)
