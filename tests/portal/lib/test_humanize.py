"""How moments are said to people."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.lib.humanize import time_left


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"days": 6, "minutes": 1}, "6 days left"),
        ({"days": 1, "minutes": 1}, "1 day left"),
        ({"hours": 23, "minutes": 59}, "23 hours left"),
        ({"hours": 1, "minutes": 1}, "1 hour left"),
        ({"minutes": 59, "seconds": 30}, "60 minutes left"),
        ({"seconds": 30}, "1 minute left"),
        ({"seconds": -1}, "ended"),
        ({"days": -3}, "ended"),
    ],
)
def test_how_long_something_lives_is_said_in_one_unit(left: dict[str, int], said: str) -> None:
    assert time_left(timezone.now() + timedelta(**left)) == said
