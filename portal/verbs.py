"""What can happen: the vocabulary of the record (product rule 6)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Verb(TextChoices):
    """One word per kind of entry. `access_*` entries replay to the live access exactly."""

    LOCATION_CREATED = "location_created", _("created the location")
    LOCATION_CHANGED = "location_changed", _("changed the location")
    LOCATION_ARCHIVED = "location_archived", _("archived the location")
    LOCATION_RESTORED = "location_restored", _("restored the location")
    ACCESS_GIVEN = "access_given", _("gave access")
    ACCESS_CHANGED = "access_changed", _("changed access")
    ACCESS_REMOVED = "access_removed", _("removed access")
    ACCESS_LEFT = "access_left", _("left the location")
    ACCESS_ENDED = "access_ended", _("access ended")
    # It changes nothing, so it is none of `access_*`.
    REVIEWED = "reviewed", _("reviewed access and kept it")
    VIEWED_AS = "viewed_as", _("looked at the location as somebody else sees it")
    INVITED = "invited", pgettext_lazy("somebody invited somebody", "invited")
    INVITED_AGAIN = "invited_again", _("renewed the invitation")
    CODE_CREATED = "code_created", _("made an invitation code")
    CODE_SHOWN = "code_shown", _("looked at the code")
    WRONG_CODE = "wrong_code", _("tried a code that had ended")
    INVITATION_ACCEPTED = "invitation_accepted", _("accepted an invitation")
    INVITATION_DECLINED = "invitation_declined", _("declined an invitation")
    INVITATION_WITHDRAWN = "invitation_withdrawn", _("withdrew an invitation")
    INVITATION_EXPIRED = "invitation_expired", _("an invitation expired")
    INVITATION_DELIVERED = "invitation_delivered", _("delivered an invitation")
    INVITATION_UNDELIVERED = "invitation_undelivered", _("could not deliver an invitation")
    INVITATION_LOWERED = "invitation_lowered", _("lowered what an invitation gives")
    INVITATION_CORRECTED = "invitation_corrected", _("corrected the address of an invitation")
    INVITATION_ASKED_FOR = "invitation_asked_for", _("asked for a new invitation")
    APPROVAL_ASKED = "approval_asked", _("asked to use an invitation with another account")
    APPROVAL_GIVEN = "approval_given", _("approved another account for an invitation")
    APPROVAL_REFUSED = "approval_refused", _("refused another account for an invitation")
    REQUEST_MADE = "request_made", _("asked for access to the location")
    REQUEST_APPROVED = "request_approved", _("approved a request for access")
    REQUEST_REFUSED = "request_refused", _("refused a request for access")
    REQUEST_SETTLED = "request_settled", _("no longer asks for access")
    UNDONE = "undone", _("undid a change of access")
    ORGANISATION_CREATED = "organisation_created", _("created the organisation")
    ORGANISATION_CHANGED = "organisation_changed", _("changed the organisation")
    ORGANISATION_CLOSED = "organisation_closed", _("deleted the organisation")
    KEY_REPLACED = "key_replaced", _("replaced the Organisation Key")
    MEMBER_JOINED = "member_joined", _("let in a new member")
    MEMBER_LEFT = "member_left", _("left the organisation")
    MEMBER_REMOVED = "member_removed", _("removed a member")
    ROLE_CHANGED = "role_changed", _("changed the role of a member")
    MEMBER_INVITED = "member_invited", _("invited a new member")
    MEMBER_INVITED_AGAIN = "member_invited_again", _("renewed the invitation to become a member")
    MEMBER_CODE_SHOWN = "member_code_shown", _("looked at the code of an invitation to become a member")
    MEMBER_INVITATION_ACCEPTED = (
        "member_invitation_accepted",
        _("accepted the invitation to become a member"),
    )
    MEMBER_INVITATION_DECLINED = (
        "member_invitation_declined",
        _("declined the invitation to become a member"),
    )
    MEMBER_INVITATION_WITHDRAWN = (
        "member_invitation_withdrawn",
        _("withdrew the invitation to become a member"),
    )
    MEMBER_INVITATION_EXPIRED = (
        "member_invitation_expired",
        _("the invitation to become a member expired"),
    )
    MEMBER_INVITATION_ASKED_FOR = (
        "member_invitation_asked_for",
        _("asked for a new invitation to become a member"),
    )
    TRANSFER_STARTED = "transfer_started", _("invited somebody to become Owner")
    TRANSFER_STARTED_AGAIN = "transfer_started_again", _("renewed the invitation to become Owner")
    TRANSFER_CODE_SHOWN = "transfer_code_shown", _("looked at the code of the invitation to become Owner")
    TRANSFERRED = "transferred", _("became Owner")
    TRANSFER_DECLINED = "transfer_declined", _("declined to become Owner")
    TRANSFER_WITHDRAWN = "transfer_withdrawn", _("withdrew the invitation to become Owner")
    TRANSFER_EXPIRED = "transfer_expired", _("the invitation to become Owner expired")
    TRANSFER_ASKED_FOR = "transfer_asked_for", _("asked for a new invitation to become Owner")
    JOIN_ASKED = "join_asked", _("asked to join")
    JOIN_REFUSED = "join_refused", _("refused a request to join")
    ADMINISTRATOR_APPOINTED = "administrator_appointed", _("appointed an Administrator")
    WRONG_KEY = "wrong_key", _("looked for an Organisation Key that nobody has")
    ACCOUNT_DELETED = "account_deleted", _("deleted the account")


class Kind(TextChoices):
    """Kinds of entries in plain words, as a reader looks for them."""

    ORGANISATION = "organisation", _("The organisation and its key")
    MEMBERS = "members", _("Members and roles")
    LOCATION = "location", _("Location created, changed or archived")
    ACCESS = "access", _("Access given, changed or ended")
    INVITATIONS = "invitations", _("Invitations and codes")


# Every verb stands under exactly one kind.
VERBS_OF = {
    Kind.ORGANISATION: (
        Verb.ORGANISATION_CREATED,
        Verb.ORGANISATION_CHANGED,
        Verb.ORGANISATION_CLOSED,
        Verb.KEY_REPLACED,
        Verb.WRONG_KEY,
    ),
    Kind.MEMBERS: (
        Verb.MEMBER_JOINED,
        Verb.MEMBER_LEFT,
        Verb.MEMBER_REMOVED,
        Verb.ROLE_CHANGED,
        Verb.MEMBER_INVITED,
        Verb.MEMBER_INVITED_AGAIN,
        Verb.MEMBER_CODE_SHOWN,
        Verb.MEMBER_INVITATION_ACCEPTED,
        Verb.MEMBER_INVITATION_DECLINED,
        Verb.MEMBER_INVITATION_WITHDRAWN,
        Verb.MEMBER_INVITATION_EXPIRED,
        Verb.MEMBER_INVITATION_ASKED_FOR,
        Verb.JOIN_ASKED,
        Verb.JOIN_REFUSED,
        Verb.ADMINISTRATOR_APPOINTED,
        Verb.ACCOUNT_DELETED,
    ),
    Kind.LOCATION: (
        Verb.LOCATION_CREATED,
        Verb.LOCATION_CHANGED,
        Verb.LOCATION_ARCHIVED,
        Verb.LOCATION_RESTORED,
    ),
    Kind.ACCESS: (
        Verb.ACCESS_GIVEN,
        Verb.ACCESS_CHANGED,
        Verb.ACCESS_REMOVED,
        Verb.ACCESS_LEFT,
        Verb.ACCESS_ENDED,
        Verb.REVIEWED,
        Verb.TRANSFERRED,
        Verb.VIEWED_AS,
        Verb.REQUEST_MADE,
        Verb.REQUEST_APPROVED,
        Verb.REQUEST_REFUSED,
        Verb.REQUEST_SETTLED,
        Verb.UNDONE,
    ),
    Kind.INVITATIONS: (
        Verb.INVITED,
        Verb.INVITED_AGAIN,
        Verb.CODE_CREATED,
        Verb.CODE_SHOWN,
        Verb.WRONG_CODE,
        Verb.INVITATION_ACCEPTED,
        Verb.INVITATION_DECLINED,
        Verb.INVITATION_WITHDRAWN,
        Verb.INVITATION_EXPIRED,
        Verb.INVITATION_DELIVERED,
        Verb.INVITATION_UNDELIVERED,
        Verb.INVITATION_LOWERED,
        Verb.INVITATION_CORRECTED,
        Verb.INVITATION_ASKED_FOR,
        Verb.TRANSFER_STARTED,
        Verb.TRANSFER_STARTED_AGAIN,
        Verb.TRANSFER_CODE_SHOWN,
        Verb.TRANSFER_DECLINED,
        Verb.TRANSFER_WITHDRAWN,
        Verb.TRANSFER_EXPIRED,
        Verb.TRANSFER_ASKED_FOR,
        Verb.APPROVAL_ASKED,
        Verb.APPROVAL_GIVEN,
        Verb.APPROVAL_REFUSED,
    ),
}
