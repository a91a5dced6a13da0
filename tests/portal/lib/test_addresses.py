"""The one form in which an e-mail address, and its domain, is kept and compared."""

import pytest

from portal.lib.addresses import clean_address, domain_of


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


def test_a_domain_has_one_form() -> None:
    assert domain_of("a@BLÅBÆR.dk") == domain_of("xn--blbr-roah.dk")
    assert domain_of("straße.de") != domain_of("strasse.de")
    assert domain_of("a@b") is None
