"""How codes look and are checked (product rule 4; portal.codes)."""

import string

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from portal import codes
from portal.codes import ALPHABET, INVITATION_CODE_LENGTH, ORGANISATION_KEY_LENGTH, Mistyped
from tests.tools import examples

LENGTHS = [INVITATION_CODE_LENGTH, ORGANISATION_KEY_LENGTH]
words = st.text(max_size=40)


def made(subject: str = "subject", nonce: str = "nonce", length: int = 12) -> str:
    return codes.derive(purpose="test", subject=subject, nonce=nonce, length=length)


def test_the_alphabet_is_crockfords() -> None:
    """32 symbols, without I, L, O and U (product rule 4)."""
    assert ALPHABET == string.digits + "ABCDEFGHJKMNPQRSTVWXYZ"
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_a_code_is_twelve_symbols_and_a_key_sixteen() -> None:
    assert LENGTHS == [12, 16]
    for length in LENGTHS:
        code = made(length=length)
        assert len(code) == length
        assert set(code) <= set(ALPHABET)


def test_a_code_is_shown_in_groups_of_four() -> None:
    assert codes.grouped("7QKM3RXD9HFA") == "7QKM-3RXD-9HFA"
    assert codes.grouped("7QKM3RXD9HFA7QKM") == "7QKM-3RXD-9HFA-7QKM"


def test_known_codes_stay_what_they_are() -> None:
    """Codes are derived each time they are shown, so how they are derived may never change."""
    with override_settings(CODE_KEY="a key that is only for this test"):
        assert made() == "V8AEYB00X5ME"
        assert codes.digest("7QKM3RXD9HFA", purpose="test") == (
            "b378acc6d40e6e39685a1fa98b97e013c9b1666c2b5886c89a10fe9ebd9fdf5f"
        )


@given(subject=words, nonce=words, length=st.sampled_from(LENGTHS))
@examples(300)
def test_what_is_shown_can_be_typed(subject: str, nonce: str, length: int) -> None:
    """Any case, spaces and dashes are taken (product rule 4)."""
    code = made(subject, nonce, length)
    shown = codes.grouped(code)
    for typed in (code, shown, shown.lower(), shown.replace("-", " "), f"  {shown}\r\n", "\t".join(shown)):
        assert codes.normalise(typed, length=length) == code


@given(st.text(ALPHABET, min_size=11, max_size=11), st.sampled_from([*"-. \t\r\n", *"‐‑‒–—−\u00a0"]))
@examples(200)
def test_every_dash_a_telephone_may_set_is_a_separator(body: str, separator: str) -> None:
    code = body + codes._check_symbol(body)
    assert codes.normalise(separator.join([code[:4], code[4:8], code[8:]]), length=12) == code


@given(st.text(ALPHABET, min_size=11, max_size=11))
@example("0" * 11)
@example("1" * 11)
@examples(200)
def test_look_alikes_are_read_as_what_was_meant(body: str) -> None:
    """O as 0, I and L as 1 (product rule 4), in either case."""
    code = body + codes._check_symbol(body)
    for zero, one in (("O", "I"), ("o", "l"), ("O", "L"), ("o", "i")):
        assert codes.normalise(code.replace("0", zero).replace("1", one), length=12) == code


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("subject", ["a", "b", "c", "d"])
def test_every_single_wrong_symbol_is_a_typing_error(length: int, subject: str) -> None:
    """A typing error is told as such before any look-up (product rule 4): all of 31 × length."""
    code = made(subject, length=length)
    for place, right in enumerate(code):
        for wrong in set(ALPHABET) - {right}:
            with pytest.raises(Mistyped):
                codes.normalise(code[:place] + wrong + code[place + 1 :], length=length)


def test_every_swap_of_neighbours_but_one_pair_is_a_typing_error() -> None:
    """Luhn mod 32 sees all swaps of neighbours but 0 with Z."""
    unseen = set()
    for first in ALPHABET:
        for second in set(ALPHABET) - {first}:
            for before, after in (("ABCDEFGH5", ""), ("ABCDEFGH", "5")):
                body = f"{before}{first}{second}{after}"
                swapped = f"{before}{second}{first}{after}"
                if codes._check_symbol(body) == codes._check_symbol(swapped):
                    unseen.add(first + second)
    assert unseen == {"0Z", "Z0"}


def test_a_code_of_zeros_only_is_valid_and_one_symbol_less_or_more_is_not() -> None:
    assert codes.normalise("0" * 12, length=12) == "0" * 12
    for wrong in ("0" * 11, "0" * 13, "0" * 16, ""):
        with pytest.raises(Mistyped):
            codes.normalise(wrong, length=12)


@pytest.mark.parametrize(
    "symbol", ["U", "u", "ı", "１", "٠", "Å", "?", "\0", "\u200b", "\u202e", "😀", "ß", "ﬃ"]
)
def test_symbols_codes_do_not_have(symbol: str) -> None:
    """None is quietly dropped or turned into another: `ß`.upper() is two letters, `ı`.upper() an I."""
    for text in (symbol + "0" * 11, "0" * 11 + symbol, "0" * 6 + symbol + "0" * 6):
        with pytest.raises(Mistyped):
            codes.normalise(text, length=12)


@given(st.text(max_size=400), st.sampled_from(LENGTHS))
@example("A" * 1_000_000, 12)
@example("-" * 1_000_000, 12)
@example("'; DROP TABLE sharing_invitation; --", 12)
@examples(500)
def test_hostile_text_is_a_code_or_mistyped_and_nothing_else(text: str, length: int) -> None:
    try:
        code = codes.normalise(text, length=length)
    except Mistyped:
        return
    assert len(code) == length
    assert set(code) <= set(ALPHABET)
    assert codes.normalise(code, length=length) == code


def test_a_digest_belongs_to_one_purpose() -> None:
    """An Organisation Key is not found among invitations, nor the other way round."""
    code = made()
    one, other = codes.digest(code, purpose="invitation-code"), codes.digest(code, purpose="organisation-key")
    assert one != other
    assert len(one) == len(other) == 64
    assert code not in one


def test_a_code_belongs_to_one_purpose_subject_and_nonce() -> None:
    """A new nonce kills the old code (product rule 4)."""
    parts = {"purpose": "p", "subject": "s", "nonce": "n"}
    derived = {codes.derive(**(parts | {name: "other"}), length=12) for name in parts}
    assert len(derived | {codes.derive(**parts, length=12)}) == 4


def test_a_stolen_database_gives_no_code() -> None:
    """Code and digest depend on CODE_KEY, which is outside it (product rule 4)."""
    code, digest = made(), codes.digest("0" * 12, purpose="test")
    with override_settings(CODE_KEY="x" * 40):
        assert made() != code
        assert codes.digest("0" * 12, purpose="test") != digest


def test_nonces_are_22_letters_and_digits_and_never_the_same() -> None:
    nonces = {codes.new_nonce() for _ in range(2000)}
    assert len(nonces) == 2000
    assert all(len(nonce) == 22 and nonce.isalnum() and nonce.isascii() for nonce in nonces)


def test_symbols_of_derived_codes_are_spread_evenly() -> None:
    """55 random bits: each of the 11 places takes every symbol about equally often."""
    many = [made(nonce=str(number)) for number in range(6400)]
    for place in range(12):
        counts = [sum(code[place] == symbol for code in many) for symbol in ALPHABET]
        assert 120 < min(counts) <= max(counts) < 290, (place, counts)
    assert len(set(many)) == 6400
