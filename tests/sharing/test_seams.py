"""What stands between the floors and is easily forgotten: letters nobody needs any more, refusals that come
between page and lock, what things are called.
"""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.urls import reverse

from locations import drift, handover
from locations import services as locations
from locations.equipment import Circuit, LoadBalancer
from locations.levels import Level
from locations.models import Access
from organisations import closing as organisation_closing
from organisations import invitation_emails, inviting, joining
from organisations import services as organisations
from organisations.models import MemberInvitation
from portal import limits
from portal.accounts import deletion
from portal.errors import Refusal
from portal.mail import outbox
from portal.models import Activity, FormerAddress, OutgoingEmail, Throttle, User
from portal.verbs import Verb
from sharing.access import removing
from sharing.invitations import accepting as invitations_accepting
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.receivers import record_delivery
from tests.cast import MEMBER, Cast, accept, invite, make_location, make_person, share
from tests.pages import PASSWORD, signed_in, text_of
from tests.tools import refused, run_out


def letter(cast: Cast, kind: str, **fields: Any) -> OutgoingEmail:
    """A row about something that is no more, unless `fields` say otherwise."""
    return OutgoingEmail(
        kind=kind,
        key=uuid4().hex,
        address=cast.installer.email,
        language="en-gb",
        **{
            "recipient": cast.installer,
            "about": uuid4(),
            "details": {"by": cast.installer.pk, "access": ""},
        }
        | fields,
    )


@pytest.mark.parametrize(
    "kind",
    ["accepted", "declined", "expired", "asked-for", "access-removed", "member-expired", "member-declined"],
)
def test_nothing_is_said_of_what_is_gone(cast: Cast, kind: str) -> None:
    assert outbox.render(letter(cast, kind)) is None


def test_nothing_is_said_of_somebody_who_is_gone(cast: Cast) -> None:
    """They have deleted their account since it was queued."""
    accept(invite(cast.site, cast.installer, cast.contractor), cast.contractor)
    declined = invite(make_location(cast.installer, cast.firm, "Other"), cast.installer, cast.stranger)
    invitations_accepting.ask_for_new(invitation=declined, by=cast.contractor)
    inviting.invite(organisation=cast.firm, by=cast.installer, addresses=["x@test.example"], role=MEMBER)
    to_member = MemberInvitation.objects.with_all().get()
    invitation_emails.queue_member_asked_for(to_member, cast.contractor)
    rows = OutgoingEmail.objects.filter(kind__in=["accepted", "asked-for", "member-asked-for"])
    assert [outbox.render(row) is None for row in rows] == [False] * 3
    deletion.close_account(user=cast.contractor)
    assert [outbox.render(row) for row in rows] == [None] * 3


def test_who_has_another_way_left_reads_so(cast: Cast) -> None:
    code, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW)
    accept(code, cast.contractor)
    access = share(cast.site, cast.installer, cast.contractor)
    removing.remove_access(access=access, by=cast.installer)
    message = outbox.render(OutgoingEmail.objects.get(kind="access-removed"))
    assert message is not None and "Another one is left." in message.body


def test_a_reset_of_nobody_is_not_sent(cast: Cast) -> None:
    row = letter(cast, "account", recipient=None, details={"template": "password_reset_key"})
    assert outbox.render(row) is None


def test_everything_support_reads_of_has_a_name(cast: Cast) -> None:
    circuit = Circuit.objects.create(location=cast.site, name="Carport", fuse=16)
    asked = joining.ask_to_join(organisation=cast.firm, by=cast.contractor, sentence="")
    accept(invite(cast.site, cast.installer, cast.customer), cast.customer)
    acceptance_row = cast.customer.acceptances.get()
    deletion.close_account(user=make_person("gone@test.example"))
    assert [str(circuit), str(LoadBalancer(serial_number="LB-1")), str(asked), str(acceptance_row)] == [
        "Carport",
        "LB-1",
        "Contractor → Strøm & Søn",
        "Customer · customer@test.example · Havnevej 2",
    ]
    assert str(FormerAddress.objects.get()).startswith("Deleted user ")
    assert str(Throttle(key="k", tries=3)) == "k: 3"


def test_nobody_is_signed_in_as_nobody(cast: Cast) -> None:
    assert User.objects.get_by_natural_key(" Installer@TEST.example ") == cast.installer
    assert not MemberInvitation.objects.addressed_to(AnonymousUser()).exists()


def test_what_is_no_address_is_refused_by_the_service_too(cast: Cast) -> None:
    with refused("Enter the e-mail address", field="email"):
        invitations.share_with_person(location=cast.site, by=cast.installer, email="x", level=Level.VIEW)


def test_a_person_takes_an_organisations_place_as_a_person(cast: Cast) -> None:
    """What the organisation had as an organisation, they have by e-mail."""
    locations.give_access(
        location=cast.site,
        party=cast.operators,
        level=Level.MANAGE,
        reason=Access.Reason.ORGANISATION,
        by=cast.installer,
    )
    locations.end_access(access=cast.site.accesses.get(reason="installed"), by=cast.installer)
    handover.hand_over(organisation=cast.operators, to=cast.operator, by=cast.operator)
    held = Access.objects.live().filter(location=cast.site)
    assert {(access.user, access.reason) for access in held} == {
        (cast.operator, "email"),
        (cast.operator, "installed"),
    }


def test_what_cannot_be_mended_is_said(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    cast.stranger.groups.add(cast.firm.group)
    monkeypatch.setattr("locations.management.commands.check_access.mend_group", lambda organisation: None)
    with pytest.raises(CommandError, match="still differ"):
        call_command("check_access", "--repair")
    assert not any(drift.find().values())


@pytest.mark.parametrize("delivered", [True, False])
def test_delivery_to_an_organisation_is_recorded_without_an_address(cast: Cast, delivered: bool) -> None:
    sent = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=Level.VIEW
    )
    status = OutgoingEmail.Status.DELIVERED if delivered else OutgoingEmail.Status.BOUNCED
    record_delivery(email=letter(cast, "invitation", about=sent.uuid, status=status))
    verb = Verb.INVITATION_DELIVERED if delivered else Verb.INVITATION_UNDELIVERED
    assert Activity.objects.get(verb=verb).party_address == ""


def test_a_refusal_between_page_and_lock_stands_on_the_page(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Demoted, put out, or something came up meanwhile: the sentence, and what was typed."""

    def refuse(**kwargs: Any) -> None:
        raise Refusal("Changed meanwhile.")

    client = signed_in(cast.installer)
    monkeypatch.setattr(organisations, "change_organisation", refuse)
    monkeypatch.setattr(locations, "create_location", refuse)
    settings = {"name": "New", "country": "DK", "language": "da", "join_domains": "", "review_every": "12"}
    page = client.post(reverse("organisations:settings", args=[cast.firm.uuid]), settings)
    assert page.status_code == 422 and "Changed meanwhile." in text_of(page)
    place = {"name": "X", "street": "Y 1", "postal_code": "8000", "city": "Z", "country": "DK"}
    place |= {"category": "normal", "organisation": str(cast.firm.uuid)}
    page = client.post(reverse("locations:new"), place)
    assert page.status_code == 422 and "Changed meanwhile." in text_of(page)


def test_an_account_to_which_something_came_meanwhile_is_not_deleted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**kwargs: Any) -> None:
        raise Refusal("Changed meanwhile.")

    cast.contractor.set_password(PASSWORD)
    cast.contractor.save()
    monkeypatch.setattr(deletion, "close_account", refuse)
    page = signed_in(cast.contractor).post(reverse("delete_account"), {"password": PASSWORD})
    assert page.status_code == 422 and "Changed meanwhile." in text_of(page)


def test_asking_twice_for_a_new_one_says_that_one_has_asked(cast: Cast) -> None:
    invitation = run_out(invite(cast.site, cast.installer, cast.contractor))
    client, url = signed_in(cast.contractor), reverse("sharing:ask", args=[invitation.uuid])
    assert "has been asked" in text_of(client.post(url, follow=True))
    assert "You have asked today." in text_of(client.post(url, follow=True))


def test_nobody_founds_organisations_without_end(cast: Cast) -> None:
    form = {"name": "New", "country": "DK", "language": "da"}
    for _ in range(limits.ORGANISATIONS_BY_ACCOUNT.tries):
        limits.count(limits.ORGANISATIONS_BY_ACCOUNT, cast.contractor.pk)
    page = signed_in(cast.contractor).post(reverse("organisations:new"), form)
    assert page.status_code == 422 and "Go on tomorrow." in text_of(page)


def test_support_finds_what_was_deleted_as_deleted(cast: Cast) -> None:
    handover.hand_over(organisation=cast.firm, to=cast.installer, by=cast.installer)
    organisation_closing.close_organisation(organisation=cast.firm, by=cast.installer, name=cast.firm.name)
    page = signed_in(cast.support).post(reverse("support_find"), {"text": "Strøm"})
    assert "deleted" in text_of(page)


def test_lowering_who_may_know_the_code_says_that_it_was_withdrawn(cast: Cast) -> None:
    access = share(cast.site, cast.installer, cast.contractor)
    invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.MANAGE)
    url = reverse("sharing:change_level", args=[cast.site.uuid, access.uuid])
    page = signed_in(cast.installer).post(url, {"level": "1"}, follow=True)
    assert "so it was withdrawn" in text_of(page)
