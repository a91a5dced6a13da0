"""The one way a rule says no."""

from typing import Any

from django.http import Http404
from django.utils.functional import Promise


class Refusal(Exception):
    """A service refused. `str()` is the sentence for the person who asked, in their language.

    `field` names the form field the sentence belongs beside, "" for the form as a whole. `data` carries what
    a page needs to offer a way on.
    """

    def __init__(self, sentence: str | Promise, *, field: str = "", **data: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.data = data

    def __str__(self) -> str:
        return str(self.sentence)


class NotFoundBecause(Http404):
    """Not there for this person, and they are entitled to read why. `str()` is the sentence."""
