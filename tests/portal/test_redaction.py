"""What the log filter takes out, and what it leaves."""

import re

import pytest

from portal import codes
from portal.redaction import without_codes

CODES = [
    codes.derive(purpose="t", subject="t", nonce=str(number), length=length)
    for number in range(40)
    for length in (codes.INVITATION_CODE_LENGTH, codes.ORGANISATION_KEY_LENGTH)
]


def groups(code: str) -> list[str]:
    return [code[start : start + 4] for start in range(0, len(code), 4)]


@pytest.mark.parametrize("between", ["", "-", " ", ".", "_", "+", "%20", "%2D", "\u2011", "\u00a0"])
@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "code {}.",
        "code={}",
        "'{}'",
        "({})",
        "code_{}_x",
        "/x/{}/",
        "?q={}&r=1",
        "-{}-",
        "/x/%20{}",
        "old {} new",
        "x\n{}\ny",
    ],
)
def test_a_code_is_hidden_however_it_is_written(line: str, between: str) -> None:
    """In any case, with anything between its groups and around it. No third of it is left either."""
    for code in CODES:
        for written in (between.join(groups(code)), between.join(groups(code)).lower()):
            hidden = without_codes(line.format(written))
            assert "[code]" in hidden
            assert not [part for part in groups(code) if part in hidden.upper()], hidden


@pytest.mark.parametrize("line", ["xy{}", "{}xy", "nonce{}z", "7{}", "{}9Z"])
def test_a_code_inside_a_word_is_hidden_too(line: str) -> None:
    """Where its check symbol and a digit prove it."""
    for code in filter(re.compile(r"\d").search, CODES):
        assert code not in without_codes(line.format(code))


@pytest.mark.parametrize(
    "tail",
    [
        "GK19%207JR0%20AJY0/",
        "GK19 7JR0 AJY0/",
        "GK19.7JR0.AJY0",
        "GK1 97J R0A JY0/?a=b",
        "GK197JR0-AJY/x",
        "GK19—7JR0",
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        "/add/",
        "http://x/ADD/",
        "/add//",
        "?next=%2Fadd%2F",
        "?next=%252Fadd%252F",
        "/accounts/confirm-email/",
    ],
)
def test_nothing_that_follows_the_path_is_left(head: str, tail: str) -> None:
    """An attempt at a code has no right check symbol: what stands where a code does is hidden as it is."""
    hidden = without_codes(f"Not Found: {head}{tail}")
    assert "[code]" in hidden
    assert not [part for part in ("GK1", "7JR", "AJY", "97J", "R0A", "JY0") if part in hidden], hidden


def test_the_rest_of_the_request_line_stays() -> None:
    assert without_codes('"GET /add/GK19 7JR0 HTTP/1.1" 302') == '"GET /add/[code] HTTP/1.1" 302'
    assert without_codes("/add/GK19/?a=b") == "/add/[code]/?a=b"


@pytest.mark.parametrize(
    "line",
    [
        "Task portal.tasks.deliver_due_email raised SoftTimeLimitExceeded()",
        "/add/check/",
        "/add/invitation/0b5f6a5e-6b5c-4a53-8c65-3f0f6c2ad0b1/",
        "/locations/0b5f6a5e-6b5c-4a53-8c65-3f0f6c2ad0b1/permissions/",
        "/accounts/password/reset/",
        "2026-11-22 09:23:36,123 INFO django.request: 200 1234 bytes",
    ],
)
def test_ordinary_lines_stay_as_they_are(line: str) -> None:
    """A log that hides everything helps nobody."""
    assert without_codes(line) == line
