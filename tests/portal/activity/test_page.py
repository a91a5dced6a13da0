"""The Activity page of a location and of an organisation: filter and CSV (product rule 6)."""

import csv
import io
import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from locations.services import change_location
from organisations.services import change_role
from portal.activity import page as activity_page
from portal.activity.record import record
from portal.models import Activity, User
from portal.verbs import VERBS_OF, Kind, Verb
from sharing.invitations import codes as invitations_codes
from tests.cast import ADMINISTRATOR, Cast, invite, share
from tests.organisations.tools import membership
from tests.pages import Scene, main_of, signed_in, text_of

pytestmark = pytest.mark.pages

AUGUST = "2026-08-01"


def whats(page: object) -> list[str]:
    """What the lines on the page say happened, newest first."""
    return [line.what for line in page.context["lines"]]  # type: ignore[attr-defined]


def address(cast: Cast, name: str = "activity") -> str:
    return reverse(f"locations:{name}", args=[cast.site.uuid])


def table(client: Client, url: str, **query: str) -> list[list[str]]:
    """The file, as a spreadsheet reads it."""
    answer = client.get(url, query)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    content = answer.getvalue().decode()
    assert content.startswith("\ufeff")
    return list(csv.reader(io.StringIO(content[1:], newline="")))


def at(moment: datetime, cast: Cast, name: str) -> None:
    Activity.objects.create(
        at=moment, verb=Verb.LOCATION_CHANGED, actor_name=name, location_id=cast.site.pk, via="test"
    )


def test_every_verb_is_of_one_kind() -> None:
    """Whoever looks through every kind has seen everything."""
    listed = [verb for verbs in VERBS_OF.values() for verb in verbs]
    assert set(listed) == set(Verb) and len(listed) == len(set(listed))
    assert set(VERBS_OF) == set(Kind)


def test_the_record_is_filtered_by_who_what_and_when(cast: Cast) -> None:
    """Each alone, all together, and in the page's plain words."""
    change_location(location=cast.site, by=cast.colleague, main_fuse=35)
    invite(cast.site, cast.installer, cast.contractor)
    User.objects.filter(pk=cast.installer.pk).update(name="Åse Ødegård")
    record(Verb.LOCATION_CHANGED, by=User.objects.get(pk=cast.installer.pk), location=cast.site)
    client, url = signed_in(cast.installer), address(cast)
    everything = whats(client.get(url))
    assert len(everything) == 5
    assert whats(client.get(url, {"who": "colleague"})) == ["changed the location"]
    assert whats(client.get(url, {"who": "ødegård ÅSE"})) == ["changed the location"]
    assert whats(client.get(url, {"who": "contractor@test"})) == ["invited"]
    assert whats(client.get(url, {"what": "invitations"})) == ["invited"]
    assert whats(client.get(url, {"what": "access", "who": "strøm"})) == ["gave access"]
    assert whats(client.get(url, {"from": AUGUST, "to": "2199-12-31"})) == everything
    nothing = client.get(url, {"who": "nobody at all"})
    assert whats(nothing) == [] and "Nothing in the record matches this filter." in text_of(nothing)
    assert "<details" in main_of(nothing) and re.search(r"<details[^>]* open", main_of(nothing))
    assert not re.search(r"<details[^>]* open", main_of(client.get(url)))
    kinds = re.findall(r'<option value="(\w+)"', main_of(client.get(url)))
    assert kinds == ["location", "access", "invitations"]


def test_days_are_whole_and_in_the_zone_that_is_shown(cast: Cast) -> None:
    """In Copenhagen 30 June 2026 begins at 22:00 the evening before, by the world's clock."""
    for name, moment in {
        "too early": datetime(2026, 6, 29, 21, 59, 59, tzinfo=UTC),
        "first": datetime(2026, 6, 29, 22, 0, tzinfo=UTC),
        "last": datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC),
        "too late": datetime(2026, 6, 30, 22, 0, tzinfo=UTC),
    }.items():
        at(moment, cast, name)
    client = signed_in(cast.installer)
    page = client.get(address(cast), {"from": "2026-06-30", "to": "2026-06-30"})
    assert [line.actor for line in page.context["lines"]] == ["last", "first"]
    rows = table(client, address(cast, "activity_csv"), **{"from": "30/06/2026", "to": "2026-06-30"})
    assert [row[:2] for row in rows[1:]] == [
        ["2026-06-30T23:59:59+02:00", "last"],
        ["2026-06-30T00:00:00+02:00", "first"],
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"from": "31-02-2026"}, "Enter a date, such as 2026-06-30."),
        ({"to": "9999-12-31"}, "Enter a date, such as 2026-06-30."),
        ({"from": "0001-01-01"}, "Enter a date, such as 2026-06-30."),
        ({"from": "2026-07-01", "to": "2026-06-30"}, "This day is before the day in “From”."),
        ({"what": "members"}, "Choose one of the kinds in the list."),
    ],
)
def test_a_wrong_filter_is_told_beside_the_field(cast: Cast, query: dict[str, str], sentence: str) -> None:
    """And what was typed stays, in a field that can show it; the file leads to the page that says so."""
    client = signed_in(cast.installer)
    page = client.get(address(cast), query | {"who": "Bo"})
    assert page.status_code == 422 and sentence in text_of(page)
    assert "lines" not in page.context and 'value="Bo"' in main_of(page)
    for name, value in query.items():
        if name != "what":
            assert f'name="{name}" value="{value}"' in main_of(page).replace('type="text" ', "")
    answer = client.get(address(cast, "activity_csv"), query)
    assert answer.status_code == 302 and client.get(answer.url).status_code == 422


def test_a_date_typed_another_way_stands_in_the_date_field(cast: Cast) -> None:
    main = main_of(signed_in(cast.installer).get(address(cast), {"from": "30/06/2026"}))
    assert '<input type="date" name="from" value="2026-06-30"' in main


def test_who_is_shown_no_address_cannot_find_by_one(scene: Scene) -> None:
    """Neither on the page nor in the file: letter by letter a search would spell it out."""
    nameless = share_from_nameless(scene)
    for role, may in (("viewer", False), ("configurer", False), ("installer", True)):
        user = scene.people[role]
        assert user
        client, url = signed_in(user), reverse("locations:activity", args=[scene.own.location.uuid])
        for word in ("invitee@test", "nameless@", "@"):
            assert bool(whats(client.get(url, {"who": word}))) == may, (role, word)
        csv_url = reverse("locations:activity_csv", args=[scene.own.location.uuid])
        file = client.get(csv_url).getvalue().decode()
        for mail in ("invitee@test.example", nameless):
            assert (mail in file) == may, (role, mail)
        assert "i•••@test.example" in file or may
        assert len(table(client, csv_url, who="@")) == 1 or may


def share_from_nameless(scene: Scene) -> str:
    """Somebody known by the address alone has done something, too."""
    nameless = scene.people["manager"]
    assert nameless
    User.objects.filter(pk=nameless.pk).update(name="", email="nameless@test.example")
    nameless.refresh_from_db()
    record(Verb.LOCATION_CHANGED, by=nameless, location=scene.own.location)
    return "nameless@test.example"


def test_the_file_holds_what_the_page_shows(scene: Scene) -> None:
    """Same entries in the same order, no code or key, nothing of another location."""
    cast, client = scene.cast, signed_in(scene.cast.installer)
    invitations_codes.show_code(invitation=scene.own.code, by=cast.installer)
    change_location(location=scene.own.location, by=cast.installer, main_fuse=35)
    url = reverse("locations:activity_csv", args=[scene.own.location.uuid])
    page = client.get(reverse("locations:activity", args=[scene.own.location.uuid]))
    rows = table(client, url)
    assert rows[0] == ["Time", "Who", "What", "Whom", "Details"]
    assert [row[1:4] for row in rows[1:]] == [
        [line.actor, line.what, line.party] for line in page.context["lines"]
    ]
    assert rows[1][4] == "main fuse (A): 16 → 35"
    assert "Manage" in {row[4] for row in rows}
    everything = str(rows)
    for secret in (scene.own.code.code, scene.own.invitation.code, cast.firm.key):
        assert secret not in everything.replace("-", "")
    assert "Stranger" not in everything and "192.0.2" not in everything and "127.0.0.1" not in everything


def test_the_file_is_named_after_its_thing_and_the_day(cast: Cast) -> None:
    type(cast.firm).objects.filter(pk=cast.firm.pk).update(name='Å/S "Strøm" \\ Søn')
    url = reverse("organisations:activity_csv", args=[cast.firm.uuid])
    header = signed_in(cast.installer).get(url).headers["Content-Disposition"]
    assert re.fullmatch(
        r"attachment; filename\*=utf-8''%C3%85-S-Str%C3%B8m-S%C3%B8n-\d{4}-\d\d-\d\d\.csv", header
    )
    header = signed_in(cast.installer).get(address(cast, "activity_csv")).headers["Content-Disposition"]
    assert re.fullmatch(r'attachment; filename="Havnevej-2-\d{4}-\d\d-\d\d\.csv"', header)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋"])
def test_no_cell_is_a_formula(cast: Cast, start: str) -> None:
    evil = f'{start}cmd|" /C calc"!A0, ;\n'
    record(
        Verb.LOCATION_CHANGED,
        by=cast.installer,
        location=cast.site,
        party=evil,
        changes={f"{start}x": [evil, "æøå"]},
    )
    Activity.objects.create(verb=Verb.INVITED, actor_name=evil, location_id=cast.site.pk, via="test")
    rows = table(signed_in(cast.installer), address(cast, "activity_csv"))
    assert rows[1][1] == rows[2][3] == f"'{evil}"
    assert rows[2][4].startswith(f"'{start}x") and rows[2][4].endswith("æøå")
    assert not [cell for row in rows for cell in row if cell.startswith(start)]


def test_the_file_speaks_the_readers_language_to_its_end(cast: Cast) -> None:
    """It is written after the request, when nobody's language is on any more."""
    for _ in range(600):
        at(datetime(2026, 6, 30, tzinfo=UTC), cast, "Bo")
    User.objects.filter(pk=cast.installer.pk).update(language="da")
    rows = table(signed_in(cast.installer), address(cast, "activity_csv"))
    assert rows[0] == ["Tidspunkt", "Hvem", "Hvad", "Hvem det gælder", "Detaljer"]
    assert {row[2] for row in rows[3:]} == {"ændrede placeringen"} and len(rows) == 603


def test_a_file_has_an_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest entries, as many as a spreadsheet holds without effort."""
    monkeypatch.setattr(activity_page, "MOST_ROWS", 1)
    assert [row[2] for row in table(signed_in(cast.installer), address(cast, "activity_csv"))[1:]] == [
        "gave access"
    ]


def test_an_organisations_record_names_locations_and_says_old_and_new(cast: Cast) -> None:
    """On the page and in the file; and of the stranger's nothing."""
    access = share(cast.site, cast.installer, cast.contractor)
    change_role(membership=membership(cast.colleague, cast.firm), by=cast.installer, role=ADMINISTRATOR)
    client = signed_in(cast.installer)
    page = client.get(reverse("organisations:activity", args=[cast.firm.uuid]))
    words = text_of(page)
    assert "Installer gave access: Strøm & Søn · Manage · Havnevej 2" in words
    assert "role: Member → Administrator" in words
    assert re.findall(r'<option value="(\w+)"', main_of(page)) == list(Kind)
    rows = table(client, reverse("organisations:activity_csv", args=[cast.firm.uuid]), what="members")
    assert rows[0] == ["Time", "Who", "What", "Whom", "Location", "Details"]
    assert rows[1][1:] == [
        "Installer",
        "changed the role of a member",
        "Colleague",
        "",
        "role: Member → Administrator",
    ]
    assert "Stranger" not in str(rows) and str(access.user) not in words
