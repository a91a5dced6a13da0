"""Fixtures of the web tests."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _fresh_limits(request: pytest.FixtureRequest) -> None:
    """allauth counts in the cache; one test must not use up the tries of the next."""
    if "db" in request.fixturenames:
        request.getfixturevalue("db")
        cache.clear()
