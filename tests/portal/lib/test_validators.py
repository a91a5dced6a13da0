"""Names and messages that stand in other people's e-mails."""

import pytest
from django.core.exceptions import ValidationError

from portal.lib.addresses import clean_address
from portal.lib.validators import clean_message, plain_line
from sharing.invitations.forms import InviteForm


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


@pytest.mark.django_db
def test_the_form_cleans_the_message() -> None:
    form = InviteForm(
        {"kind": "person", "email": "a@b.example", "level": "1", "message": "\u202eHej\n\n\n\n\nIb"}
    )
    assert form.is_valid(), form.errors
    assert form.cleaned_data["message"] == "Hej\n\n\nIb"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Kim@Firm.DK ", "kim@firm.dk"),
        ("kim@ærø.dk", "kim@ærø.dk"),
        ("kim@XN--R-3FA9C.dk", "kim@ærø.dk"),
        ("kim@ｆirm.dk", "kim@firm.dk"),
        ("kim@firm。dk", "kim@firm.dk"),
        # Mail to these could reach another domain than the one that is written.
        ("chef@straße.de", None),
        ("kim@firm\u200d.dk", None),
        ("kim@firm\u2028.dk", None),
        ("kim@firm", None),
        ("kim", None),
        ("@firm.dk", None),
        ("k im@firm.dk", None),
        ("\u0130" * 240 + "@firm.dk", None),
        ("x" * 64 + "@" + "y" * 63 + "." + "z" * 63 + "." + "w" * 63 + ".dk", None),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, kept: str | None) -> None:
    assert clean_address(typed) == kept
