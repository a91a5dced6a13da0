"""Names and messages that stand in other people's e-mails."""

import pytest
from django.core.exceptions import ValidationError

from portal.lib.validators import clean_message, plain_line


@pytest.mark.parametrize(
    "name",
    [
        "Strøm & Søn",
        "Nr. 4",
        "Nr.4",
        "St. Kongensgade 3.tv",
        "St.Kongensgade 3, st.th",
        "Havnevej 2, kld.tv",
        "A.P. Møller",
        "H.C.Andersens Boulevard",
        "v. Jensen",
        "Ladehub 2.0",
        "Ole J. Hansen jr.",
        "P/S Ny Havn, etape 1.2",
        "7",
        "充電",
        "Dr.phil. Nina Holm",
        "Ib/Bo, 1.-2. sal",
    ],
)
def test_ordinary_names_pass(name: str) -> None:
    plain_line(name)


@pytest.mark.parametrize(
    "name",
    [
        "evil-portal.com",
        "Call us: evil.dk now",
        "sub.evil.example.com/path",
        "x.com",
        "t.co/abc",
        "ＥＶＩＬ．ＣＯＭ",
        "evil。com",
        "evil\u2024dk",
        "ｗｗｗ.evil",
        "https：//evil",
        "a＠b",
        "øl.dk",
        "evil.xn--p1ai",
        "Portal.COM",
    ],
)
def test_links_in_a_name_are_refused_however_they_are_spelt(name: str) -> None:
    with pytest.raises(ValidationError, match="Web and e-mail"):
        plain_line(name)


@pytest.mark.parametrize("name", ["-", "...", "\u3164", "\u2800\u2800", "´`", "\u0301", "\u00a0.", "🙂"])
def test_a_name_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="letter or digit"):
        plain_line(name)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Hej\r\nIb", "Hej\nIb"),
        ("a\n\n\nb", "a\n\n\nb"),
        ("a" + "\n \t" * 40 + "\nb", "a\n\n\nb"),
        ("\u202eevil\u202c \u2066x\u2069\u200f", "evil x"),
        ("a\0b\x1bc\u200bd\u00ade", "abcde"),
        ("a\tb", "a b"),
        ("a\u2028b\x85c", "a\nb\nc"),
        (" \n hej \n ", "hej"),
        ("Rødgrød 🙂 — 充電", "Rødgrød 🙂 — 充電"),
        ("", ""),
    ],
)
def test_a_message_is_kept_without_what_cannot_be_seen(typed: str, kept: str) -> None:
    assert clean_message(typed) == kept
