"""Measures the portal of one size, in a process of its own that `tests.bench` starts on a database."""

import json
import os
import sys
from typing import Any

import django

if __name__ == "__main__":
    django.setup()  # before what follows is imported

from django.db import connection

from tests.bench import build, writing
from tests.bench.contenders import QUESTIONS, Question, people_of, run
from tests.bench.measure import Cost, buffers, cost, once
from tests.bench.plan import SIZES, Plan
from tests.bench.sample import EACH, Sample, draw

# guardian's own functions take seconds at a million: no more of them than this for one question and kind.
STOCK_SECONDS, STOCK_LEAST = 12, 3


def main(size: str, rounds: int, target: str) -> None:
    """Build what is missing, ask everything, and write what was found to `target`."""
    plan = Plan(SIZES[size])
    built = build.fill(size)
    samples = draw(plan)
    # What a process asks once in its life is not counted.
    for question in QUESTIONS:
        if question.name == "one check":
            question.ours(samples[0]), question.guardian(samples[0])
    compared = 1 if plan.size == SIZES["1m"] else EACH
    found = {
        "size": size,
        "built": built,
        "rows": [row for question in QUESTIONS for row in ask(question, samples, rounds, compared)],
        "writing": writing.counts(plan),
        "cores": os.cpu_count(),
        **_server(),
    }
    with open(target, "w") as file:
        json.dump(found, file)


def _server() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('shared_buffers')")
        version, shared = cursor.fetchone()
    return {"postgres": version.split()[0], "shared_buffers": shared}


def ask(question: Question, samples: list[Sample], rounds: int, compared: int) -> list[dict[str, Any]]:
    """One row for each kind of people; the answers of `compared` of each are compared with guardian's."""
    asked = [sample for sample in samples if not question.needs or question.needs in sample.cursors]
    rows = []
    for kind in dict.fromkeys(sample.kind for sample in asked):
        some = [sample for sample in asked if sample.kind == kind]
        counted = [_counted(question, sample, with_guardian=sample in some[:compared]) for sample in some]
        ways = {
            way: max((one[way] for one in counted if way in one), key=lambda cost: cost.buffers)
            for way in counted[0]
        }
        rows.append(
            {
                "question": question.name,
                "kind": kind,
                "sees": max(sample.sees for sample in some),
                "equal": all(
                    one["ours"].result == one["guardian"].result for one in counted if "guardian" in one
                ),
                "buffers_ratio": max(one["ours"].buffers / one["lower"].buffers for one in counted),
            }
        )
        for turn in range(rounds):
            for sample in some:
                _time(question, sample, ways, turn)
        rows[-1] |= {way: cost.as_row() for way, cost in ways.items()}
    return rows


def _counted(question: Question, sample: Sample, *, with_guardian: bool) -> dict[str, Cost]:
    """What each way costs for this person."""
    costs = {
        "ours": cost(lambda: question.ours(sample)),
        "lower": Cost(1, buffers(*question.lower(sample))),
    }
    if with_guardian:
        costs["guardian"] = cost(lambda: question.guardian(sample))
    if question.name == "who has access":
        costs["ours"].result = people_of(sample)
    return costs


def _time(question: Question, sample: Sample, ways: dict[str, Cost], turn: int) -> None:
    """Each way once, another one first at each turn."""
    least = question.lower(sample)
    acts = [
        ("ours", lambda: question.ours(sample)),
        ("guardian", lambda: question.guardian(sample)),
        ("lower", lambda: run(least)),
    ]
    for way, act in acts[turn % 3 :] + acts[: turn % 3]:
        seconds = ways[way].seconds
        if way != "guardian" or len(seconds) < STOCK_LEAST or sum(seconds) < STOCK_SECONDS:
            seconds.append(once(act))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
