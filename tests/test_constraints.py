"""The rules the database itself holds: each is broken here, and refused by its name."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import CheckConstraint, F, Model, UniqueConstraint

from locations.last_opened import note_opened
from locations.levels import Level
from locations.models import Access, ChargePoint, Circuit, Location, LocationGroupPermission, Opening
from locations.models import LocationUserPermission as UserPermission
from organisations import joining
from organisations.inviting import invite as invite_members
from organisations.models import JoinRequest, MemberInvitation, Membership
from portal.models import Activity, User
from sharing.access import removing
from sharing.bulk import jobs
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import AccessRequest, BulkJob, BulkLoss, Invitation, Offer, Transfer
from sharing.transfers import services as transfers
from tests.cast import Cast, invite, make_location, make_owner, share
from tests.tools import in_days

Breach = Callable[[Cast], Any]


def again(row: Model, **changes: Any) -> None:
    """Write the same row once more, with another key and these changes."""
    row.pk = None
    if hasattr(row, "uuid"):
        row.uuid = uuid4()
    if hasattr(row, "code_digest"):
        row.code_digest = uuid4().hex
    for name, value in changes.items():
        setattr(row, name, value)
    row._state.adding = True
    row.save(force_insert=True)


def update(rows: Any, **changes: Any) -> None:
    assert rows.update(**changes) == 1


def person_invitation(cast: Cast) -> Any:
    return Invitation.objects.filter(pk=invite(cast.site, cast.installer, cast.contractor).pk)


def organisation_invitation(cast: Cast) -> Any:
    found = invitations.share_with_organisation(
        location=cast.site, by=cast.installer, key=cast.operators.key, network="n", level=Level.VIEW
    )
    return Invitation.objects.filter(pk=found.pk)


def code(cast: Cast, **terms: Any) -> Any:
    made, _ = invitations_codes.create_code(location=cast.site, by=cast.installer, level=Level.VIEW, **terms)
    return Invitation.objects.filter(pk=made.pk)


def join_request(cast: Cast) -> Any:
    asked = joining.ask_to_join(organisation=cast.firm, by=cast.stranger, sentence="")
    return JoinRequest.objects.filter(pk=asked.pk)


def member_invitation(cast: Cast) -> Any:
    invite_members(
        organisation=cast.firm, by=cast.installer, addresses=["new@test.example"], role=Membership.Role.MEMBER
    )
    return MemberInvitation.objects.all()


def transfer(cast: Cast) -> Any:
    started = transfers.start(location=cast.site, by=cast.installer, email="next@test.example")
    return Transfer.objects.filter(pk=started.pk)


def job(cast: Cast) -> BulkJob:
    """An order to share the site."""
    order = BulkJob(by=cast.installer, act="share", email="many@test.example", level=1, language="da")
    return jobs.draft(order, [cast.site])


def offer(cast: Cast) -> Any:
    """The offer that came of such an order."""
    order = job(cast)
    jobs.confirm(job=order, by=cast.installer)
    jobs.work_off()
    return Offer.objects.filter(jobs=order)


def loss(cast: Cast) -> BulkLoss:
    """An access that a job has ended."""
    loss: BulkLoss = BulkLoss.objects.create(job=job(cast), access=installed(cast).get())
    return loss


def opening(cast: Cast, *, by_person: bool = True) -> Any:
    """That the location has been opened: by a person, or by somebody of their organisation."""
    note_opened(Location.objects.get_visible(cast.installer, cast.site.uuid), cast.installer)
    return Opening.objects.filter(location=cast.site, user__isnull=not by_person)


def circuit(cast: Cast) -> Circuit:
    return Circuit.objects.create(location=cast.site, name="A", fuse=16)


def charge_point(cast: Cast) -> Any:
    made = ChargePoint.objects.create(circuit=circuit(cast), serial_number="1", model="m")
    return ChargePoint.objects.filter(pk=made.pk)


def installed(cast: Cast) -> Any:
    return Access.objects.filter(location=cast.site)


def permission(model: Any, cast: Cast) -> Any:
    share(cast.site, cast.installer, cast.contractor)
    return model.objects.filter(content_object=cast.site).first()


def request(cast: Cast, **fields: Any) -> Any:
    """A request for the site by its number, or with other `fields` for something else."""
    fields = fields or {"number": cast.site.pk, "location": cast.site}
    made = AccessRequest.objects.create(user=cast.stranger, **fields)
    return AccessRequest.objects.filter(pk=made.pk)


def approval(cast: Cast) -> Any:
    return request(cast, invitation=person_invitation(cast).get())


def member_approval(cast: Cast) -> Any:
    return request(cast, member_invitation=member_invitation(cast).get())


BREACHES: dict[str, list[Breach]] = {
    "user_email_is_lower_case": [
        lambda c: update(User.objects.filter(pk=c.stranger.pk), email="Stranger@test.example")
    ],
    "user_nobody_is_superuser": [
        lambda c: update(User.objects.filter(pk=c.support.pk), is_superuser=True),
    ],
    "user_deleted_is_empty": [
        lambda c: update(User.objects.filter(pk=c.support.pk), deleted_at=in_days(0), name=""),
        lambda c: update(User.objects.filter(pk=c.stranger.pk), deleted_at=in_days(0), is_active=False),
    ],
    "membership_once": [lambda c: again(Membership.objects.get(user=c.colleague))],
    "join_request_once": [lambda c: again(join_request(c).get())],
    "join_request_settled_with_time": [
        lambda c: update(join_request(c), state="refused"),
        lambda c: update(join_request(c), settled_at=in_days(0)),
    ],
    "memberinvitation_email_lower": [lambda c: update(member_invitation(c), email="A@b.example")],
    "memberinvitation_settled_with_time": [
        lambda c: update(member_invitation(c), state="expired"),
        lambda c: update(member_invitation(c), settled_at=in_days(0)),
    ],
    "memberinvitation_accepted_by_somebody": [
        lambda c: update(member_invitation(c), state="accepted", settled_at=in_days(0))
    ],
    "memberinvitation_ends_after_start": [
        lambda c: update(member_invitation(c), expires_at=F("invited_at")),
    ],
    "memberinvitation_has_address": [lambda c: update(member_invitation(c), email="")],
    "memberinvitation_once": [
        lambda c: again(member_invitation(c).get()),
        lambda c: again(member_invitation(c).get(), state="withdrawn", settled_at=in_days(0)),
    ],
    "location_usable_share": [
        lambda c: update(Location.objects.filter(pk=c.site.pk), usable_share=39),
        lambda c: update(Location.objects.filter(pk=c.site.pk), usable_share=101),
    ],
    "location_main_fuse": [lambda c: update(Location.objects.filter(pk=c.site.pk), main_fuse=0)],
    "circuit_name_once": [lambda c: again(circuit(c))],
    "circuit_fuse": [lambda c: update(Circuit.objects.filter(pk=circuit(c).pk), fuse=0)],
    "charge_point_current": [
        lambda c: update(charge_point(c), maximum_current=5),
        lambda c: update(charge_point(c), maximum_current=33),
    ],
    "opening_one_party": [
        lambda c: update(opening(c), organisation=c.firm),
        lambda c: update(opening(c), user=None),
    ],
    "opening_of_person_once": [lambda c: again(opening(c).get())],
    "opening_of_organisation_once": [lambda c: again(opening(c, by_person=False).get())],
    "access_one_party": [
        lambda c: update(installed(c), user=c.installer),
        lambda c: update(installed(c), organisation=None),
    ],
    "access_person_one_way": [lambda c: again(share(c.site, c.installer, c.contractor))],
    "access_organisation_one_way": [
        # Of reason "installed" there can be one for another reason too, so it is broken with a share.
        lambda c: [
            Access.objects.create(
                location=c.site, organisation=c.operators, level=1, reason=Access.Reason.ORGANISATION
            )
            for _ in range(2)
        ],
    ],
    "access_one_owner": [
        lambda c: [make_owner(c.site, owner, c.installer) for owner in (c.customer, c.stranger)]
    ],
    "access_one_installer": [lambda c: again(installed(c).get(), organisation=c.operators)],
    "user_permission_once": [lambda c: again(permission(UserPermission, c))],
    "group_permission_once": [lambda c: again(permission(LocationGroupPermission, c))],
    "invitation_recipient": [
        lambda c: update(person_invitation(c), email=""),
        lambda c: update(person_invitation(c), organisation=c.operators),
        lambda c: update(organisation_invitation(c), organisation=None),
        lambda c: update(organisation_invitation(c), email="a@b.example"),
        lambda c: update(code(c), email="a@b.example"),
        lambda c: update(code(c), organisation=c.operators),
        lambda c: update(code(c), kind="other"),
    ],
    "invitation_email_lower": [lambda c: update(person_invitation(c), email="A@b.example")],
    "invitation_person_once": [
        lambda c: again(person_invitation(c).get()),
        lambda c: again(person_invitation(c).get(), state="expired", settled_at=in_days(0)),
    ],
    "invitation_organisation_once": [
        lambda c: again(organisation_invitation(c).get()),
        lambda c: again(organisation_invitation(c).get(), state="withdrawn", settled_at=in_days(0)),
    ],
    "invitation_one_live_code": [lambda c: again(code(c).get())],
    "invitation_settled_with_time": [
        lambda c: update(person_invitation(c), state="expired"),
        lambda c: update(person_invitation(c), settled_at=in_days(0)),
    ],
    "invitation_accepted_by_somebody": [
        lambda c: update(person_invitation(c), state="accepted", settled_at=in_days(0))
    ],
    "invitation_works_once": [
        lambda c: update(code(c, works_once=True), uses=2),
        lambda c: update(person_invitation(c), works_once=True),
    ],
    "invitation_ends_after_start": [
        lambda c: update(person_invitation(c), expires_at=F("invited_at")),
        lambda c: update(person_invitation(c), expires_at=F("invited_at") - timedelta(seconds=1)),
    ],
    "access_request_one_thing": [
        lambda c: update(request(c), number=None, location=None),
        lambda c: update(approval(c), number=1),
        lambda c: update(approval(c), invitation=None),
        lambda c: update(member_approval(c), number=1),
        lambda c: update(member_approval(c), invitation=person_invitation(c).get()),
    ],
    "access_request_location_of_number": [lambda c: update(request(c), number=F("number") + 1)],
    "access_request_invitation_once": [lambda c: again(approval(c).get())],
    "access_request_member_invitation_once": [lambda c: again(member_approval(c).get())],
    "access_request_number_once": [lambda c: again(request(c).get())],
    "access_request_settled_with_time": [
        lambda c: update(request(c), state="refused"),
        lambda c: update(request(c), settled_at=in_days(0)),
    ],
    "invitation_ends_with_what_it_offers": [
        lambda c: update(person_invitation(c), access_ends_at=F("expires_at") - timedelta(seconds=1)),
    ],
    "transfer_email_lower": [lambda c: update(transfer(c), email="A@b.example")],
    "transfer_has_address": [lambda c: update(transfer(c), email="")],
    "transfer_once": [lambda c: again(transfer(c).get(), state="withdrawn", settled_at=in_days(0))],
    "transfer_one_pending": [lambda c: again(transfer(c).get(), email="other@test.example")],
    "transfer_settled_with_time": [
        lambda c: update(transfer(c), state="expired"),
        lambda c: update(transfer(c), settled_at=in_days(0)),
    ],
    "transfer_accepted_by_somebody": [lambda c: update(transfer(c), state="accepted", settled_at=in_days(0))],
    "offer_email_lower": [lambda c: update(offer(c), email="A@b.example")],
    "offer_one_recipient": [
        lambda c: update(offer(c), email=""),
        lambda c: update(offer(c), organisation=c.operators),
    ],
    "offer_settled_with_time": [
        lambda c: update(offer(c), state="expired"),
        lambda c: update(offer(c), settled_at=in_days(0)),
    ],
    "offer_accepted_by_somebody": [lambda c: update(offer(c), state="accepted", settled_at=in_days(0))],
    "offer_ends_after_start": [lambda c: update(offer(c), expires_at=F("invited_at"))],
    "bulkrow_once": [lambda c: again(job(c).rows.get())],
    "bulkloss_once": [lambda c: again(loss(c))],
    "transfer_ends_after_start": [lambda c: update(transfer(c), expires_at=F("invited_at"))],
}


def declared() -> dict[str, UniqueConstraint | CheckConstraint]:
    return {
        constraint.name: constraint
        for app in ("portal", "organisations", "locations", "sharing")
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
    }


def test_every_constraint_is_broken_once_below() -> None:
    assert set(BREACHES) == set(declared())


@pytest.mark.parametrize(
    ("name", "breach"), [(name, breach) for name, breaches in BREACHES.items() for breach in breaches]
)
def test_the_database_refuses(cast: Cast, name: str, breach: Breach) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        breach(cast)
    # SQLite names the columns of a unique constraint, not the constraint.
    if connection.vendor == "postgresql" or isinstance(declared()[name], CheckConstraint):
        assert f'"{name}"' in str(caught.value) or str(caught.value).endswith(f": {name}")
    else:
        assert str(caught.value).startswith("UNIQUE constraint failed")


def test_what_is_over_makes_room(cast: Cast) -> None:
    """One live way, one Owner, one code at a time: those that ended are history and stay."""
    access = share(cast.site, cast.installer, cast.contractor)
    removing.remove_access(access=access, by=cast.installer)
    share(cast.site, cast.installer, cast.contractor)
    first = code(cast).get()
    invitations.withdraw(invitation=first, by=cast.installer)
    second = code(cast).get()
    assert first != second
    make_owner(cast.site, cast.customer, cast.installer)
    Access.objects.filter(reason="owner").update(ended_at=in_days(0))
    make_owner(cast.site, cast.stranger, cast.installer)


def test_other_locations_are_not_in_the_way(cast: Cast) -> None:
    other = make_location(cast.installer, cast.firm, "Other")
    for place in (cast.site, other):
        invite(place, cast.installer, cast.contractor)
        invitations_codes.create_code(location=place, by=cast.installer, level=Level.VIEW)
        make_owner(place, cast.customer, cast.installer)
    assert Invitation.objects.count() == 4


@pytest.mark.parametrize("fields", [{"verb": "invited"}, {"at": in_days(-1)}, {"details": {}}])
def test_the_record_cannot_be_changed(cast: Cast, fields: dict[str, Any]) -> None:
    """Nobody can edit it, support staff included: the database refuses (product rule 6)."""
    entry = Activity.objects.first()
    assert entry
    before = list(Activity.objects.order_by("pk").values_list())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Activity.objects.update(**fields)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Activity.objects.filter(pk=entry.pk).update(**fields)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.save()
    assert list(Activity.objects.order_by("pk").values_list()) == before


def test_the_record_cannot_be_deleted(cast: Cast) -> None:
    count = Activity.objects.count()
    assert count
    entry = Activity.objects.first()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.delete()  # type: ignore[union-attr]
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Activity.objects.all().delete()
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM portal_activity")
    assert Activity.objects.count() == count
