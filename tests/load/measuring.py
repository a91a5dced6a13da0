"""What processes cost, as /proc says: processor time, which depends less on who else is busy, and memory."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pids: Iterable[int]) -> float:
    """Seconds of processor time these processes have used since they began; one that ended counts nothing."""
    return sum(map(_of_process, pids))


def _of_process(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    user, system = status.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


def memory(pid: int) -> tuple[float, float]:
    """Megabytes in memory: all of it, and with what is shared divided among those that share it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith("kB")}
    return found["Rss"], found["Pss"]


def middle(values: list[float], part: float = 0.5) -> float:
    """The value that `part` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
