"""Order of names, search and paging (sorted by name, searched by name and address, paged)."""

import string
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locations.models import Location, LocationGroupPermission
from locations.querysets import Page
from locations.services import change_location
from locations.sorting import SORT_KEY_LENGTH, search_text, sort_key
from tests.cast import Cast, make_location
from tests.tools import examples, matching, undone

IN_ORDER = [
    "2 Havnevej",
    "10 Havnevej",
    "Havnevej 2",
    "Havnevej 2, gården",
    "Havnevej 2a",
    "Havnevej 2b",
    "Havnevej 10",
    "Havnevej 10a",
    "Havneveje",
    "Nørrebro",
    "Zoologisk Have",
    "Ærø",
    "Østergade",
    "Åboulevarden",
]
HOSTILE = [
    "~",
    "~~",
    "x",
    "~1",
    "x~",
    "x~-1",
    "x~1.5",
    "x~²",
    "x~٣",
    "x~" + "9" * 18,
    "x~" + "9" * 19,
    "x~" + "9" * 400,
    "x~1~2",
    "'; DROP TABLE locations_location; --~1",
    "%_\\~1",
    "\x00~1",
    "a\x00b~1",
    "\x00",
    "😀~1",
    "x" * 100_000 + "~1",
    "\u202e~1",
    "zzc" * 100 + "~1",
]


def make_sites(names: list[str]) -> None:
    """Rows without anybody who sees them: enough for order."""
    Location.objects.bulk_create(
        [
            Location(
                name=name,
                street="Vej 1",
                postal_code="8000",
                city="Aarhus",
                sort_name=sort_key(name),
                search_text=search_text(name, "Vej 1, 8000 Aarhus"),
            )
            for name in names
        ]
    )


def walk_forwards(size: int) -> list[list[int]]:
    pages, after = [], ""
    while True:
        page: Page = Location.objects.all().page_by_name(after=after, size=size)
        pages.append([location.pk for location in page.locations])
        if not page.next:
            return pages
        after = page.next


def walk_backwards(size: int) -> list[list[int]]:
    """From the last page, found by going forwards, to the first, by `previous` alone."""
    page: Page = Location.objects.all().page_by_name(size=size)
    while page.next:
        page = Location.objects.all().page_by_name(after=page.next, size=size)
    pages = [[location.pk for location in page.locations]]
    while page.previous:
        page = Location.objects.all().page_by_name(before=page.previous, size=size)
        pages.insert(0, [location.pk for location in page.locations])
    return pages


# --- Order ------------------------------------------------------------------------------------


def test_names_stand_in_natural_danish_order() -> None:
    """ "Havnevej 2" before "10"; æ, ø, å after z."""
    backwards = IN_ORDER[::-1]
    assert sorted(backwards, key=sort_key) == IN_ORDER


@pytest.mark.django_db
def test_the_database_keeps_the_same_order() -> None:
    """On SQLite and on PostgreSQL alike: the key does not leave it to a collation."""
    make_sites(list(reversed(IN_ORDER)))
    assert [site.name for site in Location.objects.all().page_by_name().locations] == IN_ORDER


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("ÅRHUS", "århus"),
        ("A\u030arhus", "Århus"),
        ("Café", "cafe"),
        ("Müller", "Muller"),
        ("Häggvik", "Hæggvik"),
        ("Malmö", "Malmø"),
        ("  Havnevej   2 ", "Havnevej 2"),
        ("Havnevej 002", "Havnevej 2"),
        ("Havne-vej_2", "Havne vej 2"),
        ("Straße", "Strasse"),
    ],
)
def test_what_sorts_alike(one: str, same: str) -> None:
    """Case, accents, spaces, leading noughts and punctuation decide nothing; ä is æ, ö is ø."""
    assert sort_key(one) == sort_key(same)


@given(st.text(max_size=130))
@example("1a" * 60)
@example("\ufdfa" * 120)
@example("\x00")
@examples(300)
def test_a_key_holds_letters_digits_and_single_spaces_and_fits_its_column(name: str) -> None:
    key = sort_key(name)
    assert len(key) <= SORT_KEY_LENGTH
    assert all(c.isalnum() or c == " " for c in key if c.isascii())
    assert "  " not in key


@given(st.lists(st.integers(0, 99_999_999), min_size=2, max_size=8))
@examples(100)
def test_numbers_in_names_sort_by_value(numbers: list[int]) -> None:
    names = [f"Vej {number} st." for number in numbers]
    assert [int(name.split()[1]) for name in sorted(names, key=sort_key)] == sorted(numbers)


# --- Search -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("norre", {"Nørrebro 1"}),
        ("NØRRE", {"Nørrebro 1"}),
        ("aeroe", set()),
        ("ærø", {"Ærø havn"}),
        ("aero", {"Ærø havn"}),
        ("havn aar", {"Ærø havn"}),
        ("aar havn", {"Ærø havn"}),
        ("havn odense", set()),
        ("vej 8000", {"Nørrebro 1", "Ærø havn", "100 % sol", "a_b"}),
        ("%", {"100 % sol"}),
        ("_", {"a_b"}),
        ("\\", set()),
        ("'", set()),
        ("", {"Nørrebro 1", "Ærø havn", "100 % sol", "a_b"}),
        ("   ", {"Nørrebro 1", "Ærø havn", "100 % sol", "a_b"}),
    ],
)
@pytest.mark.django_db
def test_search_finds_every_word_in_name_and_address(query: str, found: set[str]) -> None:
    """Lower-cased and without accents; characters that mean something to LIKE mean themselves."""
    make_sites(["Nørrebro 1", "Ærø havn", "100 % sol", "a_b"])
    assert {site.name for site in matching(Location.objects.all(), query)} == found


# The page takes NUL out before it asks; PostgreSQL could not be asked for it.
searchable = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


@given(st.lists(st.text(searchable, max_size=30), min_size=1, max_size=3))
@example(["ℌ ㎏ ¨ ﬁ İ ﷺ"])
@example(["%_\\"])
@examples(150)
def test_a_name_is_found_by_itself(db: None, words: list[str]) -> None:
    """Whatever is typed: no error, and what has that name is among the found."""
    name = " ".join(words)[:100]
    with undone():
        make_sites([name, "Bait 1"])
        assert name in {site.name for site in matching(Location.objects.all(), name)}
        list(matching(Location.objects.all(), " ".join(words)))


@pytest.mark.django_db
def test_the_count_stops_past_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "1,000+" and no COUNT over everything."""
    monkeypatch.setattr("locations.querysets.COUNT_CAP", 4)
    make_sites(["a"] * 4)
    assert Location.objects.all().capped_count() == 4
    make_sites(["a"] * 4)
    assert Location.objects.all().capped_count() == 5


def test_a_change_of_name_or_address_carries_to_order_and_search(cast: Cast) -> None:
    """Keys are derived on every save, and the copies in the permission rows follow (models)."""
    change_location(location=cast.site, by=cast.installer, name="Ærøvej 7", street="Ny vej 3")
    cast.site.refresh_from_db()
    assert cast.site.sort_name == sort_key("Ærøvej 7")
    assert cast.site.search_text == search_text("Ærøvej 7", "Ny vej 3, 8000 Aarhus")
    rows = LocationGroupPermission.objects.filter(content_object=cast.site)
    assert set(rows.values_list("sort_name", flat=True)) == {sort_key("Ærøvej 7")}
    change_location(location=cast.site, by=cast.installer, city="Skørping")
    assert set(rows.values_list("search_text", flat=True)) == {"", "aerovej 7 ny vej 3, 8000 skorping"}
    assert Location.objects.first_visible(cast.installer, query="SKØRP ny") == [cast.site.pk]
    assert Location.objects.first_visible(cast.installer, query="aarhus ny") == []
    others = LocationGroupPermission.objects.filter(content_object=cast.bait)
    assert set(others.values_list("sort_name", flat=True)) == {sort_key(cast.bait.name)}
    assert set(others.values_list("search_text", flat=True)) == {"", cast.bait.search_text}


def test_the_longest_name_and_address_fit_into_the_index(cast: Cast) -> None:
    """An entry of it holds 2,704 bytes in PostgreSQL; these letters take four each and cannot be packed."""
    letters = "".join(chr(0x20000 + 7 * number) for number in range(332))
    fields = {"name": letters[:120], "street": letters[120:240], "postal_code": letters[240:252]}
    change_location(location=cast.site, by=cast.installer, **fields, city=letters[252:])
    assert Location.objects.first_visible(cast.installer, query=letters[300:320]) == [cast.site.pk]


# --- Pages ------------------------------------------------------------------------------------

# Few letters, so that names repeat and differ late.
names = st.lists(
    st.one_of(st.text("aåø 12.", max_size=4), st.text(string.ascii_letters, max_size=2)), max_size=23
)


@given(names, st.integers(1, 7))
@example([], 1)
@example(["same"] * 7, 1)
@example(["same"] * 7, 3)
@example(["same"] * 6, 3)
@example(["", "", "."], 2)
@examples(120)
def test_pages_forwards_and_backwards_are_the_whole_list(db: None, names: list[str], size: int) -> None:
    """By keyset, equal names included: nothing twice, nothing left out."""
    with undone():
        make_sites(names)
        whole = [site.pk for site in sorted(Location.objects.all(), key=lambda s: (s.sort_name, s.pk))]
        forwards, backwards = walk_forwards(size), walk_backwards(size)
        assert [pk for page in forwards for pk in page] == whole
        assert backwards == forwards
        assert all(len(page) == size for page in forwards[:-1])


@pytest.mark.django_db
def test_cursors_point_only_where_there_is_something() -> None:
    make_sites(["a", "b", "c", "d", "e", "f"])
    every: Any = Location.objects.all()
    first = every.page_by_name(size=2)
    assert (bool(first.previous), bool(first.next)) == (False, True)
    second = every.page_by_name(after=first.next, size=2)
    assert (bool(second.previous), bool(second.next)) == (True, True)
    third = every.page_by_name(after=second.next, size=2)
    assert (bool(third.previous), bool(third.next)) == (True, False)
    back = every.page_by_name(before=third.previous, size=2)
    assert [site.name for site in back.locations] == ["c", "d"]
    assert (bool(back.previous), bool(back.next)) == (True, True)
    start = every.page_by_name(before=back.previous, size=2)
    assert [site.name for site in start.locations] == ["a", "b"]
    assert (bool(start.previous), bool(start.next)) == (False, True)
    assert every.page_by_name(size=6).next == ""


@pytest.mark.django_db
def test_a_row_gone_or_added_between_pages_shifts_nothing() -> None:
    """What OFFSET gets wrong: the cursor is a place, not a count."""
    make_sites(["a", "b", "c", "d"])
    first = Location.objects.all().page_by_name(size=2)
    Location.objects.filter(name__in=["a", "b"]).delete()
    make_sites(["0"])
    second = Location.objects.all().page_by_name(after=first.next, size=2)
    assert [site.name for site in second.locations] == ["c", "d"]


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_cursor_gives_a_page_and_no_error(cursor: str) -> None:
    """It comes from the address bar (quality.md, bad input)."""
    make_sites(["a", "b", "c"])
    for page in (
        Location.objects.all().page_by_name(after=cursor),
        Location.objects.all().page_by_name(before=cursor),
        Location.objects.all().page_by_name(after=cursor, before=cursor),
    ):
        assert {site.name for site in page.locations} <= {"a", "b", "c"}


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["", "x", "x~", "~", "x~-1", "x~²"])
def test_what_is_no_cursor_gives_the_first_page(cursor: str) -> None:
    make_sites(["a", "b", "c"])
    for page in (
        Location.objects.all().page_by_name(after=cursor, size=2),
        Location.objects.all().page_by_name(before=cursor, size=2),
    ):
        assert [site.name for site in page.locations] == ["a", "b"]
        assert page.previous == ""


def test_charge_points_are_counted_each_once(cast: Cast) -> None:
    from locations.models import ChargePoint, Circuit

    circuits = [Circuit.objects.create(location=cast.site, name=name, fuse=32) for name in "AB"]
    for number, circuit in enumerate([*circuits, circuits[0]]):
        ChargePoint.objects.create(circuit=circuit, serial_number=f"s{number}", model="m")
    make_location(cast.installer, cast.firm, "Empty")
    page = Location.objects.visible_to(cast.installer).with_charge_points().page_by_name()
    assert [(site.name, site.charge_points) for site in page.locations] == [("Empty", 0), ("Havnevej 2", 3)]
