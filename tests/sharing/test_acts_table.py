"""Every act of the Permissions tab × every actor × every state, written out (product rule 3, docs/rules.md).

The tables below were written from the rules, not from the code. `sharing.permissions.Viewer` must answer
what they say; services must refuse exactly where they say no; the tab must show a button exactly where they
say yes. An act that `Viewer` learns and that has no letter here fails.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.urls import reverse

from locations.archiving import may_archive
from locations.levels import Level
from locations.models import Access
from locations.services import archive_location, restore_location
from portal.errors import Refusal
from portal.models import User
from sharing.access import changing, removing
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.invitations.services import correct_address
from sharing.models import Invitation
from sharing.permissions import Viewer
from sharing.transfers import services as transfers
from sharing.view_as import services as view_as
from tests.cast import Cast
from tests.organisations.tools import forget_throttles
from tests.pages import browser, main_of, signed_in
from tests.sharing.house import House, make_house, settle
from tests.tools import in_days, undone

VIEW, CONFIGURE, MANAGE = Level

# The columns of the tables, and who stands there.
ACTORS = {
    "O": "customer",  # Owner
    "A": "installer",  # Administrator of the organisation that installed it
    "M": "colleague",  # Member of it
    "C": "contractor",  # recipient with Manage, who gave on to S
    "S": "second",  # recipient with Manage, who gave on to T
    "T": "third",  # View, given on
    "P": "operator",  # Administrator of a recipient organisation with Manage
    "Q": "clerk",  # Member of it, who gave on to G
    "G": "guest",  # Configure, given by Q
    "K": "configurer",  # recipient with Configure
    "V": "viewer",  # recipient with View
    "F": "former",  # had Manage and gave it on, until it was taken away
    "X": "left-member",  # Member of the recipient organisation until lately, who gave on
    "D": "over",  # had Manage until yesterday
    "L": "closed",  # deleted their account
    "Z": "stranger",
    "U": "support",  # support staff, who have no rights on the pages
}
NOTHING_AT_ALL = "FXDLZU"

# e may end · c may change level and end · l may give up part of it · v may view as its party
ACCESS = """
              O   A   M   C   S   T   P   Q   G   K   V   F   X   D   L   Z   U
installed     ev  ev  v   v   v   .   v   v   .   .   .   .   .   .   .   .   .
owner         .   v   v   v   v   .   v   v   .   .   .   .   .   .   .   .   .
contractor    ecv ecv ecv el  v   .   v   v   .   .   .   .   .   .   .   .   .
second        ecv ecv ecv ecv el  .   v   v   .   .   .   .   .   .   .   .   .
third         ecv ecv ecv ecv ecv el  v   v   .   .   .   .   .   .   .   .   .
operators     ecv ecv ecv v   v   .   elv v   .   .   .   .   .   .   .   .   .
guest         ecv ecv ecv v   v   .   ecv ecv el  .   .   .   .   .   .   .   .
left          ecv ecv ecv v   v   .   ecv ecv .   .   .   .   .   .   .   .   .
configurer    ecv ecv ecv v   v   .   v   v   .   el  .   .   .   .   .   .   .
viewer        ecv ecv ecv v   v   .   v   v   .   .   el  .   .   .   .   .   .
by~code       ecv ecv ecv v   v   .   v   v   .   .   .   .   .   .   .   .   .
asked         ecv ecv ecv ecv v   .   v   v   .   .   .   .   .   .   .   .   .
ending        ecv ecv ecv v   v   .   v   v   .   .   .   .   .   .   .   .   .
kept          ecv ecv ecv v   v   .   v   v   .   .   .   .   .   .   .   .   .
former        .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
over          .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
closed        .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
"""
# r may send again · a may correct the address · w may withdraw, look at the code, answer who asks to use it
INVITATIONS = """
              O   A   M   C   S   T   P   Q   G   K   V   F   X   D   L   Z   U
installer's   raw raw raw .   .   .   .   .   .   .   .   .   .   .   .   .   .
second's      raw raw raw raw raw .   .   .   .   .   .   .   .   .   .   .   .
clerk's       raw raw raw .   .   .   raw raw .   .   .   .   .   .   .   .   .
former's      raw raw raw .   .   .   .   .   .   .   .   .   .   .   .   .   .
to~elsewhere  rw  rw  rw  .   .   .   .   .   .   .   .   .   .   .   .   .   .
code          w   w   w   w   w   .   w   w   .   .   .   .   .   .   .   .   .
"""
# s may share · h may hand over · d decides who owns (withdraws a handover), archives it and restores it ·
# n sees addresses
LOCATION = """
              O   A   M   C   S   T   P   Q   G   K   V   F   X   D   L   Z   U
in~use        shdn shdn shdn sn sn .  sn  sn  .   .   .   .   .   .   .   .   .
handed~over   shdn shdn shdn sn sn .  sn  sn  .   .   .   .   .   .   .   .   .
archived      dn  dn  dn  n   n   .   n   n   .   .   .   .   .   .   .   .   .
"""
ON_ACCESS: dict[str, Callable[[Viewer, Access], bool]] = {
    "e": Viewer.may_end,
    "c": Viewer.may_change,
    "l": Viewer.may_lower,
    "v": Viewer.may_view_as,
}
ON_INVITATION: dict[str, Callable[[Viewer, Invitation], bool]] = {
    "r": Viewer.may_renew,
    "a": Viewer.may_correct,
    "w": Viewer.may_withdraw,
}
ON_LOCATION = {
    "s": "may_share",
    "h": "may_transfer",
    "d": "decides_who_owns",
    "n": "may_see_addresses",
}
# `c` or `l`: asked by the page that shows both.
MADE_OF_OTHERS = {"may_reach_terms_of"}

Table = dict[tuple[str, str], str]


def read(table: str) -> Table:
    """The letters of each cell by (row, actor)."""
    head, *rows = [line.split() for line in table.strip().splitlines()]
    assert head == list(ACTORS)
    return {
        (name.replace("~", " "), actor): cell.strip(".")
        for name, *cells in rows
        for actor, cell in zip(head, cells, strict=True)
    }


@pytest.fixture
def house(cast: Cast) -> House:
    return make_house(cast)


def viewers(house: House) -> dict[str, Viewer]:
    return {letter: Viewer.of(house.people[name], house.location) for letter, name in ACTORS.items()}


def answers(house: House) -> dict[str, Table]:
    """What the code says, in the form of the tables."""
    seen = viewers(house)
    return {
        "access": {
            (what, actor): "".join(letter for letter, may in ON_ACCESS.items() if may(viewer, access))
            for what, access in house.accesses.items()
            for actor, viewer in seen.items()
        },
        "invitations": {
            (what, actor): "".join(letter for letter, may in ON_INVITATION.items() if may(viewer, one))
            for what, one in house.invitations.items()
            for actor, viewer in seen.items()
        },
        "location": {
            ("", actor): "".join(letter for letter, name in ON_LOCATION.items() if getattr(viewer, name))
            for actor, viewer in seen.items()
        },
    }


def row_of(table: Table, name: str) -> Table:
    return {("", actor): cell for (what, actor), cell in table.items() if what == name}


def without(table: Table, letters: str) -> Table:
    return {key: "".join(letter for letter in cell if letter not in letters) for key, cell in table.items()}


# --- The table is whole -----------------------------------------------------------------------


def test_an_act_without_a_letter_in_the_table_fails() -> None:
    """Whatever `Viewer` can be asked that begins with `may_` or decides something has a column of answers."""
    acts = {name for name in vars(Viewer) if name.startswith(("may_", "decides_"))}
    lettered = {may.__name__ for may in (*ON_ACCESS.values(), *ON_INVITATION.values())}
    assert acts == lettered | set(ON_LOCATION.values()) | MADE_OF_OTHERS


def test_the_table_has_a_row_for_everything_in_the_house(house: House) -> None:
    assert {what for what, _ in read(ACCESS)} == set(house.accesses)
    assert {what for what, _ in read(INVITATIONS)} == set(house.invitations)
    assert {access.reason for access in house.accesses.values()} == set(Access.Reason)
    assert {one.kind for one in house.invitations.values()} == set(Invitation.Kind)
    assert {one.state for one in house.invitations.values()} == {"pending", "withdrawn"}


# --- The code says what the table says --------------------------------------------------------


def test_everybody_may_do_what_the_table_says_and_nothing_else(house: House) -> None:
    found = answers(house)
    assert found["access"] == read(ACCESS)
    assert found["invitations"] == read(INVITATIONS)
    assert found["location"] == row_of(read(LOCATION), "in use")
    for viewer in viewers(house).values():
        for access in house.accesses.values():
            either = viewer.may_change(access) or viewer.may_lower(access)
            assert viewer.may_reach_terms_of(access) == either


def test_a_handover_that_waits_changes_nothing_for_anybody(house: House) -> None:
    """Until it is accepted (product rule 2)."""
    transfers.start(location=house.location, by=house.cast.customer, email="next@test.example")
    found = answers(house)
    assert (found["access"], found["invitations"]) == (read(ACCESS), read(INVITATIONS))
    assert found["location"] == row_of(read(LOCATION), "handed over")


def test_archived_nothing_can_be_shared_and_all_can_be_taken_back(house: House) -> None:
    archive_location(location=house.location, by=house.cast.installer)
    found = answers(house)
    assert found["access"] == read(ACCESS)
    assert found["invitations"] == without(read(INVITATIONS), "ra")
    assert found["location"] == row_of(read(LOCATION), "archived")


def test_who_archives_is_who_decides_about_it(house: House) -> None:
    """The rule for one person, for a loaded viewer and in the verbs is one."""
    for letter, viewer in viewers(house).items():
        may = "d" in read(LOCATION)["in use", letter]
        assert viewer.decides_who_owns == may, letter
        assert may_archive(viewer.user, house.location, viewer.level) == may, letter
        for verb in (archive_location, restore_location):
            act = partial(verb, location=house.location, by=viewer.user)
            assert outcome(act) == ("done" if may else "refused"), (verb, letter)


def test_without_an_owner_the_installing_party_cannot_leave(house: House) -> None:
    """And nobody else's rights are others for it; who was the Owner is nobody here any more."""
    Access.objects.filter(pk=house.accesses["owner"].pk).update(ends_at=in_days(-1))
    house.location.user_permissions.filter(user=house.people["customer"]).update(ends_at=in_days(-1))
    gone = {key: "" if key[1] == "O" or key[0] == "owner" else cell for key, cell in read(ACCESS).items()}
    assert answers(house)["access"] == gone | {("installed", "A"): "v"}


def test_who_answers_for_an_invitation_is_the_same_whatever_became_of_it(house: House) -> None:
    """What can still be done with it is the service's to say: below."""
    for state in BY_STATE:
        with undone():
            for invitation in house.invitations.values():
                if invitation.kind != "code" and invitation.state == "pending":
                    settle(house, invitation, state)
            # By accepting for their organisation the stranger is none any more: Manage stops a leaked code.
            gained = {("code", "Z"): "w"} if state == "accepted" else {}
            assert answers(house)["invitations"] == read(INVITATIONS) | gained, state
        for invitation in house.invitations.values():
            invitation.refresh_from_db()


# --- Services refuse exactly where the table says no ------------------------------------------


TRIED = ("installed", "owner", "second", "operators", "guest", "over")


def outcome(act: Callable[[], Any]) -> str:
    """`done`, `nothing`, or `refused`; undone afterwards."""
    forget_throttles()
    with undone():
        try:
            return "done" if act() else "nothing"
        except Refusal:
            return "refused"


def does(house: House, letter: str, what: str, by: User) -> Callable[[], Any]:
    """The service call behind a letter."""
    access, invitation, site = house.accesses.get(what), house.invitations.get(what), house.location
    other = VIEW if access and access.level != VIEW else CONFIGURE
    calls: dict[str, Callable[[], Any]] = {
        "e": lambda: removing.remove_access(access=access, by=by, also_given_on=False),
        "c": lambda: changing.change_level(access=access, by=by, level=other),
        "l": lambda: changing.change_terms(access=access, by=by, level=VIEW, ends_at=in_days(3)),
        "v": lambda: view_as.begin(access=access, by=by) is None,
        "r": lambda: invitations.renew(invitation=invitation, by=by),
        "a": lambda: correct_address(invitation=invitation, by=by, email="right@test.example"),
        "w": lambda: invitations.withdraw(invitation=invitation, by=by),
        "s": lambda: invitations.share_with_person(
            location=site, by=by, email="new@test.example", level=VIEW
        ),
        "h": lambda: transfers.start(location=site, by=by, email="new@test.example"),
    }
    return calls[letter]


def differing(house: House, letter: str, table: Table) -> Iterator[tuple[str, str]]:
    """The cells at which the service does not do what the table says."""
    for (what, actor), cell in table.items():
        allowed = letter in cell or (letter == "l" and "c" in cell)
        got = outcome(does(house, letter, what, house.people[ACTORS[actor]]))
        # Of what is over already, there is nothing to take: told alike to whoever asks.
        over = letter == "e" and what in ("former", "over", "closed")
        if got != ("nothing" if over else "done" if allowed else "refused"):
            yield what, f"{actor} {got}"


def test_the_services_do_it_for_exactly_those(house: House) -> None:
    """Each letter, for everybody, on a thing of every kind."""
    of_access = {key: cell for key, cell in read(ACCESS).items() if key[0] in TRIED}
    of_invitations = {key: cell for key, cell in read(INVITATIONS).items() if key[0] != "former's"}
    tables = dict.fromkeys(ON_ACCESS, of_access) | dict.fromkeys(ON_INVITATION, of_invitations)
    for letter, table in (tables | dict.fromkeys("sh", row_of(read(LOCATION), "in use"))).items():
        assert list(differing(house, letter, table)) == [], letter


# What a service answers to somebody entitled, by what has become of the invitation.
BY_STATE = {
    # state       renew      correct    withdraw   show the code
    "pending": ("done", "done", "done", "done"),
    "run out": ("done", "done", "done", "refused"),
    "expired": ("done", "done", "done", "refused"),
    "accepted": ("refused", "refused", "refused", "refused"),
    "declined": ("done", "refused", "nothing", "refused"),
    "withdrawn": ("refused", "refused", "nothing", "refused"),
}


def test_what_can_be_done_with_an_invitation_in_each_state(house: House) -> None:
    by = house.cast.installer
    for state, (renew, correct, withdraw, show) in BY_STATE.items():
        for name in ("installer's", "to elsewhere"):
            invitation = house.invitations[name]
            with undone():
                settle(house, invitation, state)
                found = [outcome(does(house, letter, name, by)) for letter in "rw"]
                assert found == [renew, withdraw], state
                assert (
                    outcome(lambda one=invitation: invitations_codes.show_code(invitation=one, by=by)) == show
                )
                if name == "installer's":
                    assert outcome(does(house, "a", name, by)) == correct, state
            invitation.refresh_from_db()


def test_archived_the_services_take_back_and_give_nothing(house: House) -> None:
    archive_location(location=house.location, by=house.cast.installer)
    by = house.cast.installer
    for letter, what in (("s", ""), ("h", ""), ("r", "installer's"), ("a", "installer's"), ("c", "viewer")):
        assert outcome(does(house, letter, what, by)) == "refused", letter
    for letter, what in (("e", "viewer"), ("w", "installer's"), ("w", "code"), ("l", "contractor")):
        assert outcome(does(house, letter, what, by)) == "done", letter


# --- The tab shows a button exactly where the table says yes ----------------------------------


def shown(house: House, letter: str) -> dict[str, Table]:
    """What one actor's tab offers, in the form of the tables; nothing for whom there is no tab."""
    response = signed_in(house.people[ACTORS[letter]]).get(
        reverse("sharing:permissions", args=[house.location.uuid])
    )
    if response.status_code == 404:
        return {}
    html = main_of(response)

    def row(name: str) -> str:
        return html.partition(f'id="{name}"')[2].partition("</li>")[0]

    def letters(text: str, signs: dict[str, str]) -> str:
        return "".join(letter for letter, sign in signs.items() if sign in text)

    return {
        "access": {
            (what, letter): letters(row(f"access-{access.uuid}"), {"e": "/remove/", "c": "<select"})
            for what, access in house.accesses.items()
        },
        "invitations": {
            (what, letter): letters(row(f"invitation-{one.uuid}"), {"r": "/resend/", "w": "/withdraw/"})
            for what, one in house.invitations.items()
            if what != "former's"  # withdrawn: not on the tab
        },
        "location": {("", letter): letters(html, {"s": 'id="invite"', "h": 'id="transfer"'})},
    }


def test_the_tab_shows_a_button_for_exactly_those(house: House) -> None:
    the_tab_says_what_the_table_says(house, archived=False)
    archive_location(location=house.location, by=house.cast.installer)
    the_tab_says_what_the_table_says(house, archived=True)


def the_tab_says_what_the_table_says(house: House, *, archived: bool) -> None:
    wanted = {
        "access": without(read(ACCESS), "lv"),
        "invitations": without(read(INVITATIONS), "ra" if archived else "a"),
        "location": without(row_of(read(LOCATION), "archived" if archived else "in use"), "dn"),
    }
    for letter in ACTORS.keys() - set(NOTHING_AT_ALL):
        offered = shown(house, letter)
        for name, table in offered.items():
            assert table == {key: wanted[name][key] for key in table}, (letter, name)
    for letter in set(NOTHING_AT_ALL) - {"L"}:
        assert shown(house, letter) == {}, letter


def test_the_entry_page_has_form_and_button_for_exactly_those(house: House) -> None:
    """Changing and giving up part: one form, for whoever may do either. And the one to view as."""
    for what in ("installed", "third", "operators", "guest"):
        url = reverse("sharing:entry", args=[house.location.uuid, house.accesses[what].uuid])
        for letter in ACTORS.keys() - set(NOTHING_AT_ALL):
            page = main_of(signed_in(house.people[ACTORS[letter]]).get(url))
            may = read(ACCESS)[what, letter]
            assert ('name="access_ends"' in page) == bool(set(may) & {"c", "l"}), (what, letter)
            assert (f'action="{url}view/"' in page) == ("v" in may), (what, letter)


def test_signed_out_every_act_leads_to_the_sign_in(house: House) -> None:
    """Each act has one address; nobody who is not signed in gets further than being asked to."""
    access, invitation, site = house.accesses["viewer"], house.invitations["installer's"], house.location
    acts = {
        "remove": access,
        "change_level": access,
        "entry": access,
        "extend": access,
        "resend": invitation,
        "correct_address": invitation,
        "withdraw": invitation,
        "show_code": invitation,
    }
    urls = [reverse(f"sharing:{name}", args=[site.uuid, thing.uuid]) for name, thing in acts.items()]
    urls += [reverse(f"sharing:{name}", args=[site.uuid]) for name in ("permissions", "invite", "transfer")]
    for url in urls:
        response = browser().post(url)
        assert response.status_code == 302 and response.url.startswith(reverse("account_login")), url
