"""Every GET and HEAD, fetched twice by nobody, the wrong person and the right one, changes nothing.

Only sessions, counters of tries and that a location was opened may be written. Documented exceptions: a wrong
code that belonged to an invitation is put on the record of its location, once; signing in notes when on the
person's row.
"""

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.test import Client
from django.urls import reverse

from portal.models import Activity, Throttle
from portal.verbs import Verb
from sharing.models import Invitation
from tests.pages import (
    Scene,
    browser,
    changes,
    grouped,
    letter,
    link_in,
    make_account,
    signed_in,
    wrong_codes,
)
from tests.tools import run_out
from tests.web.test_access_table import ADMIN_MODELS, ADMIN_OTHER, ROWS, objects_of_admin

pytestmark = pytest.mark.pages


def addresses(scene: Scene) -> dict[str, str]:
    """Every address with what it names, the admin's and those with a query too."""
    found = {name: reverse(name, args=row.args(scene.own)) for name, row in ROWS.items()}
    found |= {name: reverse(name, args=args) for name, (args, _) in ADMIN_OTHER.items()}
    things = objects_of_admin(scene)
    for table in ADMIN_MODELS:
        for page in table.pages:
            args = () if page in ("changelist", "add") else (things[table.model].pk,)
            found[f"{table.model}_{page}"] = reverse(f"admin:{table.model}_{page}", args=args)
    found["archived"] = reverse("locations:list") + "?archived=1&q=havn&after=x~1"
    older = f"?before=1{'0' * 15}~9&who=x&what=access&from=2020-01-01"
    found["older activity"] = reverse("locations:activity", args=[scene.own.location.uuid]) + older
    found["searched"] = reverse("admin:sharing_invitation_changelist") + f"?q={grouped(scene.own.code)}"
    return found


def fetch_twice(client: Client, url: str) -> list[str]:
    """What is wrong with this address: something changed, it failed, or HEAD answers otherwise than GET."""
    wrong = []
    with changes() as noted:
        seen = set()
        for method in ("get", "head", "get", "head"):
            answer = getattr(client, method)(url)
            if answer.status_code >= 500:
                wrong.append(f"{method}: {answer.status_code}")
            if method == "head" and answer.getvalue():
                wrong.append("HEAD has a body")
            seen.add((answer.status_code, answer.headers.get("Location"), answer.headers.get("Content-Type")))
        if len(seen) > 1:
            wrong.append(f"answers differ: {seen}")
    if changed := noted.tables:
        wrong.append(f"changed {changed}")
    return wrong


@pytest.mark.parametrize("role", ["anonymous", "stranger", "installer", "invitee", "viewer", "support"])
def test_looking_changes_nothing(scene: Scene, role: str) -> None:
    """Mail scanners and prefetching browsers open every link; nothing may come of it."""
    user = scene.people[role]
    urls = addresses(scene)
    wrong = {}
    for name, url in urls.items():
        if name == "admin:login" and role == "support":
            continue  # Django sends staff on by GET and draws the form for HEAD
        client = signed_in(user, raise_request_exception=False) if user else browser()
        if found := fetch_twice(client, url):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize("role", ["anonymous", "stranger", "invitee"])
def test_opening_the_link_of_an_invitation_changes_nothing(scene: Scene, role: str) -> None:
    """The e-mail's link, followed to its end and again, leaves the invitation as it was."""
    user = scene.people[role]
    client = signed_in(user) if user else browser()
    url = reverse("sharing:open", args=[grouped(scene.own.invitation)])
    with changes() as noted:
        for method in (client.get, client.head, client.get):
            assert method(url, follow=True).status_code == 200
    assert noted.tables == set()
    assert Throttle.objects.filter(key__startswith="wrong-code").count() == 0


def test_a_wrong_code_is_counted_once_however_often_it_is_looked_at(scene: Scene) -> None:
    """A code that never was writes a counter and nothing else; reloading the page counts no more."""
    client = signed_in(scene.cast.contractor)
    with changes() as noted:
        for _ in range(3):
            assert client.get(reverse("sharing:open", args=wrong_codes(1)), follow=True).status_code == 404
            assert client.head(reverse("sharing:check")).status_code == 404
    assert noted.tables == set()
    wrong = Throttle.objects.filter(key__startswith="wrong-code")
    assert sorted(wrong.values_list("tries", flat=True)) == [1, 1]


def test_an_ended_code_is_put_on_the_record_once(scene: Scene) -> None:
    """The documented exception: an attempt against a location's ended code stands in its Activity."""
    client = signed_in(scene.cast.contractor)
    for _ in range(3):
        client.get(reverse("sharing:open", args=[grouped(scene.foreign.expired)]), follow=True)
        client.head(reverse("sharing:check"))
    entries = Activity.objects.filter(verb=Verb.WRONG_CODE)
    assert [entry.location_id for entry in entries] == [scene.foreign.location.pk]


def test_opening_the_link_that_confirms_an_address_confirms_nothing(scene: Scene) -> None:
    """A mail scanner opens it; only the button confirms."""
    address = EmailAddress.objects.create(user=scene.cast.customer, email="second@test.example")
    url = reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
    for client in (browser(), signed_in(scene.cast.stranger), signed_in(scene.cast.customer)):
        assert fetch_twice(client, url) == []
    address.refresh_from_db()
    assert not address.verified


def test_opening_the_link_that_resets_a_password_resets_nothing(db: None) -> None:
    """And the token leaves the address bar on the first look."""
    user = make_account()
    browser().post(reverse("account_reset_password"), {"email": user.email})
    url = link_in(letter(kind="account"), "/reset/key/")
    client = browser()
    with changes() as noted:
        first = client.get(url)
        assert first.status_code == 302 and first["Location"].endswith("-set-password/")
        assert client.get(first["Location"]).status_code == 200
        assert client.head(first["Location"]).status_code == 200
    assert noted.tables == set()


@pytest.mark.parametrize("state", ["expired", "withdrawn", "declined"])
def test_looking_at_what_has_ended_changes_nothing(scene: Scene, state: str) -> None:
    """The addressed person sees what became of it, as often as they like."""
    from sharing.invitations import accepting as invitations_accepting
    from sharing.invitations import services as invitations

    invitation, invitee = scene.own.invitation, scene.people["invitee"]
    assert invitee is not None
    if state == "expired":
        run_out(invitation)
    elif state == "withdrawn":
        invitations.withdraw(invitation=invitation, by=scene.cast.installer)
    else:
        invitations_accepting.decline(invitation=invitation, by=invitee, nonce=invitation.nonce)
    client = signed_in(invitee)
    assert fetch_twice(client, reverse("sharing:invitation", args=[invitation.uuid])) == []
    assert fetch_twice(client, reverse("sharing:open", args=[grouped(invitation)])) == []
    assert Invitation.objects.get(pk=invitation.pk).state == ("pending" if state == "expired" else state)
