"""The pages of locations and organisations: list, search, paging, archive, change, record, members."""

import re
from html import unescape

import pytest
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from locations import services
from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit, LoadBalancer, Location
from locations.projection import project
from locations.querysets import PAGE_SIZE
from locations.services import archive_location, change_location, give_access
from organisations.services import add_member, create_organisation
from portal.activity import sentences
from portal.models import Activity, User
from portal.verbs import Verb
from tests.cast import MEMBER, Cast, invite, make_location, make_owner, share
from tests.pages import Scene, main_of, said, signed_in, text_of

pytestmark = pytest.mark.pages

LIST = "/locations/"
VERBS = {"archive": Verb.LOCATION_ARCHIVED, "restore": Verb.LOCATION_RESTORED}
GOOD = {
    "name": "Ny plads",
    "street": "Nygade 1",
    "postal_code": "8000",
    "city": "Aarhus",
    "country": "DK",
    "category": "normal",
}
MORE = {
    "grid_type": "TN",
    "phases": "3",
    "main_fuse": "35",
    "usable_share": "95",
    "fallback_current": "6",
    "notes": "Nøgle hos viceværten",
}


def names(page: HttpResponse) -> list[str]:
    """The locations on the page, in order."""
    return [
        unescape(name)
        for name in re.findall(r'class="row-link" href="[0-9a-f-]{36}/">([^<]*)<', main_of(page))
    ]


def test_the_list_is_in_natural_order(cast: Cast) -> None:
    """2 before 10, and Danish letters last."""
    for name in ("Havnevej 10", "Åvej 1", "Ærøvej 1", "Østergade 1", "zebra", "Apotek"):
        make_location(cast.installer, cast.firm, name)
    expected = ["Apotek", "Havnevej 2", "Havnevej 10", "zebra", "Ærøvej 1", "Østergade 1", "Åvej 1"]
    assert names(signed_in(cast.installer).get(LIST)) == expected


def test_shared_received_and_installed_stand_alike(cast: Cast) -> None:
    """In the same list in the same way, and nothing of others' (the bait has the same name)."""
    own = make_location(cast.contractor, None, "Kims egen")
    share(cast.site, cast.installer, cast.contractor, Level.VIEW)
    page = signed_in(cast.contractor).get(LIST)
    assert names(page) == ["Havnevej 2", "Kims egen"]
    assert str(cast.bait.uuid) not in page.content.decode() and str(own.uuid) in page.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("nørrebro", ["Nørrebrogade 7"]),
        ("norrebro", ["Nørrebrogade 7"]),
        ("NØRREBRO", ["Nørrebrogade 7"]),
        ("aarhus nørre", ["Nørrebrogade 7"]),
        ("8000", ["Havnevej 2", "Nørrebrogade 7"]),
        ("%", []),
        ("_", []),
        ("nothing like it", []),
    ],
)
def test_search_by_name_and_address(cast: Cast, query: str, found: list[str]) -> None:
    """Every word, in any case, with or without accents; never as a pattern."""
    make_location(cast.installer, cast.firm, "Nørrebrogade 7")
    page = signed_in(cast.installer).get(LIST, {"q": query})
    assert names(page) == found
    assert str(cast.bait.uuid) not in page.content.decode()


def test_a_search_without_result_repeats_the_query_and_offers_more(cast: Cast) -> None:
    page = signed_in(cast.installer).get(LIST, {"q": "<Bjørn>"})
    assert "Nothing found for “<Bjørn>”" in text_of(page) and "<Bjørn>" not in page.content.decode()
    assert reverse("sharing:add") in main_of(page) and 'value="&lt;Bjørn&gt;"' in main_of(page)


def test_paging_goes_through_all_of_them_and_back(cast: Cast) -> None:
    """Each once, in order; Next and Previous keep the search; a made-up cursor gives a page."""
    for number in range(2 * PAGE_SIZE + 5):
        make_location(cast.installer, cast.firm, f"Sted {number + 1}")
    client = signed_in(cast.installer)
    expected = [f"Sted {number + 1}" for number in range(2 * PAGE_SIZE + 5)]
    page, seen, pages = client.get(LIST, {"q": "sted"}), [], []
    while True:
        seen += names(page)
        pages.append(names(page))
        following = re.search(r'rel="next" href="([^"]*)"', main_of(page))
        if not following:
            break
        page = client.get(LIST + unescape(following[1]))
    assert seen == expected and [len(each) for each in pages] == [PAGE_SIZE, PAGE_SIZE, 5]
    for earlier in reversed(pages[:-1]):
        before = re.search(r'rel="prev" href="([^"]*)"', main_of(page))
        assert before
        page = client.get(LIST + unescape(before[1]))
        assert names(page) == earlier
    for junk in ("x", "~", "x~y", "~1", "a~-1", "x~99999999999999999999"):
        assert client.get(LIST, {"after": junk}).status_code == 200
        assert client.get(LIST, {"before": junk}).status_code == 200


def test_the_count_says_how_many(cast: Cast) -> None:
    assert "1 location" in text_of(signed_in(cast.installer).get(LIST))
    make_location(cast.installer, cast.firm, "Andet sted")
    assert "2 locations" in text_of(signed_in(cast.installer).get(LIST))


def test_empty_states_say_what_to_do_next(cast: Cast) -> None:
    client = signed_in(cast.contractor)
    assert "No locations yet." in text_of(client.get(LIST))
    assert "No location is archived." in text_of(client.get(LIST, {"archived": "1"}))


def test_waiting_invitations_stand_above_the_list(cast: Cast) -> None:
    invitation = invite(cast.site, cast.installer, cast.contractor)
    page = signed_in(cast.contractor).get(LIST)
    assert reverse("sharing:invitation", args=[invitation.uuid]) in main_of(page)
    assert "Installer shares it with you" in text_of(page)


# --- Create, change, archive --------------------------------------------------------------------


def test_create_for_the_organisation_or_oneself(cast: Cast) -> None:
    """One's own organisation is preselected; nobody else's can be chosen."""
    client = signed_in(cast.installer)
    form = main_of(client.get(reverse("locations:new")))
    assert re.search(rf'value="{cast.firm.uuid}"[^>]*selected', form) and "Vestkysten" not in form
    page = client.post(reverse("locations:new"), GOOD | {"organisation": str(cast.firm.uuid)}, follow=True)
    assert "Ny plads was created." in said(page)
    assert Location.objects.visible_to(cast.colleague).filter(name="Ny plads").exists()
    client.post(reverse("locations:new"), GOOD | {"name": "Min egen", "organisation": ""})
    assert not Location.objects.visible_to(cast.colleague).filter(name="Min egen").exists()
    foreign = GOOD | {"name": "Fremmed", "organisation": str(cast.elsewhere.uuid)}
    assert client.post(reverse("locations:new"), foreign).status_code == 422
    assert not Location.objects.filter(name="Fremmed").exists()


def test_of_several_organisations_none_is_taken_silently(cast: Cast) -> None:
    """The wrong one would let its people in."""
    second = create_organisation(name="Anden El", by=cast.installer)
    client, url = signed_in(cast.installer), reverse("locations:new")
    options = re.search(r"<select[^>]*organisation.*?</select>", main_of(client.get(url)), re.DOTALL)
    assert options and re.findall(r'value="([^"]*)" selected', options[0]) == [""]
    refused = client.post(url, GOOD | {"organisation": ""})
    assert refused.status_code == 422 and "Choose whom the location belongs to." in text_of(refused)
    assert not Location.objects.filter(name="Ny plads").exists()
    client.post(url, GOOD | {"name": "Vores", "organisation": str(second.uuid)})
    client.post(url, GOOD | {"name": "Min egen", "organisation": "me"})
    ways = Access.objects.filter(location__name__in=["Vores", "Min egen"])
    assert set(ways.values_list("location__name", "organisation__name")) == {
        ("Vores", "Anden El"),
        ("Min egen", None),
    }


@pytest.mark.parametrize("field", ["name", "street", "postal_code", "city", "country", "category"])
def test_an_error_stands_beside_its_field_and_the_rest_is_kept(cast: Cast, field: str) -> None:
    page = signed_in(cast.installer).post(reverse("locations:new"), GOOD | {field: ""})
    assert page.status_code == 422 and not Location.objects.filter(name="Ny plads").exists()
    bad = re.search(rf'<(?:input|select)[^>]*name="{field}"[^>]*>', main_of(page))
    assert bad and 'aria-invalid="true"' in bad[0]
    for name in {"name", "street", "city"} - {field}:
        assert f'value="{GOOD[name]}"' in main_of(page)


def test_change_is_on_the_record_with_old_and_new(cast: Cast) -> None:
    client = signed_in(cast.installer)
    url = reverse("locations:settings", args=[cast.site.uuid])
    page = client.post(url, GOOD | MORE, follow=True)
    assert "Saved." in said(page)
    entry = Activity.objects.get(verb=Verb.LOCATION_CHANGED)
    assert entry.details["changes"]["name"] == ["Havnevej 2", "Ny plads"]
    assert entry.details["changes"]["main_fuse"] == ["16", "35"]
    assert names(client.get(LIST)) == ["Ny plads"]
    shown = text_of(client.get(reverse("locations:activity", args=[cast.site.uuid])))
    assert "Havnevej 2 → Ny plads" in shown
    client.post(url, GOOD | MORE)
    assert Activity.objects.filter(verb=Verb.LOCATION_CHANGED).count() == 1


@pytest.mark.parametrize(("language", "shown"), [("en-gb", "Normal → Business"), ("da", "Normal → Erhverv")])
def test_what_was_chosen_stands_in_the_record_as_it_is_called(cast: Cast, language: str, shown: str) -> None:
    """In the reader's words, not as it is stored."""
    change_location(location=cast.site, by=cast.installer, category="business", phases=1)
    User.objects.filter(pk=cast.installer.pk).update(language=language)
    page = signed_in(cast.installer).get(reverse("locations:activity", args=[cast.site.uuid]))
    assert shown in text_of(page) and "3 → 1" in text_of(page)
    assert "business" not in main_of(page)


def test_a_value_that_is_no_longer_offered_stands_as_it_was_stored(cast: Cast) -> None:
    """The record is older than the list of choices; and what is yes or no is said so."""
    of_location, of_organisation = Verb.LOCATION_CHANGED, Verb.ORGANISATION_CHANGED
    assert sentences._change(of_location, "category", "barn", "public")[1:] == ("barn", "Public")
    assert sentences._change(of_organisation, "accepts_shares", "True", "False")[1:] == ("Yes", "No")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("main_fuse", "0"),
        ("main_fuse", "2001"),
        ("main_fuse", "x"),
        ("usable_share", "39"),
        ("usable_share", "101"),
        ("fallback_current", "-1"),
        ("fallback_current", "36"),
        ("phases", "2"),
        ("grid_type", "XX"),
        ("category", "none"),
        ("country", "XX"),
        ("name", " "),
        ("name", "www.evil.example"),
        ("notes", "x" * 4001),
    ],
)
def test_values_out_of_bounds_are_refused_and_the_heading_stays_true(
    cast: Cast, field: str, value: str
) -> None:
    url = reverse("locations:settings", args=[cast.site.uuid])
    page = signed_in(cast.installer).post(url, GOOD | MORE | {field: value})
    assert page.status_code == 422 and "errorlist" in main_of(page)
    assert "<h1>Havnevej 2" in main_of(page)
    cast.site.refresh_from_db()
    assert cast.site.name == "Havnevej 2"


def test_archive_and_restore(cast: Cast) -> None:
    """It leaves the list and stands among the archived, cannot be changed, and comes back; twice is once."""
    client, args = signed_in(cast.installer), [cast.site.uuid]
    for _ in range(2):
        page = client.post(reverse("locations:archive", args=args), follow=True)
        assert "was archived" in said(page) and "Restore" in main_of(page)
    assert names(client.get(LIST)) == []
    assert names(client.get(LIST, {"archived": "1"})) == ["Havnevej 2"]
    page = client.get(reverse("locations:settings", args=args))
    assert "<fieldset disabled>" in main_of(page) and ">Save<" not in main_of(page)
    refused = client.post(reverse("locations:settings", args=args), GOOD | MORE)
    assert refused.status_code == 422 and "Restore it first" in text_of(refused)
    for _ in range(2):
        page = client.post(reverse("locations:restore", args=args), follow=True)
        assert "in use again" in said(page) and ">Save<" in main_of(page)
    assert names(client.get(LIST)) == ["Havnevej 2"]
    assert Activity.objects.filter(verb=Verb.LOCATION_ARCHIVED).count() == 1
    assert Activity.objects.filter(verb=Verb.LOCATION_RESTORED).count() == 1


@pytest.mark.parametrize("verb", ["archive", "restore"])
@pytest.mark.parametrize("left", ["view", "nothing"])
def test_a_right_that_is_lost_on_the_way_is_told(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, verb: str, left: str
) -> None:
    """Between the look at the location and the lock on it: a sentence, and nothing was done."""
    access = make_owner(cast.site, cast.contractor, cast.installer)
    before = cast.site.archived_at
    real = getattr(services, f"{verb}_location")

    def lose_it_first(*, location: Location, by: User) -> Location:
        lost = {"level": Level.VIEW} if left == "view" else {"ended_at": timezone.now()}
        Access.objects.filter(pk=access.pk).update(**lost)
        project(location, by)
        return real(location=location, by=by)

    monkeypatch.setattr(services, f"{verb}_location", lose_it_first)
    args = [cast.site.uuid]
    page = signed_in(cast.contractor).post(reverse(f"locations:{verb}", args=args), follow=True)
    assert page.status_code == 200 and "no longer have the right" in said(page)
    assert page.redirect_chain[-1][0] == (reverse("locations:detail", args=args) if left == "view" else LIST)
    cast.site.refresh_from_db()
    assert cast.site.archived_at == before
    assert not Activity.objects.filter(verb=VERBS[verb]).exists()


def test_only_those_who_decide_about_it_get_an_archive_button(scene: Scene) -> None:
    url = reverse("locations:settings", args=[scene.own.location.uuid])
    for role in ("configurer", "manager", "operator", "operator_member", "owner", "installer", "colleague"):
        user = scene.people[role]
        assert user
        offered = "/archive/" in main_of(signed_in(user).get(url))
        assert offered is (role in ("owner", "installer", "colleague")), role


# --- Overview -----------------------------------------------------------------------------------


def test_the_pin_is_for_those_who_may_configure(scene: Scene) -> None:
    """Those with View see everything else; it is on no other page of anybody."""
    site = scene.own.location
    circuit = Circuit.objects.create(location=site, name="Gruppe A", fuse=16)
    ChargePoint.objects.create(circuit=circuit, serial_number="SN-1", model="Volt", pin="48151623")
    LoadBalancer.objects.create(location=site, serial_number="LB-1", model="Balance")
    args = [site.uuid]
    for role, sees in (("viewer", False), ("configurer", True), ("owner", True)):
        user = scene.people[role]
        assert user
        client = signed_in(user)
        overview = client.get(reverse("locations:detail", args=args)).content.decode()
        assert "SN-1" in overview and "LB-1" in overview
        assert ("48151623" in overview) is sees, role
        for other in (
            LIST,
            reverse("locations:activity", args=args),
            reverse("sharing:permissions", args=args),
        ):
            assert "48151623" not in client.get(other).content.decode()
        for query in ("48151623", "4815"):
            assert names(client.get(LIST, {"q": query})) == []


def test_settings_is_no_tab_for_those_with_view(scene: Scene) -> None:
    url = reverse("locations:detail", args=[scene.own.location.uuid])
    link = reverse("locations:settings", args=[scene.own.location.uuid])
    viewer, configurer = scene.people["viewer"], scene.people["configurer"]
    assert viewer and configurer
    assert link not in main_of(signed_in(viewer).get(url))
    assert link in main_of(signed_in(configurer).get(url))


def test_the_tab_one_is_on_is_marked(scene: Scene) -> None:
    """Each tab has its own address and says which it is."""
    args = [scene.own.location.uuid]
    client = signed_in(scene.cast.installer)
    for name in ("locations:detail", "sharing:permissions", "locations:activity", "locations:settings"):
        url = reverse(name, args=args)
        assert re.search(rf'href="{url}" aria-current="page"', main_of(client.get(url))), name


# --- By which organisation ----------------------------------------------------------------------


@pytest.fixture
def of_two(cast: Cast) -> Cast:
    """The installer is in the operators' organisation, too, and was given a location personally."""
    add_member(organisation=cast.operators, user=cast.installer, role=MEMBER, by=cast.operator)
    make_location(cast.operator, cast.operators, "Nordhavn")
    share(make_location(cast.customer, None, "Eget"), cast.customer, cast.installer)
    return cast


def filtered(page: HttpResponse) -> list[tuple[str, str]]:
    """Each row's name, and what it says of the way it is there."""
    rows = re.findall(r'row-link"[^>]*>([^<]*).*?row-sub">.*?row-sub">([^<]*)', main_of(page), re.DOTALL)
    return [(name, unescape(" ".join(way.split()))) for name, way in rows]


def test_somebody_of_two_organisations_filters_the_list(of_two: Cast) -> None:
    """Each row says by which; the filter goes with search and the archive."""
    client = signed_in(of_two.installer)
    firm, operators = str(of_two.firm.uuid), str(of_two.operators.uuid)
    own = ("Eget", "Via you personally")
    theirs = ("Nordhavn", "Via Nordlys")
    ours = ("Havnevej 2", "Via Strøm & Søn")
    assert filtered(client.get(LIST)) == [own, ours, theirs]
    assert filtered(client.get(LIST, {"by": firm})) == [ours]
    assert filtered(client.get(LIST, {"by": "me"})) == [own]
    searched = client.get(LIST, {"by": operators, "q": "aarhus"})
    assert filtered(searched) == [theirs] and f'value="{operators}" selected>' in main_of(searched)
    assert f'href="?archived=1&amp;by={operators}"' in main_of(searched)
    assert f'href="/locations/?by={operators}"' in main_of(searched)  # all that is there this way
    nothing = client.get(LIST, {"by": operators, "archived": "1"})
    assert "No location matches this choice." in text_of(nothing)
    party = of_two.operators
    give_access(location=of_two.site, party=party, level=Level.VIEW, reason=Access.Reason.CODE, by=None)
    assert filtered(client.get(LIST, {"by": firm})) == [("Havnevej 2", "Via Nordlys · Strøm & Søn")]
    overview = text_of(client.get(reverse("locations:detail", args=[of_two.site.uuid])))
    assert "You see it Via Nordlys · Strøm & Søn" in overview
    colleague = signed_in(of_two.colleague).get(reverse("locations:detail", args=[of_two.site.uuid]))
    assert "You see it" not in text_of(colleague)


def test_the_filter_leaks_nothing(of_two: Cast) -> None:
    """A stranger's organisation is answered like one that never was: with the whole list."""
    client = signed_in(of_two.installer)
    never = client.get(LIST, {"by": "00000000-0000-4000-8000-000000000000"})
    strangers = client.get(LIST, {"by": str(of_two.elsewhere.uuid)})
    assert main_of(strangers) == main_of(never) == main_of(client.get(LIST))
    assert "Vestkysten" not in main_of(never) and "selected" not in main_of(never)


def test_a_filtered_list_is_paged_with_its_filter(of_two: Cast) -> None:
    for number in range(PAGE_SIZE + 1):
        make_location(of_two.operator, of_two.operators, f"Plads {number}")
    client = signed_in(of_two.installer)
    first = client.get(LIST, {"by": str(of_two.operators.uuid)})
    link = unescape(re.findall(r'rel="next" href="([^"]*)"', main_of(first))[0])
    assert f"by={of_two.operators.uuid}" in link
    second = client.get(LIST + link)
    names = [name for page in (first, second) for name, _ in filtered(page)]
    assert names == ["Nordhavn", *(f"Plads {number}" for number in range(PAGE_SIZE + 1))]


@pytest.mark.parametrize("who", ["installer", "customer"])
def test_in_one_organisation_or_none_the_list_is_as_ever(cast: Cast, who: str) -> None:
    client = signed_in(getattr(cast, who))
    main = main_of(client.get(LIST))
    assert "<select" not in main and "Via" not in main
    assert main == main_of(client.get(LIST, {"by": "me"}))


# --- Activity -----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "configurer"])
def test_addresses_in_the_record_are_for_those_who_manage(scene: Scene, role: str) -> None:
    """Who was invited is masked to those with less."""
    url = reverse("locations:activity", args=[scene.own.location.uuid])
    user = scene.people[role]
    assert user
    main = main_of(signed_in(user).get(url))
    assert "i•••@test.example" in main
    assert set(re.findall(r"[\w-]+@[\w.-]+", main.replace("•", ""))) <= {
        address
        for address in re.findall(r"[\w-]+@[\w.-]+", main.replace("•", ""))
        if len(address.partition("@")[0]) == 1
    }
    assert "invitee@test.example" in main_of(signed_in(scene.cast.installer).get(url))


def test_the_record_is_of_this_location_alone(scene: Scene) -> None:
    archive_location(location=scene.foreign.location, by=scene.cast.stranger)
    url = reverse("locations:activity", args=[scene.own.location.uuid])
    words = text_of(signed_in(scene.cast.installer).get(url))
    assert "created the location" in words and "Stranger" not in words and "archived the" not in words


def test_the_record_is_paged(cast: Cast) -> None:
    """Newest first; older ones by a link, and back, filter and all; a made-up page gives a page."""
    from portal.activity.record import record

    for number in range(60):
        record(
            Verb.LOCATION_CHANGED, by=cast.installer, location=cast.site, changes={"name": [str(number), "x"]}
        )
    client, url = signed_in(cast.installer), reverse("locations:activity", args=[cast.site.uuid])
    first = client.get(url, {"who": "installer"})
    assert main_of(first).count('class="row-main"') == 50 and "59 → x" in text_of(first)
    assert 'rel="prev"' not in main_of(first)
    older = unescape(re.findall(r'rel="next" href="([^"]*)"', main_of(first))[0])
    assert "who=installer" in older
    second = client.get(url + older)
    assert 'rel="next"' not in main_of(second) and "created the location" in text_of(second)
    newer = unescape(re.findall(r'rel="prev" href="([^"]*)"', main_of(second))[0])
    back = client.get(url + newer)
    assert back.context["lines"] == first.context["lines"]
    shown = [line.changes for page in (first, second) for line in page.context["lines"] if line.changes]
    assert [change[0][1] for change in shown] == [str(number) for number in reversed(range(60))]
    for junk in ("0", "-1", "x", "999", "9" * 18 + "~1"):
        for name in ("before", "after"):
            assert client.get(url, {name: junk}).context["lines"] == client.get(url).context["lines"]


# --- Organisations ------------------------------------------------------------------------------
