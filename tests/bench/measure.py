"""What an act costs: statements and buffers, which noise cannot touch, and milliseconds, which it can."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

Statements = list[tuple[str, Any]]


@dataclass
class Cost:
    """Of one way to answer one question. `result` is what it answered, for comparing."""

    queries: int
    buffers: int
    seconds: list[float] = field(default_factory=list)
    result: Any = None

    def milliseconds(self, part: float) -> float | None:
        """The value below which this part of all lies."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None

    def as_row(self) -> dict[str, Any]:
        row = asdict(self)
        del row["seconds"], row["result"]
        return row | {
            "times": len(self.seconds),
            "p50": self.milliseconds(0.5),
            "p95": self.milliseconds(0.95),
        }


def cost(act: Callable[[], Any], *, undo: bool = False) -> Cost:
    """Its statements, and their buffers. With `undo`, what it writes is rolled back and only counted."""
    from django.db import transaction

    statements: Statements = []
    if undo:
        with transaction.atomic():
            with heard(statements):
                act()
            transaction.set_rollback(True)
        return Cost(len(statements), 0)
    with heard(statements):
        result = act()
    return Cost(len(statements), sum(buffers(*one) for one in statements), result=result)


@contextmanager
def heard(statements: Statements) -> Iterator[None]:
    """Every statement of what is done meanwhile, savepoints and the like left out."""
    from django.db import connection

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        yield


def buffers(sql: str, params: Any) -> int:
    """How many pages of eight kilobytes the statement touches."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def once(act: Callable[[], Any]) -> float:
    """How long it takes, in seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
