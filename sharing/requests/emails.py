"""The e-mails about requests to be let in."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _

from locations.models import Access
from locations.permissions import level_of
from organisations.models import Membership
from portal.invitations.emails import person_with_address
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User
from sharing.models import AccessRequest

State = AccessRequest.State
# However many manage a location, no more than these are told of a request.
TOLD_AT_MOST = 20


def queue_approval_asked(request: AccessRequest) -> None:
    """Tell the inviter that another account would like to use the invitation."""
    outbox.queue_all("approval-asked", [_letter("approval-asked", request, request.offer.invited_by)])


def queue_access_asked(request: AccessRequest) -> None:
    """Tell those who answer for the location that somebody asks for it."""
    readers = _who_answers_for(request)
    outbox.queue_all("access-asked", [_letter("access-asked", request, reader) for reader in readers])


def queue_answer(request: AccessRequest) -> None:
    """Tell whoever asked what came of it."""
    queue_answers([request])


def queue_answers(requests: Iterable[AccessRequest]) -> None:
    """The same of many that got one answer, at once."""
    letters: dict[str, list[dict[str, object]]] = defaultdict(list)
    for request in requests:
        kind = f"request-{request.state}"
        letters[kind].append(_letter(kind, request, request.user))
    for kind, found in letters.items():
        outbox.queue_all(kind, found)


def _letter(kind: str, request: AccessRequest, reader: User) -> dict[str, object]:
    return {
        "key": f"{kind}/{request.uuid}/{request.asked_at.isoformat()}/{reader.pk}",
        "address": reader.email,
        "language": reader.language,
        "recipient": reader,
        "about": request.uuid,
    }


def _who_answers_for(request: AccessRequest) -> list[User]:
    """The Owner, and the installing party: the person, or the Administrators of the organisation.

    Where nobody of them can sign in, those who manage the location personally or administer what does.
    """
    live = Access.objects.live().filter(location=request.location, level=3)
    standing = live.filter(reason__in=[Access.Reason.OWNER, Access.Reason.INSTALLED])
    return _people_of(standing) or _people_of(live)


def _people_of(accesses: Iterable[Access]) -> list[User]:
    parties = [(access.user_id, access.organisation_id) for access in accesses]
    administrators = Membership.objects.administrators().filter(
        organisation__in=[organisation for _user, organisation in parties if organisation]
    )
    people = User.objects.filter(is_active=True, pk__in=[user for user, _organisation in parties if user])
    found = people | User.objects.filter(pk__in=administrators.values("user"))
    return list(found.order_by("pk")[:TOLD_AT_MOST])


@builds("approval-asked")
def approval_asked(row: OutgoingEmail) -> Message | None:
    """To the inviter: somebody asks to use the invitation with another account."""
    request = _request(row)
    if request is None or not request.is_open:
        return None
    names = {
        "person": str(request.user),
        "address": request.user.email,
        "recipient": request.offer.recipient,
        "thing": str(request.thing),
    }
    return Message(
        subject=_("{person} asks you to approve an account for {thing}").format(**names),
        heading=_("{person} asks you to approve an account for {thing}").format(**names),
        paragraphs=(
            _(
                "You invited {recipient}. Now {person}, signed in as {address}, asks to use the invitation. "
                "If you know them and agree, approve this account; otherwise refuse."
            ).format(**names),
        ),
        facts=_who(request),
        button=_button(request),
        reason=_("You get this because you sent the invitation."),
    )


@builds("access-asked")
def access_asked(row: OutgoingEmail) -> Message | None:
    """To those who answer for the location. Nothing to say to who can no longer see it."""
    request = _request(row)
    if request is None or not request.is_open or request.location is None:
        return None
    if row.recipient is None or level_of(row.recipient, request.location) != 3:
        return None
    names = {"person": str(request.user), "location": request.location.name}
    return Message(
        subject=_("{person} asks for access to {location}").format(**names),
        heading=_("{person} asks for access to {location}").format(**names),
        paragraphs=(
            _(
                "{person} knows the number of the location. They see nothing of it, not even its name, "
                "unless one of you lets them in."
            ).format(**names),
        ),
        quote=request.sentence,
        quoted=names["person"],
        facts=_who(request),
        button=_button(request),
        reason=_("You get this because you manage this location."),
    )


@builds("request-approved")
def request_approved(row: OutgoingEmail) -> Message | None:
    """To whoever asked: welcome. Nothing to say once they are out again."""
    request = _request(row)
    if request is None or request.state != State.APPROVED:
        return None
    where, what = _way_in(request)
    if not what:
        return None
    heading = _("You have been let in to {thing}").format(thing=request.thing)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(what,),
        button=(_("Open {thing}").format(thing=request.thing), where),
        reason=_you_asked(),
    )


@builds("request-refused")
def request_refused(row: OutgoingEmail) -> Message | None:
    """To whoever asked: no. Of a location that was asked for by its number, it tells the number alone."""
    request = _request(row)
    if request is None or request.state != State.REFUSED:
        return None
    if request.offer is None:
        heading = _("Your request for location number {number} was refused").format(number=request.number)
    else:
        heading = _("Your account was not approved for {thing}").format(thing=request.thing)
    return Message(
        subject=heading,
        heading=heading,
        paragraphs=(_why_refused(request),),
        reason=_you_asked(),
    )


def _why_refused(request: AccessRequest) -> str:
    if request.settled_by is None:
        return _("The invitation can no longer be used. Ask whoever sent it to invite this address.")
    return _("If you think that is a mistake, talk to them. You can ask again after a day.")


def _way_in(request: AccessRequest) -> tuple[str, str]:
    """Where it is to be found, and what they see there; nothing for who is out again."""
    if request.member_invitation:
        organisation = request.member_invitation.organisation
        is_in = organisation.memberships.filter(user=request.user).exists()
        where = absolute_url("organisations:detail", organisation.uuid)
        return where, _("You see all of its locations in your list.") if is_in else ""
    where = absolute_url("locations:detail", request.thing.uuid)
    is_in = level_of(request.user, request.thing) is not None
    return where, _("The location is in your list now.") if is_in else ""


def _who(request: AccessRequest) -> tuple[tuple[str, str], ...]:
    return ((_("Asked by"), person_with_address(request.user)),)


def _button(request: AccessRequest) -> tuple[str, str]:
    return _("Approve or refuse"), absolute_url("sharing:request", request.uuid)


def _you_asked() -> str:
    return _("You get this because you asked in the portal.")


def _request(row: OutgoingEmail) -> AccessRequest | None:
    found: AccessRequest | None = AccessRequest.objects.with_all().filter(uuid=row.about).first()
    return found
