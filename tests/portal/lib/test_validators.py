"""Names and messages that stand in other people's e-mails."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from portal.lib import validators
from portal.lib.validators import clean_message, not_the_portal, plain_line


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
    "name",
    [
        "Partner Portal",
        "partner portal",
        "PARTNER  PORTAL.",
        "Partner-Portal",
        "“Partner Portal”",
        "PartnerPortal",
        "Partnerportal",
        "The Partner Portal",
        "Partner Portal support",
        "Partner Portal's support team",
        "Partner Portal Admin",
        "Support, Partner Portal",
        "Partnerportal – support",
        "Partnerportal-teamet",
        "The portal",
        "the_portal",
        "Portalen",
        "PORTALEN!",
        "Portalens support",
        "Deleted user",
        "deleted  USER",
        "(Deleted user)",
        "Slettet bruger",
        "Slettet-Bruger",
        "P\u0430rtner P\u043ertal",
        "\u0420\u0430rtn\u0435r \u0420ortal",
        "Ρartner Ροrtal",
        "Partner P0rtal",
        "Partner Porta1",
        "Partner PortaI",
        "Pаrtnеr Роrtаl",
        "Pártner Portål",
        "Ｐａｒｔｎｅｒ　Ｐｏｒｔａｌ",
        "𝐏𝐚𝐫𝐭𝐧𝐞𝐫 𝐏𝐨𝐫𝐭𝐚𝐥",
        "Ⓟartner Ⓟortal",
        "ᴘᴀʀᴛɴᴇʀ ᴘᴏʀᴛᴀʟ",
        "PARTNΕR PΟRTAL",
        "Dеlеtеd usеr",
        "S1ettet bruger",
        "Deleted user",
        "Тhе роrtаl",
    ],
)
def test_a_name_that_passes_for_the_portal_is_refused_however_it_is_written(name: str) -> None:
    with pytest.raises(ValidationError, match="The portal itself uses this name"):
        not_the_portal(name)


@pytest.mark.parametrize(
    "name",
    [
        "Partner Portal Nord ApS",
        "Portal",
        "Partner",
        "Portal Partners",
        "Ladeportalen",
        "Slettet Brugervand A/S",
        "Slette Strand",
        "Support",
        "The Team",
        "Ib Portalius",
        "Портал",
        "充電",
        "7",
    ],
)
def test_other_names_pass(name: str) -> None:
    not_the_portal(name)


def test_a_new_language_is_covered(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused are the words in use."""
    try:
        validators._of_the_portal.cache_clear()
        monkeypatch.setattr(validators, "gettext", lambda name: f"{name} på norsk")
        settings.LANGUAGES = [("nb", "Norsk")]
        with pytest.raises(ValidationError):
            not_the_portal("deleted user, på norsk")
        not_the_portal("Slettet bruger")
    finally:
        validators._of_the_portal.cache_clear()


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
