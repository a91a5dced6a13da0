"""People and places that many tests begin with, made once and handed to each test as good as new.

Making everybody takes longer than most tests do. So they are made inside a transaction that stays open around
all tests that begin with them; each of these is rolled back to its beginning, and is given a copy of its own.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from tests.cast import make_cast
from tests.pages import make_scene

_MAKERS: dict[str, Callable[[], Any]] = {"cast": make_cast, "scene": lambda: make_scene(make_cast())}


class Standing:
    """What stands in the database around the test that is about to run: "cast", "scene" or nothing ("")."""

    def __init__(self) -> None:
        self._wanted = self._name = ""
        self._blocker: Any = None
        self._made: Any = None
        self._transaction: Any = None

    def want(self, name: str) -> None:
        """Have exactly this stand there, as soon as there is a database."""
        self._wanted = name
        if self._blocker and name != self._name:
            with self._blocker.unblock():
                self._change()

    def begin(self, blocker: Any) -> None:
        """There is a database now; `blocker` is what pytest-django keeps tests from it with."""
        self._blocker = blocker
        self.want(self._wanted)

    def give(self, name: str) -> Any:
        """For one test: a copy of what stands there, or for a test that commits, one made for it."""
        return copy.deepcopy(self._made) if name == self._name else _MAKERS[name]()

    def _change(self) -> None:
        if self._name:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)
        self._name = self._wanted
        if self._name:
            self._transaction = transaction.atomic()
            self._transaction.__enter__()
            self._made = _MAKERS[self._name]()


def wanted_by(item: pytest.Item) -> str:
    """What a test begins with. One that commits begins with an empty database and makes its own."""
    names = getattr(item, "fixturenames", ())
    if commits(item):
        return ""
    return "scene" if "scene" in names else "cast" if "cast" in names else ""


def commits(item: pytest.Item) -> bool:
    """Whether the test runs outside a transaction of its own."""
    mark = item.get_closest_marker("django_db")
    return bool(mark and mark.kwargs.get("transaction"))
