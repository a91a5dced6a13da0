"""All that support staff ask about one location: who sees it and why, what was sent, what happened."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import F

from locations.models import Access, Location
from portal.models import Activity, OutgoingEmail, User
from sharing.models import Invitation, Transfer
from sharing.permissions import Viewer

MOST = 100


@dataclass
class AccessCase:
    """One access, and whether support can end it."""

    access: Access
    may_end: bool


@dataclass
class InvitationCase:
    """One invitation or transfer, with its e-mails, the newest first."""

    invitation: Invitation | Transfer
    emails: list[OutgoingEmail]
    may_resend: bool
    may_withdraw: bool


@dataclass
class Case:
    """The page, the newest of each first and no more than a hundred."""

    accesses: list[AccessCase]
    invitations: list[InvitationCase]
    entries: list[Activity]


def case_of(location: Location, by: User) -> Case:
    """The same number of queries, whatever there is. No code, key or PIN is in it."""
    viewer = Viewer.of_support(by, location)
    accesses = sorted(viewer.accesses.values(), key=lambda one: (one.holds_now, one.since), reverse=True)
    sent: list[Invitation | Transfer] = [
        *Invitation.objects.filter(location=location)
        .with_all()
        .select_related("offer")
        .order_by("-invited_at")[:MOST],
        *Transfer.objects.filter(location=location).with_all().order_by("-invited_at")[:MOST],
    ]
    about = {one.uuid for one in sent} | {_envelope(one) for one in sent}
    emails = OutgoingEmail.objects.filter(about__in=about - {None}).order_by("-created_at")
    by_thing: dict[object, list[OutgoingEmail]] = {}
    for email in emails[: MOST * 5]:
        by_thing.setdefault(email.about, []).append(email)
    return Case(
        accesses=[AccessCase(one, may_end=one.holds_now and viewer.may_end(one)) for one in accesses[:MOST]],
        invitations=[
            _invitation(one, by_thing.get(one.uuid, []) + by_thing.get(_envelope(one), [])) for one in sent
        ],
        entries=list(Activity.objects.filter(location_id=location.pk).order_by(F("at").desc(), "-pk")[:MOST]),
    )


def _envelope(one: Invitation | Transfer) -> UUID | None:
    """The offer of many locations whose e-mail it came in, if it did."""
    return one.offer.uuid if isinstance(one, Invitation) and one.offer else None


def _invitation(one: Invitation | Transfer, emails: list[OutgoingEmail]) -> InvitationCase:
    waits = isinstance(one, Invitation) and one.state in ("pending", "expired")
    sends = waits and isinstance(one, Invitation) and one.kind != Invitation.Kind.CODE
    return InvitationCase(one, emails, may_resend=sends, may_withdraw=waits)
