"""What other pages show of sharing."""

from typing import Any

from django import template
from django.db.models import Q

from locations.levels import Level
from locations.models import Access, Location
from organisations.models import MemberInvitation, Membership, Organisation
from portal.accounts.addresses import verified_addresses
from sharing.access import membership as membership_access
from sharing.access.putting_out import TakenBack
from sharing.inbox import listing
from sharing.kinds import KINDS
from sharing.models import AccessRequest, Invitation, Transfer
from sharing.permissions import Viewer
from sharing.requests import services as requests

register = template.Library()


SHOWN_IN_PASSING = 20


@register.inclusion_tag("sharing/_waiting_for_me.html", takes_context=True)
def waiting_for_me(context: dict[str, Any]) -> dict[str, Any]:
    """The newest of what waits for this person, with the way to the rest; no query for what does not."""
    counted = context["waiting_by_kind"]()
    kinds = [kind for kind in KINDS if counted[kind]]
    waiting = listing.waiting_for(context["user"], SHOWN_IN_PASSING, kinds)
    return {"count": counted.total(), "waiting": waiting, "asking": counted[AccessRequest]}


@register.inclusion_tag("sharing/_requests.html", takes_context=True)
def who_asks(context: dict[str, Any], viewer: Viewer) -> dict[str, Any]:
    """Who asks to be let in to a location, for those who may answer."""
    return {"requests": requests.to_answer_on(viewer), "csrf_token": context["csrf_token"]}


@register.inclusion_tag("sharing/_requests.html", takes_context=True)
def who_asks_for(context: dict[str, Any], organisation: Organisation) -> dict[str, Any]:
    """Who asks to use an invitation into an organisation, for its Administrators."""
    asked = AccessRequest.objects.open().filter(member_invitation__organisation=organisation)
    return {"requests": list(asked.with_all()), "csrf_token": context["csrf_token"]}


@register.inclusion_tag("sharing/_what_ends.html", takes_context=True)
def what_ends(context: dict[str, Any], membership: Membership) -> dict[str, Any]:
    """What ends with a membership, and what stays: shown before somebody leaves or is removed."""
    user, organisation, leaves = membership.user, membership.organisation, context.get("leaves")
    through = Access.objects.live().filter(organisation=organisation).values("location")
    other_ways = Access.objects.live().reaching(user).exclude(organisation=organisation)
    kept = Location.objects.filter(pk__in=Access.objects.live().filter(user=user).values("location"))
    if not leaves:
        # What they were given elsewhere is no business of whoever removes them.
        kept = kept & Location.objects.visible_to(context["user"])
    # As `sharing.invitations.withdrawing.withdraw_of_former_member` and `organisations.settling` will.
    invitations = Invitation.objects.of_member(user, organisation, put_out=not leaves).exclude(
        location__in=other_ways.filter(level=Level.MANAGE).values("location")
    )
    of_members = MemberInvitation.objects.open().filter(
        Q(invited_by=user) | Q(email__in=verified_addresses(user)), organisation=organisation
    )
    owned = Access.objects.live().filter(user=user, reason=Access.Reason.OWNER).values("location")
    installed = through.filter(reason=Access.Reason.INSTALLED)
    transfers = Transfer.objects.open().filter(invited_by=user, location__in=installed)
    ends = [invitations, of_members, transfers.exclude(location__in=owned)]
    taken_back = TakenBack() if leaves else membership_access.offers_to_take_back(organisation, user)
    if taken_back.offered:
        ends.append(Invitation.objects.filter(pk__in=[one.pk for one in taken_back.invitations]))
        ends.append(Transfer.objects.filter(pk__in=[one.pk for one in taken_back.transfers]))
    ended = [rows.order_by().values("uuid") for rows in ends]
    return {
        "membership": membership,
        "leaves": leaves,
        "lost": Location.objects.filter(pk__in=through).exclude(pk__in=other_ways.values("location")).count(),
        "kept": list(kept.order_by("sort_name")[:20]),
        "withdrawn": ended[0].union(*ended[1:]).count(),
        "taken_back": taken_back,
    }
