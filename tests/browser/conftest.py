"""What every browser test stands on."""

from collections.abc import Iterator

import pytest

from tests.browser.stage import Crowd, NewContext, Stage
from tests.serving import Portal

# More than all tests use; one costs some ten milliseconds.
GUESTS = 120


@pytest.fixture(scope="session")
def crowd(portal_server: Portal) -> Crowd:
    """People for all tests, each signed in."""
    return Crowd(portal_server, GUESTS)


@pytest.fixture
def stage(portal_server: Portal, crowd: Crowd, new_context: NewContext) -> Iterator[Stage]:
    """The real portal with browsers in front of it. No page may break while the test runs."""
    stage = Stage(portal_server, crowd, new_context)
    yield stage
    assert stage.faults == []
