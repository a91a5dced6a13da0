"""Support staff (product rule 7): they search and read, change nothing, and see no secret."""

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit, LoadBalancer, Location, LocationUserPermission
from locations.services import give_access
from organisations.models import Organisation
from portal import codes
from portal.errors import Refusal
from portal.models import Activity, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing.bulk import jobs
from sharing.invitations import services as invitations
from sharing.invitations.withdrawing import withdraw_pending
from sharing.models import Invitation
from sharing.support import services as support
from tests.cast import Cast, make_person, share
from tests.pages import Scene, browser, changes, grouped, signed_in, text_of, wrong_codes
from tests.web.test_access_table import ADMIN_MODELS, objects_of_admin

pytestmark = pytest.mark.pages

READABLE = [table.model for table in ADMIN_MODELS if not table.closed]


@pytest.fixture
def equipped(scene: Scene) -> ChargePoint:
    """A charge point with a serial number to search and a PIN to keep."""
    circuit = Circuit.objects.create(location=scene.own.location, name="A", fuse=16)
    point: ChargePoint = ChargePoint.objects.create(
        circuit=circuit, serial_number="SN-77001", model="Volt", pin="48151623"
    )
    return point


def found_by(scene: Scene, model: str, words: str) -> list[int | str]:
    """The objects a search in the admin lists."""
    page = signed_in(scene.cast.support).get(reverse(f"admin:{model}_changelist"), {"q": words})
    assert page.status_code == 200
    return [each.pk for each in page.context["cl"].result_list]


def test_support_finds_a_person_by_any_address(scene: Scene) -> None:
    assert found_by(scene, "portal_user", "contractor@test") == [scene.cast.contractor.pk]


def test_support_finds_a_location_by_number_name_and_serial_number(
    scene: Scene, equipped: ChargePoint
) -> None:
    """What somebody on the telephone can read out."""
    site, bait = scene.own.location, scene.foreign.location
    assert found_by(scene, "locations_location", "SN-77001") == [site.pk]
    LoadBalancer.objects.create(location=site, serial_number="LB-88002", model="Even")
    assert found_by(scene, "locations_location", "LB-88002") == [site.pk]
    assert found_by(scene, "locations_location", str(site.number)) == [site.pk]
    assert set(found_by(scene, "locations_location", "havnevej")) == {site.pk, bait.pk}


def test_support_finds_an_invitation_by_address(scene: Scene) -> None:
    """Not by its code: a search stands in the address of the page, where no code may be."""
    invitation = scene.own.invitation
    assert found_by(scene, "sharing_invitation", grouped(invitation)) == []
    assert found_by(scene, "sharing_invitation", "invitee@test") == [invitation.pk]


def test_support_finds_an_organisation_by_name_and_member(scene: Scene) -> None:
    """Nor this by its key."""
    firm = scene.cast.firm
    assert found_by(scene, "organisations_organisation", firm.key) == []
    assert found_by(scene, "organisations_organisation", "Strøm") == [firm.pk]
    assert found_by(scene, "organisations_organisation", "colleague@test") == [firm.pk]


def test_support_finds_mail_access_and_activity(scene: Scene) -> None:
    """Who was written to, who has access, what happened."""
    sent = OutgoingEmail.objects.filter(address="invitee@test.example")
    assert found_by(scene, "portal_outgoingemail", "invitee@test") == [row.pk for row in sent]
    assert len(found_by(scene, "locations_access", "viewer@test")) == 1
    assert found_by(scene, "portal_activity", "invitee@test")


@pytest.mark.parametrize("model", READABLE)
@pytest.mark.parametrize(
    "words", ["abc", "'; DROP TABLE x; --", "\0", "7QKM-3RXD-9HFA", "1" * 30, "é\u202e", "%_"]
)
def test_no_search_fails(scene: Scene, model: str, words: str) -> None:
    """Whatever is pasted into the search box."""
    page = signed_in(scene.cast.support, raise_request_exception=False).get(
        reverse(f"admin:{model}_changelist"), {"q": words}
    )
    assert page.status_code == 200


def secrets_of(scene: Scene) -> dict[str, str]:
    """Everything that no page of the admin may contain, by what it is."""
    secrets: dict[str, str] = {}
    for invitation in Invitation.objects.all():
        secrets |= {
            f"code {invitation}": grouped(invitation),
            f"bare code {invitation}": invitation.code,
            f"nonce {invitation}": invitation.nonce,
            f"digest {invitation}": invitation.code_digest,
        }
    for organisation in Organisation.objects.all():
        secrets |= {
            f"key {organisation}": organisation.key,
            f"key in groups {organisation}": "-".join(
                organisation.key[start : start + 4] for start in range(0, 16, 4)
            ),
            f"nonce {organisation}": organisation.key_nonce,
            f"digest {organisation}": organisation.key_digest,
        }
    secrets |= {f"PIN {point}": point.pin for point in ChargePoint.objects.all()}
    secrets |= {f"password {user}": user.password for user in User.objects.all() if user.password}
    return secrets


def test_no_page_of_the_admin_shows_a_secret(scene: Scene, equipped: ChargePoint) -> None:
    """No code, key, nonce, digest, PIN or password hash on any list, page or history, search included."""
    client = signed_in(scene.cast.support)
    secrets = secrets_of(scene)
    assert len(secrets) > 20 and any(name.startswith("PIN") for name in secrets)
    urls = []
    for model in READABLE:
        urls.append(reverse(f"admin:{model}_changelist"))
        registered = next(
            m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == model
        )
        for thing in registered._default_manager.all()[:40]:
            urls += [reverse(f"admin:{model}_{page}", args=[thing.pk]) for page in ("change", "history")]
    urls += [reverse("admin:index"), reverse("admin:app_list", args=["portal"])]
    shown = {
        (url, name)
        for url in urls
        for page in [client.get(url)]
        for name, secret in secrets.items()
        if page.status_code != 200 or secret in page.content.decode()
    }
    assert shown == set()


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("portal_user", "password__startswith"),
        ("portal_user", "password__regex"),
        ("portal_user", "is_staff__password"),
        ("organisations_organisation", "key_nonce__startswith"),
        ("organisations_membership", "user__password__startswith"),
        ("organisations_membership", "organisation__key_digest"),
        ("sharing_invitation", "nonce__startswith"),
        ("sharing_invitation", "code_digest__startswith"),
        ("sharing_invitation", "message__contains"),
        ("sharing_invitation", "location__notes__contains"),
        ("locations_location", "notes__contains"),
        ("locations_location", "circuits__charge_points__pin__startswith"),
        ("locations_access", "user__password__startswith"),
        ("portal_outgoingemail", "details__contains"),
        ("portal_activity", "details__contains"),
    ],
)
def test_no_filter_tells_what_no_page_shows(scene: Scene, model: str, lookup: str) -> None:
    """Django filters by whatever an address names; a hit and a miss would spell out a secret."""
    client = signed_in(scene.cast.support)
    hit, miss = (client.get(reverse(f"admin:{model}_changelist"), {lookup: value}) for value in ("", "!!!"))
    assert (hit.status_code, hit.content) == (miss.status_code, miss.content)
    assert hit.status_code == 400


@pytest.mark.parametrize("model", READABLE)
def test_the_filters_a_list_offers_work(scene: Scene, model: str) -> None:
    """Every link of the sidebar."""
    client = signed_in(scene.cast.support)
    url = reverse(f"admin:{model}_changelist")
    page = client.get(url)
    specs = page.context["cl"].filter_specs
    choices = [choice["query_string"] for spec in specs for choice in spec.choices(page.context["cl"])]
    assert {query: client.get(url + query).status_code for query in choices} == dict.fromkeys(choices, 200)


@pytest.mark.parametrize("model", READABLE)
def test_staff_can_neither_add_change_nor_delete(scene: Scene, model: str) -> None:
    """No button for it and no way round the button, bulk actions included."""
    client = signed_in(scene.cast.support)
    thing = objects_of_admin(scene)[model]
    listing = client.get(reverse(f"admin:{model}_changelist")).content.decode()
    page = client.get(reverse(f"admin:{model}_change", args=[thing.pk])).content.decode()
    assert "/add/" not in listing and 'name="action"' not in listing
    assert "/delete/" not in page and 'name="_save"' not in page and 'name="_continue"' not in page
    with changes() as noted:
        everything = {
            "is_staff": "on",
            "is_superuser": "on",
            "email": "x@test.example",
            "level": "3",
            "_save": "1",
        }
        assert client.post(reverse(f"admin:{model}_add"), everything).status_code == 403
        assert client.post(reverse(f"admin:{model}_change", args=[thing.pk]), everything).status_code == 403
        assert (
            client.post(reverse(f"admin:{model}_delete", args=[thing.pk]), {"post": "yes"}).status_code == 403
        )
        bulk = {"action": "delete_selected", "_selected_action": [str(thing.pk)], "post": "yes"}
        client.post(reverse(f"admin:{model}_changelist"), bulk)
        client.post(reverse(f"admin:{model}_changelist"), {"form-TOTAL_FORMS": "1", "_save": "1"})
    assert noted.tables == set()


def test_staff_see_no_location_in_the_portal(scene: Scene) -> None:
    """The flag opens the admin and nothing else."""
    client = signed_in(scene.cast.support)
    listing = client.get(reverse("locations:list"))
    assert "Havnevej" not in text_of(listing)
    for name in ("locations:detail", "locations:activity", "sharing:permissions"):
        assert client.get(reverse(name, args=[scene.own.location.uuid])).status_code == 404
    assert set(Location.objects.visible_to(scene.cast.support)) == set()


def test_staff_cannot_make_themselves_anything(scene: Scene) -> None:
    """Every form of the portal a member of staff can post to gives them no right over what exists."""
    support = scene.cast.support
    client = signed_in(support)
    site = scene.own.location.uuid
    rights = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1", "level": "3"}
    for url in (
        reverse("set_language"),
        reverse("account_email"),
        reverse("admin:index"),
        reverse("admin:portal_user_change", args=[support.pk]),
        reverse("sharing:invite", args=[site]),
        reverse("sharing:change_level", args=[site, scene.own.access.uuid]),
    ):
        client.post(url, {**rights, "kind": "person", "email": support.email, "language": "da"})
    support.refresh_from_db()
    assert not support.is_superuser
    assert not support.groups.exists() and not support.user_permissions.exists()
    assert not Access.objects.filter(user=support).exists()
    assert not LocationUserPermission.objects.filter(user=support).exists()


def test_nobody_can_be_a_superuser(scene: Scene) -> None:
    """The database refuses it, so no mistake in code can make one."""
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=scene.cast.support.pk).update(is_superuser=True)


@pytest.mark.parametrize("role", ["anonymous", "installer", "stranger", "owner"])
def test_others_see_nothing_of_the_admin(scene: Scene, role: str) -> None:
    """Not a name, whoever asks: all are sent to the way in."""
    user = scene.people[role]
    client = signed_in(user) if user else browser()
    for model in READABLE:
        page: Any = client.get(reverse(f"admin:{model}_changelist"), follow=True)
        assert "Havnevej" not in text_of(page) and "viewer@test.example" not in text_of(page)
        assert page.redirect_chain


def test_staff_sign_in_like_everybody(db: None) -> None:
    """The admin's own sign-in is the portal's, with its limits on guessing."""
    answer = browser().get(reverse("admin:login") + "?next=/admin/")
    assert answer.status_code == 302 and reverse("account_login") in answer["Location"]


# --- One box for everything -----------------------------------------------------------------------


def found_in_the_box(scene: Scene, text: str) -> set[str]:
    """The pages the box leads to; what was typed is not on the page, nor in any address."""
    page = signed_in(scene.cast.support).post(reverse("support_find"), {"text": text})
    assert page.status_code == 200
    assert not text.strip() or f'value="{text}"' not in page.content.decode()
    return {one.url for one in page.context["found"]}


def change_page(thing: Any) -> str:
    return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_change", args=[thing.pk])


def test_the_box_finds_people_and_organisations(scene: Scene) -> None:
    """By name, by any address, by a member; and nothing else."""
    firm, colleague = scene.cast.firm, scene.cast.colleague
    assert found_in_the_box(scene, "colleague@test") == {change_page(colleague), change_page(firm)}
    assert found_in_the_box(scene, "strøm") == {change_page(firm)}
    assert found_in_the_box(scene, "STRØM søn") == {change_page(firm)}
    assert found_in_the_box(scene, "contractor") == {change_page(scene.cast.contractor)}
    assert found_in_the_box(scene, "nobody at all") == set()


def test_the_box_finds_an_organisation_by_its_key(scene: Scene) -> None:
    """However it is written; the page does not show it, and what it leads to is the organisation alone."""
    firm = scene.cast.firm
    key = "-".join(firm.key[start : start + 4] for start in range(0, 16, 4))
    for text in (key, firm.key, key.lower().replace("-", " ")):
        assert found_in_the_box(scene, text) == {change_page(firm)}
    page = signed_in(scene.cast.support).post(reverse("support_find"), {"text": key})
    assert not [part for part in key.split("-") if part in page.content.decode()]
    assert not Activity.objects.filter(verb=Verb.WRONG_KEY).exists()


def test_wrong_keys_of_support_are_recorded_and_throttled(scene: Scene) -> None:
    """Ten in an hour, like anybody's; then not even the right one is looked up. None is on the record."""
    client, url = signed_in(scene.cast.support), reverse("support_find")
    for number in range(10):
        key = codes.derive(purpose="organisation-key", subject="x", nonce=str(number), length=16)
        assert "No organisation has this key" in text_of(client.post(url, {"text": key}))
    page = client.post(url, {"text": scene.cast.firm.key})
    assert "too many wrong keys" in text_of(page)
    assert page.context["found"] == []
    entries = Activity.objects.filter(verb=Verb.WRONG_KEY)
    assert {(each.actor_id, each.via, str(each.details)) for each in entries} == {
        (scene.cast.support.pk, "admin", "{}")
    }
    # The right one that was not looked up is no wrong key.
    assert entries.count() == 10


@pytest.mark.parametrize(
    "text", ["", "\0", "'; DROP TABLE x; --", "7QKM-3RXD-9HFA", "1" * 30, "é\u202e", "%_", "x" * 999]
)
def test_nothing_pasted_into_the_box_fails(scene: Scene, text: str) -> None:
    """It finds nothing, or says what is wrong with it."""
    page = signed_in(scene.cast.support).post(reverse("support_find"), {"text": text})
    assert page.status_code == (422 if text in ("", "\0", "x" * 999) else 200)
    assert not page.context.get("found")


# --- An organisation without Administrator --------------------------------------------------------


@pytest.fixture
def orphaned(scene: Scene) -> Organisation:
    """The firm, after its one Administrator's account was closed."""
    User.objects.filter(pk=scene.cast.installer.pk).update(is_active=False)
    firm: Organisation = scene.cast.firm
    return firm


def appoint_page(organisation: Organisation) -> str:
    return reverse("admin:organisations_organisation_appoint", args=[organisation.pk])


def test_support_appoints_a_member(scene: Scene, orphaned: Organisation) -> None:
    """Found as without Administrator, chosen among the members, with a reason everybody reads."""
    client = signed_in(scene.cast.support)
    found = client.post(reverse("support_find"), {"text": "Strøm"})
    assert "no Administrator who can sign in" in text_of(found)
    page = client.get(change_page(orphaned))
    assert appoint_page(orphaned) in page.content.decode()
    form = client.get(appoint_page(orphaned))
    assert "colleague@test.example" in text_of(form) and "installer@test.example" not in text_of(form)
    place = orphaned.memberships.get(user=scene.cast.colleague)
    refused = client.post(appoint_page(orphaned), {"member": place.pk, "reason": " "})
    assert refused.status_code == 422 and "Say why." in text_of(refused)
    data = {"member": place.pk, "reason": "The owner has died"}
    done = client.post(appoint_page(orphaned), data, follow=True)
    assert "Colleague is Administrator now." in text_of(done)
    assert appoint_page(orphaned) not in done.content.decode()
    history = signed_in(scene.cast.colleague).get(reverse("organisations:activity", args=[orphaned.uuid]))
    assert "appointed an Administrator" in text_of(history) and "The owner has died" in text_of(history)
    # There is one now: neither page nor button is left.
    assert client.get(appoint_page(orphaned)).status_code == 403
    assert client.post(appoint_page(orphaned), data).status_code == 403


def test_support_appoints_somebody_from_outside_where_no_member_can_sign_in(
    scene: Scene, orphaned: Organisation
) -> None:
    User.objects.filter(pk=scene.cast.colleague.pk).update(is_active=False)
    client = signed_in(scene.cast.support)
    for email, sentence in (
        ("", "This field is required."),
        ("unknown@test.example", "No account has confirmed this address."),
        ("support@test.example", "Only an open account"),
    ):
        answer = client.post(appoint_page(orphaned), {"email": email, "reason": "Asked for by letter"})
        assert answer.status_code == 422 and sentence in text_of(answer)
    client.post(appoint_page(orphaned), {"email": "Contractor@test.example", "reason": "Asked for by letter"})
    assert orphaned.memberships.administrators().get().user == scene.cast.contractor


# --- All about one location, within two clicks ----------------------------------------------------


def case_page(scene: Scene) -> Any:
    return signed_in(scene.cast.support).get(change_page(scene.own.location))


@pytest.mark.parametrize("words", ["number", "name", "street", "SN-77001", "LB-88002", "address", "code"])
def test_one_search_and_one_click_lead_to_the_location(
    scene: Scene, equipped: ChargePoint, words: str
) -> None:
    """By whatever somebody on the telephone can say; the bait is found only where it matches too."""
    site, bait = scene.own.location, scene.foreign.location
    LoadBalancer.objects.create(location=site, serial_number="LB-88002", model="Even")
    said = {
        "number": str(site.number),
        "name": "havnevej",
        "street": "Havnevej 2, 8000",
        "address": scene.own.invitation.email,
        "code": grouped(scene.own.code),
    }.get(words, words)
    found = found_in_the_box(scene, said)
    assert change_page(site) in found
    assert (change_page(bait) in found) is (words in ("name", "street"))


@pytest.mark.parametrize("kind", ["invitation", "code", "transfer", "member_invitation", "offer"])
def test_an_invitation_of_any_kind_is_found_by_its_code_and_by_its_address(scene: Scene, kind: str) -> None:
    """One click leads to what it is about; its bait is not found by the code."""
    page, bait = (
        {"member_invitation": organisation, "offer": side.offer}.get(kind, side.location)
        for side, organisation in ((scene.own, scene.cast.firm), (scene.foreign, scene.cast.elsewhere))
    )
    sent = getattr(scene.own, kind)
    assert found_in_the_box(scene, grouped(sent)) == {change_page(page)}
    if sent.email:
        found = found_in_the_box(scene, sent.email.upper())
        assert change_page(page) in found
        assert (change_page(bait) in found) is (getattr(scene.foreign, kind).email == sent.email)


def test_many_of_one_kind_hide_no_other(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The box shows the first of each kind."""
    monkeypatch.setattr("portal.support_search.MOST_OF_A_KIND", 1)
    found = found_in_the_box(scene, "@test.example")
    assert {url.split("/")[3] for url in found} >= {"location", "organisation", "offer", "user"}


def test_an_offer_and_its_order_show_what_became_of_them(scene: Scene) -> None:
    """The locations in it, each with its state, and its e-mail; and of the order how many became what."""
    client, offer = signed_in(scene.cast.support), scene.own.offer
    page = client.get(change_page(offer)).content.decode()
    assert (
        page.count(change_page(scene.own.location)) == 1 and change_page(scene.foreign.location) not in page
    )
    (email,) = OutgoingEmail.objects.filter(about=offer.uuid)
    assert f'<a href="{change_page(email)}">' in page
    assert email.get_status_display() in page
    order = text_of(client.get(change_page(offer.jobs.get())))
    assert "1 of 1 done; is invited: 1" in order and "Havnevej 2" in order
    waiting = scene.own.job
    jobs.confirm(job=waiting, by=scene.cast.installer)
    assert "0 of 1 done; is invited: 1" in text_of(client.get(change_page(waiting)))


def test_wrong_codes_of_support_are_throttled(scene: Scene) -> None:
    client, url = signed_in(scene.cast.support), reverse("support_find")
    for code in wrong_codes(10):
        assert "Nothing found" in text_of(client.post(url, {"text": code}))
    page = client.post(url, {"text": grouped(scene.own.code)})
    assert "too many wrong codes" in text_of(page) and page.context["found"] == []


def test_the_page_says_who_why_by_whom_until_when_and_whether_the_mail_arrived(scene: Scene) -> None:
    """Access, invitations with their e-mails, and what happened last: all of it in sight at once."""
    invitation = scene.own.invitation
    OutgoingEmail.objects.filter(about=invitation.uuid).update(status="bounced", failure="address")
    page = case_page(scene)
    shown = text_of(page)
    for words in ("Vera (viewer@test.example)", "by e-mail invitation", "came back", "gave access"):
        assert words in shown, words
    case = page.context["case"]
    assert {one.access.location_id for one in case.accesses} == {scene.own.location.pk}
    assert {one.invitation.location_id for one in case.invitations} == {scene.own.location.pk}
    assert {one.location_id for one in case.entries} == {scene.own.location.pk}
    assert "Bo" not in [str(one.access.party) for one in case.accesses]
    assert [one.may_end for one in case.accesses if one.access.reason == "owner"] == [False]


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_the_page_costs_the_same_for_any_number(
    cast: Cast, django_assert_num_queries: Any, rows: int
) -> None:
    for number in range(rows):
        share(cast.site, cast.installer, make_person(f"p{number}@test.example"), Level.VIEW)
        Throttle.objects.all().delete()
    client, url = signed_in(cast.support), change_page(cast.site)
    client.get(url)
    with django_assert_num_queries(12):
        client.get(url)


# --- Acting, with a reason ------------------------------------------------------------------------


def do_act(
    scene: Scene, name: str, thing: Any, reason: str = "Asked for by letter", client: Any = None
) -> Any:
    url = reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{name}", args=[thing.pk])
    client = client or signed_in(scene.cast.support)
    assert client.get(url).status_code == 200
    return client.post(url, {"reason": reason}, follow=True)


def test_support_ends_access_and_the_reason_stands_in_activity(scene: Scene) -> None:
    """At once, with what was given on; the person is told; a second time there is nothing to end."""
    access, viewer = scene.own.access, scene.own.access.user
    assert "has ended" in text_of(do_act(scene, "end", access))
    assert not Location.objects.visible_to(viewer).exists()
    entry = Activity.objects.filter(verb=Verb.ACCESS_REMOVED).latest("pk")
    assert (entry.actor_id, entry.details["because"]) == (scene.cast.support.pk, "Asked for by letter")
    record = reverse("locations:activity", args=[scene.own.location.uuid])
    assert "Asked for by letter" in text_of(signed_in(scene.cast.customer).get(record))
    assert OutgoingEmail.objects.filter(kind="access-removed", recipient=viewer).count() == 1
    assert "had ended before" in text_of(do_act(scene, "end", access))


def test_support_withdraws_invitations_and_codes(scene: Scene) -> None:
    for invitation in (scene.own.invitation, scene.own.code, scene.own.expired):
        assert "was withdrawn" in text_of(do_act(scene, "withdraw", invitation))
        invitation.refresh_from_db()
        assert (invitation.state, invitation.settled_by) == ("withdrawn", scene.cast.support)
        assert Activity.objects.latest("pk").details["because"] == "Asked for by letter"
        refused = do_act(scene, "withdraw", invitation)
        assert refused.status_code == 422 and "Nothing is waiting" in text_of(refused)


def test_support_sends_again_in_the_name_of_who_sent_it(scene: Scene) -> None:
    """A new code for the same offer; the old one is dead, and nobody becomes an inviter by it."""
    for invitation in (scene.own.invitation, scene.own.expired):
        before = grouped(invitation)
        assert "was sent again" in text_of(do_act(scene, "resend", invitation))
        assert grouped(invitation) != before and invitation.invited_by == scene.cast.installer
        assert invitation.is_live()
        entry = Activity.objects.filter(verb=Verb.INVITED_AGAIN).latest("pk")
        assert (entry.actor_id, entry.details["because"]) == (scene.cast.support.pk, "Asked for by letter")
        assert OutgoingEmail.objects.filter(about=invitation.uuid, version=invitation.nonce).exists()


def test_support_sends_again_to_an_organisation(scene: Scene) -> None:
    invitation = invitations.share_with_organisation(
        location=scene.own.location,
        by=scene.cast.installer,
        key=scene.cast.elsewhere.key,
        network="n",
        level=Level.VIEW,
    )
    assert "was sent again" in text_of(do_act(scene, "resend", invitation))


def test_what_the_rules_refuse_support_cannot_do_either(scene: Scene, cast: Cast) -> None:
    """Each with its sentence, and nothing changed: the Owner, the last installer, codes, the answered, those
    whose sender may no longer share, those who have access by now."""
    site = scene.own.location
    owner, installed = (Access.objects.get(location=site, reason=why) for why in ("owner", "installed"))
    bait = Access.objects.get(location=scene.foreign.location, reason="installed")
    accepted = Invitation.objects.get(location=site, email="viewer@test.example")
    withdrawn = scene.own.expired
    withdraw_pending(withdrawn, cast.installer)
    late = invitations.share_with_person(
        location=site, by=cast.contractor, email="late2@test.example", level=Level.VIEW
    )
    Invitation.objects.filter(pk=late.pk).update(invited_by=cast.stranger)
    known = scene.own.invitation
    give_access(
        location=site, party=scene.people["invitee"], level=Level.MANAGE, reason="code", by=cast.installer
    )
    client = signed_in(scene.cast.support)
    for name, thing, sentence in (
        ("end", owner, "by a transfer only"),
        ("end", bait, "Nobody would be left"),
        ("resend", scene.own.code, "passed on by hand"),
        ("resend", accepted, "Nothing is waiting"),
        ("resend", withdrawn, "was withdrawn meanwhile"),
        ("resend", late, "may no longer share"),
        ("resend", known, "already has access"),
    ):
        with changes() as noted:
            answer = do_act(scene, name, thing, client=client)
        assert answer.status_code == 422 and sentence in text_of(answer), sentence
        assert noted.tables == set(), sentence
    # Where there is an Owner, the installing party's can end.
    assert "has ended" in text_of(do_act(scene, "end", installed))


@pytest.mark.parametrize("reason", ["", " ", "\u200b"])
def test_without_a_reason_nothing_happens(scene: Scene, reason: str) -> None:
    client = signed_in(scene.cast.support)
    for name, thing in (
        ("end", scene.own.access),
        ("resend", scene.own.invitation),
        ("withdraw", scene.own.invitation),
    ):
        with changes() as noted:
            answer = do_act(scene, name, thing, reason, client)
        assert answer.status_code == 422 and "Say why." in text_of(answer)
        assert noted.tables == set()


def test_a_code_in_a_reason_is_not_kept(scene: Scene) -> None:
    do_act(scene, "end", scene.own.access, f"They sent {grouped(scene.own.code)}")
    assert grouped(scene.own.code) not in str(list(Activity.objects.values_list("details", flat=True)))


def test_support_acts_on_nothing_of_their_own_and_nobody_else_acts(scene: Scene) -> None:
    """Staff who were given a location before act there like everybody; the services ask who it is
    themselves."""
    staff = User.objects.filter(pk=scene.cast.support.pk)
    staff.update(is_staff=False)
    own = give_access(
        location=scene.own.location, party=scene.cast.support, level=Level.VIEW, reason="code", by=None
    )
    staff.update(is_staff=True)
    assert "is your own" in text_of(do_act(scene, "end", own))
    for by in (scene.cast.installer, scene.cast.customer):
        with pytest.raises(Refusal):
            support.end_access(access=scene.own.access, by=by, because="x")
        with pytest.raises(Refusal):
            support.withdraw(invitation=scene.own.invitation, by=by, because="x")
        with pytest.raises(Refusal):
            support.resend(invitation=scene.own.invitation, by=by, because="x")


def test_no_act_gives_anybody_a_right(scene: Scene) -> None:
    before = set(LocationUserPermission.objects.values_list("user", "content_object", "permission"))
    do_act(scene, "resend", scene.own.invitation)
    do_act(scene, "withdraw", scene.own.code)
    do_act(scene, "end", scene.own.access)
    after = set(LocationUserPermission.objects.values_list("user", "content_object", "permission"))
    assert after < before
