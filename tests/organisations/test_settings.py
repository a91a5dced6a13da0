"""What an organisation's Administrators can set, and acts that a second click must not repeat."""

from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from organisations import joining, services
from organisations.forms import NewOrganisationForm, OrganisationForm
from organisations.models import Organisation
from organisations.permissions import may_ask_to_join, must_use_two_step
from portal.models import User
from tests.cast import ADMINISTRATOR, MEMBER, Cast, make_person
from tests.organisations.tools import last_entry, membership, verbs
from tests.tools import refused

NOT_THEIRS = "Only people with a company address of this organisation"


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def posted(organisation: Organisation, **fields: Any) -> dict[str, Any]:
    usual = {"country": "DK", "language": "da", "accepts_shares": "on", "review_every": "12"}
    return {"name": organisation.name} | usual | fields


# --- Domains that may ask to join -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("Firm.DK, firm.com\nfirm.dk", "firm.dk, firm.com"),
        ("@firm.dk; anna@els.dk", "firm.dk, els.dk"),
        ("BLÅBÆR.dk xn--blbr-roah.dk", "blåbær.dk"),
        ("straße.de", "straße.de"),
    ],
)
def test_domains_are_kept_as_people_read_them(cast: Cast, written: str, kept: str) -> None:
    form = OrganisationForm(posted(cast.firm, join_domains=written), instance=cast.firm)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["join_domains"] == kept


@pytest.mark.parametrize(
    "bad", ["firm", "firm..dk", "-a.dk", "a_b.dk", "1.2.3.4", "[1.2.3.4]", "a.dk/x", "*.dk"]
)
def test_a_bad_one_is_named_beside_the_field(cast: Cast, bad: str) -> None:
    data = posted(cast.firm, join_domains=f"firm.dk, {bad}")
    answer = sign_in(cast.installer).post(reverse("organisations:settings", args=[cast.firm.uuid]), data)
    assert answer.status_code == 422
    (error,) = answer.context["form"].errors["join_domains"]
    assert f"“{bad}” is not an e-mail domain" in error


def test_only_verified_addresses_at_the_domain_itself_count(cast: Cast) -> None:
    firm = services.change_organisation(
        organisation=cast.firm, by=cast.installer, join_domains="blåbær.dk, firm.dk"
    )
    someone = make_person("someone@mail.example")
    for address, verified, counts in (
        ("a@sub.firm.dk", True, False),
        ("a@notfirm.dk", True, False),
        ("firm.dk@else.dk", True, False),
        ("a@firm.dk", False, False),
        ("a@xn--blbr-roah.dk", True, True),
    ):
        EmailAddress.objects.create(user=someone, email=address, verified=verified)
        assert may_ask_to_join(someone, firm) is counts, address
    with refused(NOT_THEIRS) as caught:
        joining.ask_to_join(organisation=firm, by=cast.contractor, sentence="")
    assert "firm.dk" not in str(caught.value)
    assert joining.ask_to_join(organisation=firm, by=someone, sentence="").state == "pending"


def test_a_refusal_for_the_address_costs_no_try_and_approval_does_not_ask_again(cast: Cast) -> None:
    services.change_organisation(organisation=cast.firm, by=cast.installer, join_domains="firm.dk")
    with refused(NOT_THEIRS):
        joining.ask_to_join(organisation=cast.firm, by=cast.contractor, sentence="")
    EmailAddress.objects.create(user=cast.contractor, email="c@firm.dk", verified=True)
    asked = joining.ask_to_join(organisation=cast.firm, by=cast.contractor, sentence="")
    services.change_organisation(organisation=cast.firm, by=cast.installer, join_domains="other.dk")
    joining.approve(request=asked, by=cast.installer, role=MEMBER)
    assert membership(cast.contractor, cast.firm)


def test_the_page_for_asking_says_so(cast: Cast) -> None:
    services.change_organisation(organisation=cast.firm, by=cast.installer, join_domains="firm.dk")
    data = {"key": cast.firm.key, "confirmed": str(cast.firm.uuid), "sentence": ""}
    answer = sign_in(cast.contractor).post("/organisations/join/", data)
    assert answer.status_code == 422
    assert NOT_THEIRS in answer.content.decode()


# --- Two-step sign-in -------------------------------------------------------------------------------


def test_who_must_use_two_step(cast: Cast) -> None:
    """Administrators of an organisation that asks it, and nobody else."""
    services.add_member(
        organisation=cast.elsewhere, user=cast.colleague, role=ADMINISTRATOR, by=cast.stranger
    )
    assert not must_use_two_step(cast.installer)
    services.change_organisation(organisation=cast.firm, by=cast.installer, requires_two_step=True)
    assert must_use_two_step(cast.installer)
    assert not must_use_two_step(cast.colleague)
    assert not must_use_two_step(cast.stranger)
    services.change_role(
        membership=membership(cast.colleague, cast.firm), by=cast.installer, role=ADMINISTRATOR
    )
    assert must_use_two_step(cast.colleague)


def test_settings_are_recorded_and_shown(cast: Cast) -> None:
    client = sign_in(cast.installer)
    address = reverse("organisations:settings", args=[cast.firm.uuid])
    data = posted(cast.firm, join_domains="firm.dk", requires_two_step="on", language="en-gb")
    page = client.post(address, data, follow=True).content.decode()
    assert "asked of 1 Administrator of this organisation" in page
    assert "Takes effect once two-step sign-in is available" in page
    assert last_entry(cast.firm).details["changes"] == {
        "join_domains": ["", "firm.dk"],
        "requires_two_step": ["False", "True"],
    }
    page = client.get(reverse("organisations:activity", args=[cast.firm.uuid])).content.decode()
    assert "Administrators must use two-step sign-in" in page
    assert "two-step" in client.get("/organisations/?all").content.decode()
    assert "two-step" not in sign_in(cast.colleague).get("/organisations/?all").content.decode()


# --- A second click -----------------------------------------------------------------------------------


def test_creating_twice_with_one_form_makes_one_organisation(cast: Cast) -> None:
    client = sign_in(cast.contractor)
    form = client.get("/organisations/new/").context["form"]
    uuid = str(form["uuid"].value())
    data = {"name": "Ny", "country": "DK", "language": "da", "uuid": uuid}
    first, second = (client.post("/organisations/new/", data) for _ in range(2))
    assert first.url == second.url == reverse("organisations:detail", args=[uuid])
    assert verbs(Organisation.objects.get(uuid=uuid)) == ["organisation_created", "member_joined"]
    # Gone back and typed another name: that is another organisation.
    third = client.post("/organisations/new/", data | {"name": "Anden"})
    assert third.url != first.url
    # Without a form, and with somebody else's: one's own all the same.
    for uuid in ("", str(cast.firm.uuid)):
        made = client.post("/organisations/new/", data | {"name": cast.firm.name, "uuid": uuid}).url
        assert made not in (first.url, third.url, reverse("organisations:detail", args=[cast.firm.uuid]))
    assert cast.contractor.memberships.count() == 4


def test_each_form_is_for_another_organisation() -> None:
    assert NewOrganisationForm()["uuid"].value() != NewOrganisationForm()["uuid"].value()


def test_replacing_twice_from_one_page_replaces_once(cast: Cast) -> None:
    client = sign_in(cast.installer)
    address = reverse("organisations:replace_key", args=[cast.firm.uuid])
    version = cast.firm.key_version
    assert f'value="{version}"' in client.get(address).content.decode()
    client.post(address, {"version": version})
    now = Organisation.objects.get(pk=cast.firm.pk).key
    assert now != cast.firm.key
    page = client.post(address, {"version": version}, follow=True).content.decode()
    assert "has just been replaced" in page
    assert Organisation.objects.get(pk=cast.firm.pk).key == now
    assert verbs(cast.firm).count("key_replaced") == 1
    assert version not in (cast.firm.key, cast.firm.key_digest)
    with refused("has just been replaced"):
        services.replace_key(organisation=cast.firm, by=cast.installer, version=uuid4().hex)
