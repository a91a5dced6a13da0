"""`make load`: whole requests and mail on a real server. Prints the figures and puts them into docs/load.md.

Several people may use the machine: compare within one run. What is told in processor time does not depend on
them, requests per second do.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.load.client import Load, Request, ask
from tests.load.measuring import middle
from tests.load.report import Report
from tests.load.stage import Server, Stage, stage

WORKERS = (1, 2, 4)
ROUNDS = 4
SECONDS = 1.2
CONNECTIONS = 4
WARM_UP = 40


@dataclass
class Page:
    """A page and what its rounds came to."""

    name: str
    requests: Iterator[Request]
    loads: list[Load] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def measure(self, server: Server, stage: Stage) -> None:
        """One round."""
        before = server.processor_seconds()
        load = ask(stage.port, self.requests, connections=CONNECTIONS, until=_enough)
        self.loads.append(load)
        self.processor.append((server.processor_seconds() - before) / len(load.waits) * 1000)

    def figures(self, workers: int) -> list[str]:
        """A row of the table."""
        waits = [wait * 1000 for load in self.loads for wait in load.waits]
        return [
            self.name,
            str(workers),
            f"{middle(self.processor):.1f}",
            f"{middle([load.per_second for load in self.loads]):.0f}",
            f"{middle(waits):.0f}",
            f"{middle(waits, 0.95):.0f}",
            f"{self.loads[0].size / 1024:.1f}",
        ]


def main() -> None:
    """Measure everything and write it down."""
    report = Report()
    with stage() as prepared:
        _measure_pages(prepared, report)
        for module in ("tests.load.profiling", "tests.load.mailing"):
            report.paste(prepared.run(module, json.dumps(prepared.data)))
    report.write()


def _measure_pages(prepared: Stage, report: Report) -> None:
    """With each number of workers the pages by turns, then accepting."""
    times, memories, offers_by_turns = [], [], _offers(prepared)
    for workers in WORKERS:
        with Server(prepared, workers) as server:
            pages, offers = _pages(prepared), next(offers_by_turns)
            for page in pages:
                ask(prepared.port, page.requests, connections=CONNECTIONS, until=_warmed(WARM_UP))
            for _, page in itertools.product(range(ROUNDS), pages):
                page.measure(server, prepared)
            ask(prepared.port, offers.requests, connections=CONNECTIONS, until=_warmed(2 * workers))
            offers.measure(server, prepared)
            times += [page.figures(workers) for page in (*pages, offers)]
            memories.append((workers, server.memory()))
            if workers == 1:
                ratio = middle(pages[1].processor) / middle(pages[0].processor)
    head = ["page", "workers", "processor ms", "per second", "p50 ms", "p95 ms", "kB sent"]
    report.table("Pages", head, times)
    report.say(f"List page : empty page of the same layout = {ratio:.2f} (processor time, one worker).")
    head = ["workers", "RSS MB each", "PSS MB each", "PSS MB together"]
    report.table("Memory", head, [_memory_row(workers, found) for workers, found in memories])


def _memory_row(workers: int, found: list[tuple[float, float]]) -> list[str]:
    rss, pss = [middle([one[index] for one in found]) for index in (0, 1)]
    return [str(workers), f"{rss:.0f}", f"{pss:.0f}", f"{sum(one[1] for one in found):.0f}"]


def _warmed(requests: int) -> Callable[[int, float], bool]:
    """After so many every worker has read what it reads once."""
    return lambda count, _seconds: count >= requests


def _enough(_count: int, seconds: float) -> bool:
    return seconds >= SECONDS


def _offers(stage: Stage) -> Iterator[Page]:
    """Accepting, with other invitations each time: none can be accepted twice."""
    data, token = stage.data, "x" * 32
    cookies = {data["session_cookie"]: data["receiver"], data["csrf_cookie"]: token}
    of_a_turn = len(data["offers"]) // len(WORKERS)
    requests = (
        Request(path, cookies, f"answer=accept&nonce={nonce}&csrfmiddlewaretoken={token}", status=302)
        for path, nonce in data["offers"]
    )
    for _ in WORKERS:
        yield Page("accepting", itertools.islice(requests, of_a_turn))


def _pages(stage: Stage) -> list[Page]:
    """The empty list, the full one, and the tab."""
    data = stage.data

    def seen_by(who: str, path: str) -> Iterator[Request]:
        return itertools.repeat(Request(path, {data["session_cookie"]: data[who]}))

    return [
        Page("empty list", seen_by("newcomer", data["list"])),
        Page("list of 50", seen_by("installer", data["list"])),
        Page("Permissions tab", seen_by("installer", data["tab"])),
    ]


if __name__ == "__main__":
    main()
