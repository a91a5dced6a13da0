"""The e-mails of organisations: for each, a function that queues it and one that says what it says."""

import uuid

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organisations.models import JoinRequest, Membership, Organisation
from organisations.permissions import is_administrator
from portal.mail import outbox
from portal.mail.outbox import Message, absolute_url, builds
from portal.models import OutgoingEmail, User


def queue_key_replaced(organisation: Organisation, by: User) -> None:
    """Tell every Administrator that the key is another one now."""
    for membership in organisation.memberships.administrators().by_name():
        _queue("key-replaced", organisation.uuid, membership.user, by=by.pk)


def queue_join_asked(request: JoinRequest) -> None:
    """Tell every Administrator that somebody would like to join."""
    for membership in request.organisation.memberships.administrators().by_name():
        _queue("join-asked", request.uuid, membership.user)


def queue_join_approved(request: JoinRequest) -> None:
    """Tell the person that they are in."""
    _queue("join-approved", request.uuid, request.user)


def queue_join_refused(request: JoinRequest) -> None:
    """Tell the person that the answer was no."""
    _queue("join-refused", request.uuid, request.user)


def queue_role_changed(membership: Membership, by: User) -> None:
    """Tell a member that somebody gave them another role."""
    _queue("role-changed", membership.uuid, membership.user, by=by.pk, role=membership.role)


def queue_membership_ended(organisation: Organisation, user: User, by: User) -> None:
    """Tell somebody that they were removed."""
    _queue("membership-ended", organisation.uuid, user, by=by.pk)


def queue_organisation_closed(organisation: Organisation, by: User) -> None:
    """Tell every member that the organisation was deleted."""
    for membership in organisation.memberships.by_name():
        _queue("organisation-closed", organisation.uuid, membership.user, by=by.pk)


def queue_administrator_appointed(organisation: Organisation, user: User, by: User, reason: str) -> None:
    """Tell every member whom support has made Administrator, and why; those, too, who cannot sign in."""
    for membership in organisation.memberships.by_name():
        _queue(
            "administrator-appointed",
            organisation.uuid,
            membership.user,
            administrator=user.pk,
            by=by.pk,
            reason=reason,
        )


@builds("key-replaced")
def key_replaced(row: OutgoingEmail) -> Message | None:
    """To an Administrator. The key itself never stands in an e-mail."""
    organisation = Organisation.objects.filter(uuid=row.about).first()
    if organisation is None or not is_administrator(row.recipient, organisation):
        return None
    return message(
        _("{organisation} has a new Organisation Key"),
        _("{person} has replaced it. The old key stopped at once; partners who have it need the new one."),
        organisation=organisation,
        person=_person(row, "by"),
    )


@builds("join-asked")
def join_asked(row: OutgoingEmail) -> Message | None:
    """To an Administrator: somebody asks to be let in. Nothing to say once it is answered."""
    request = _request(row, JoinRequest.State.PENDING)
    # Whoever stopped being an Administrator since it was queued can answer nothing, and learns no address.
    if request is None or not is_administrator(row.recipient, request.organisation):
        return None
    return message(
        _("{person} asks to join {organisation}"),
        _("{person} ({address}) has the Organisation Key. Approve or refuse on the organisation's page."),
        quote=request.sentence,
        organisation=request.organisation,
        person=request.user,
        address=request.user.email,
    )


@builds("join-approved")
def join_approved(row: OutgoingEmail) -> Message | None:
    """To the person: welcome. Nothing to say once they are out again."""
    request = _request(row, JoinRequest.State.APPROVED)
    if request is None or not _is_member(row, request.organisation):
        return None
    return message(
        _("You are a member of {organisation}"),
        _("You see all of its locations in your list."),
        organisation=request.organisation,
    )


@builds("join-refused")
def join_refused(row: OutgoingEmail) -> Message | None:
    """To the person: no. Nothing to say once they have asked again."""
    request = _request(row, JoinRequest.State.REFUSED)
    if request is None:
        return None
    if request.organisation.closed_at:
        why = _("The organisation has been deleted, so nobody can join it any more.")
    else:
        why = _(
            "If you think that is a mistake, talk to an Administrator there; they can invite you at any time."
        )
    return message(
        _("{organisation} did not accept your request"),
        why,
        organisation=request.organisation,
        link=False,
        reason=_("You get this because you asked to join {organisation}."),
    )


# One sentence each: a role inside a sentence is written otherwise than in a list.
_MADE = {
    Membership.Role.ADMINISTRATOR: gettext_lazy("{person} has made you Administrator."),
    Membership.Role.MEMBER: gettext_lazy("{person} has made you Member."),
}


@builds("role-changed")
def role_changed(row: OutgoingEmail) -> Message | None:
    """To a member: another role. Nothing to say once it is another one again."""
    membership = (
        Membership.objects.select_related("organisation")
        .filter(uuid=row.about, role=row.details["role"])
        .first()
    )
    return membership and message(
        _("Your role in {organisation} has changed"),
        str(_MADE[membership.role]),
        organisation=membership.organisation,
        person=_person(row, "by"),
    )


@builds("administrator-appointed")
def administrator_appointed(row: OutgoingEmail) -> Message | None:
    """To a member: support has appointed an Administrator. Nothing to say to somebody who has left."""
    organisation = Organisation.objects.filter(uuid=row.about).first()
    if organisation is None or not _is_member(row, organisation):
        return None
    return message(
        _("{administrator} is Administrator of {organisation} now"),
        _(
            "{organisation} had no Administrator who could sign in, so the support of the portal has "
            "appointed {administrator}. Tell support if that is not right."
        ),
        quote=row.details["reason"],
        organisation=organisation,
        person=_person(row, "by"),
        administrator=_person(row, "administrator"),
    )


@builds("membership-ended")
def membership_ended(row: OutgoingEmail) -> Message | None:
    """To somebody who was removed. Nothing to say once they are a member again."""
    organisation = Organisation.objects.filter(uuid=row.about).first()
    if organisation is None or _is_member(row, organisation):
        return None
    return message(
        _("You are no longer a member of {organisation}"),
        _("{person} has ended your membership. What was shared with you personally stays in your list."),
        organisation=organisation,
        person=_person(row, "by"),
        link=False,
    )


@builds("organisation-closed")
def organisation_closed(row: OutgoingEmail) -> Message:
    """To somebody who was a member of an organisation that is no more."""
    return message(
        _("{organisation} has been deleted"),
        _(
            "{person} has deleted it in the portal. Its locations have left your list. "
            "What was shared with you personally stays there."
        ),
        organisation=Organisation.objects.get(uuid=row.about),
        person=_person(row, "by"),
        link=False,
    )


def message(
    heading: str,
    paragraph: str,
    *,
    organisation: Organisation,
    quote: str = "",
    link: bool = True,
    reason: str = "",
    **names: object,
) -> Message:
    """A short one about an organisation; its sentences are filled in with `names`."""
    names["organisation"] = organisation
    reason = reason or _("You get this because of your place in {organisation}.")
    return Message(
        subject=heading.format(**names),
        heading=heading.format(**names),
        paragraphs=(paragraph.format(**names),),
        quote=quote,
        quoted=str(names.get("person", "")),
        button=(_("Open the organisation"), absolute_url("organisations:detail", organisation.uuid))
        if link
        else None,
        reason=reason.format(**names),
    )


def _person(row: OutgoingEmail, name: str) -> User:
    """Who it was. The row keeps no names, so that an account can be deleted and leave none."""
    return User.objects.get(pk=row.details[name])


def _request(row: OutgoingEmail, state: JoinRequest.State) -> JoinRequest | None:
    """The request the row is about, as long as it stands as it did."""
    requests = JoinRequest.objects.select_related("organisation", "user")
    return requests.filter(uuid=row.about, state=state).first()


def _is_member(row: OutgoingEmail, organisation: Organisation) -> bool:
    """Whether the reader is a member now."""
    return organisation.memberships.filter(user_id=row.recipient_id).exists()


def _queue(kind: str, about: uuid.UUID, reader: User, **details: object) -> None:
    outbox.queue(
        kind,
        key=f"{kind}/{about}/{reader.pk}/{uuid.uuid4().hex}",
        address=reader.email,
        language=reader.language,
        recipient=reader,
        about=about,
        **details,
    )
