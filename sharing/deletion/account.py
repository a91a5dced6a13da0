"""What hangs on an account and ends with it: memberships, access, invitations (product rule 1).

It stands on the top floor because it locks on every floor, in the one order: organisations, locations, then
the person.
"""

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from locations import archiving, handover
from locations import services as locations
from locations.models import Access, Location
from organisations.models import MemberInvitation, Organisation
from organisations.services import end_membership, lock_organisation
from organisations.settling import withdraw_sent_to
from portal.accounts.addresses import verified_addresses
from portal.accounts.deletion import Obstacle, lock_person
from portal.errors import Refusal
from portal.models import User
from portal.verbs import Verb
from sharing.invitations.withdrawing import withdraw_all, withdraw_pending_transfer
from sharing.models import Invitation, Transfer
from sharing.models.invitation import InvitationQuerySet
from sharing.models.transfer import TransferQuerySet

# What stands in the way is named, not counted; somebody with more starts with these.
_NAMED = 50


def obstacles(user: User) -> list[Obstacle]:
    """Organisations without another Administrator, and locations that are theirs or managed by nobody else.

    Archived locations stand in nobody's way: nothing is left to manage there.
    """
    last = Organisation.objects.only_administered_by(user)
    standing = Location.objects.filter(archived_at__isnull=True).order_by("sort_name")
    owned = Access.objects.live().filter(user=user, reason=Access.Reason.OWNER).values("location_id")
    alone = archiving.mark_archivable(standing.managed_by_nobody_but(user).exclude(pk__in=owned), user)
    return [
        *(_of_organisation(organisation) for organisation in last[:_NAMED]),
        *(
            _of_location(
                location,
                _("You are the Owner of {location}. Hand it over to somebody else first."),
                page="transfer",
            )
            for location in standing.filter(pk__in=owned)[:_NAMED]
        ),
        *(
            _of_location(
                location,
                _("Nobody but you manages {location}. Let somebody else manage it first, or archive it.")
                if location.is_archivable
                else _("Nobody but you manages {location}. Let somebody else manage it first, or leave it."),
            )
            for location in alone[:_NAMED]
        ),
    ]


@transaction.atomic
def end_all_of(user: User) -> None:
    """End every membership, every personal access, and what is open of their invitations and requests.

    What they gave to others stays. Raises Refusal where something stands in the way, or came meanwhile.
    """
    member_of = user.memberships.values("organisation_id")
    invited_to = MemberInvitation.objects.addressed_to(user).open().values("organisation_id")
    concerned_organisations = Organisation.objects.filter(Q(pk__in=member_of) | Q(pk__in=invited_to))
    for organisation in concerned_organisations.order_by("pk"):
        lock_organisation(organisation)
    held = Access.objects.live().filter(user=user)
    waiting, transfers = _open_invitations(user), _open_transfers(user)
    concerned = Location.objects.filter(
        Q(pk__in=held.values("location_id"))
        | Q(pk__in=waiting.values("location_id"))
        | Q(pk__in=transfers.values("location_id"))
    )
    locations.lock_each(concerned)
    for obstacle in obstacles(user):
        raise Refusal(obstacle.sentence)
    for membership in user.memberships.order_by("organisation"):
        end_membership(membership=membership, by=user)
    withdraw_sent_to(user, by=user)
    left = list(held.select_related("location", "user"))
    locations.end_all(accesses=left, party=user, by=user, verb=Verb.ACCESS_LEFT)
    handover.pass_on_installing_place([access.location for access in left], by=user)
    withdraw_all(list(waiting.with_all().order_by("location", "pk")), user)
    for transfer in transfers.with_all().order_by("location", "pk"):
        withdraw_pending_transfer(transfer, user)
    user.join_requests.all().delete()
    user.access_requests.all().delete()
    lock_person(user)
    if user.memberships.exists() or held.exists():
        raise Refusal(_("You were given something more meanwhile. Look at it, then try again."))


def _open_invitations(user: User) -> InvitationQuerySet:
    """Those they sent, whose codes stop, and those sent to an address of theirs."""
    to_them = Q(kind=Invitation.Kind.PERSON, email__in=verified_addresses(user))
    return Invitation.objects.open().filter(to_them | Q(invited_by=user))


def _open_transfers(user: User) -> TransferQuerySet:
    """The same of invitations to become Owner."""
    return Transfer.objects.open().filter(Q(email__in=verified_addresses(user)) | Q(invited_by=user))


def _of_organisation(organisation: Organisation) -> Obstacle:
    sentence = _("You are the last Administrator of {organisation}. Make somebody else Administrator first.")
    return Obstacle(
        sentence.format(organisation=organisation), reverse("organisations:detail", args=[organisation.uuid])
    )


def _of_location(location: Location, sentence: str, *, page: str = "permissions") -> Obstacle:
    return Obstacle(sentence.format(location=location), reverse(f"sharing:{page}", args=[location.uuid]))
