"""A small load generator: a few connections to 127.0.0.1, each asking again once it was answered."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What is asked, and what a good answer begins with."""

    path: str
    cookies: dict[str, str]
    body: str = ""
    status: int = 200

    def encoded(self, port: int) -> bytes:
        """As it goes over the line."""
        lines = [
            f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1",
            f"Host: localhost:{port}",
            "Accept-Encoding: gzip",
            "Accept-Language: en-GB",
            "Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        ]
        if self.body:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(self.body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass
class Load:
    """What came of it: how long each answer took, and how large it was on the line."""

    seconds: float = 0
    waits: list[float] = field(default_factory=list)
    size: int = 0

    @property
    def per_second(self) -> float:
        return len(self.waits) / self.seconds if self.seconds else 0


def ask(
    port: int,
    requests: Iterator[Request],
    *,
    connections: int,
    until: Callable[[int, float], bool],
) -> Load:
    """Ask until `until(how many, seconds)`, or until there is nothing left to ask. Any other answer fails."""
    return asyncio.run(_ask(port, requests, connections, until))


async def _ask(
    port: int, requests: Iterator[Request], connections: int, until: Callable[[int, float], bool]
) -> Load:
    load, began = Load(), time.monotonic()

    async def visitor() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for request in requests:
                asked = time.monotonic()
                writer.write(request.encoded(port))
                load.size = await _read(reader, request)
                load.waits.append(time.monotonic() - asked)
                if until(len(load.waits), time.monotonic() - began):
                    break
        finally:
            writer.close()

    await asyncio.gather(*(visitor() for _ in range(connections)))
    load.seconds = time.monotonic() - began
    return load


async def _read(reader: asyncio.StreamReader, request: Request) -> int:
    """One answer; returns its size."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    size = int(headers["content-length"])
    await reader.readexactly(size)
    answered = int(head.split(maxsplit=2)[1])
    assert answered == request.status, f"{request.path} answered {answered}, not {request.status}"
    return size
