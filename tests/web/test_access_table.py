"""Every address × every role × one's own and somebody else's thing (figures: "the access table").

A new address without a row here fails. Strangers get 404, members without the right 403, the signed-out are
asked to sign in; and whoever is refused has changed nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.urls import reverse

from locations.services import archive_location
from organisations.models import Membership, Organisation
from portal import codes
from portal.mail import outbox
from portal.models import Activity, OutgoingEmail
from sharing.models import AccessRequest
from tests.pages import ROLES, Scene, Side, Visitor, all_patterns, changes, grouped
from tests.tools import undone

pytestmark = pytest.mark.pages

Statuses = dict[str, int]
SIGNED_IN = ROLES[1:]
# Who can have something: all but support staff.
INSTALLERS = tuple(role for role in SIGNED_IN if role != "support")
MANAGERS = ("manager", "owner", "installer", "colleague", "operator", "operator_member")

INSTALLING = ("owner", "installer", "colleague")


def everybody(status: int, *, anonymous: int | None = None, **others: int) -> Statuses:
    """The same for all; the signed-out are sent to sign in unless `anonymous` says otherwise."""
    return dict.fromkeys(ROLES, status) | {"anonymous": status if anonymous is None else anonymous} | others


def signed_in(status: int, **others: int) -> Statuses:
    return everybody(status, anonymous=302, **others)


def by_level(view: int, configure: int, manage: int, **others: int) -> Statuses:
    """Strangers, support and the merely invited know nothing of the location."""
    levels = {"viewer": view, "configurer": configure} | dict.fromkeys(MANAGERS, manage)
    return signed_in(404) | levels | others


def deciding(status: int) -> Statuses:
    """What is the Owner's and the installing party's; Manage alone is not enough."""
    return by_level(403, 403, 403) | dict.fromkeys(INSTALLING, status)


def foreign(manage: int) -> Statuses:
    """The stranger's things: the stranger alone gets what those with Manage get on theirs."""
    return signed_in(404, stranger=manage)


@dataclass(frozen=True)
class Row:
    """What an address answers to GET (and HEAD), and to a POST of `data`.

    `changes` are the roles for whom the POST changes something; nobody else may change anything by it.
    `own` and `foreign` say the arguments of the address on either side.
    """

    get: Statuses
    post: Statuses
    changes: tuple[str, ...] = ()
    args: Callable[[Side], tuple[Any, ...]] = lambda side: ()
    data: Callable[[Side], dict[str, Any]] = lambda side: {}
    before: Callable[[Scene, Side], object] | None = None
    get_foreign: Statuses | None = None
    post_foreign: Statuses | None = None
    foreign_changes: tuple[str, ...] = ()


def location(side: Side) -> tuple[Any, ...]:
    return (side.location.uuid,)


def invitation_of(side: Side) -> tuple[Any, ...]:
    return (side.location.uuid, side.invitation.uuid)


def code_of(side: Side) -> tuple[Any, ...]:
    return (side.location.uuid, side.code.uuid)


def access_of(side: Side) -> tuple[Any, ...]:
    return (side.location.uuid, side.access.uuid)


def party_of(side: Side) -> tuple[Any, ...]:
    return (side.access.user.uuid,)


def organisation_of(side: Side) -> Organisation:
    return side.location.accesses.get(reason="installed").organisation


def first_party(side: Side) -> str:
    """The access of somebody the location is shared with, who is on neither side's list of roles."""
    return str(side.access.uuid)


def latest_member(side: Side) -> UUID:
    return organisation_of(side).memberships.order_by("pk").last().uuid


def an_address(side: Side) -> dict[str, Any]:
    return {
        "name": "Nyt navn",
        "street": "Nygade 1",
        "postal_code": "8000",
        "city": "Aarhus",
        "country": "DK",
        "category": "normal",
        "grid_type": "TN",
        "phases": "3",
        "main_fuse": "16",
        "usable_share": "95",
        "fallback_current": "0",
        "notes": "",
    }


def archived(scene: Scene, side: Side) -> None:
    by = scene.cast.installer if side is scene.own else scene.cast.stranger
    archive_location(location=side.location, by=by)


def an_unknown_key() -> str:
    return codes.derive(purpose="organisation-key", subject="nobody", nonce="n", length=16)


REQUEST = UUID(int=7)


def asked(scene: Scene, side: Side) -> None:
    """Somebody who sees neither side has asked for its location by the number."""
    AccessRequest.objects.create(
        uuid=REQUEST,
        user=scene.people["invitee"],
        number=side.location.pk,
        location=side.location,
        looked_up=True,
        sentence="x",
    )


ONLY_STRANGER = ("stranger",)

PORTAL = {
    "home": Row(get=everybody(302), post=signed_in(405)),
    "health": Row(get=everybody(200), post=everybody(405)),
    "set_language": Row(
        get=everybody(405), post=everybody(302), changes=SIGNED_IN, data=lambda side: {"language": "da"}
    ),
    # No provider is configured; tests/portal/mail/test_webhooks.py has those that are.
    "mail_report": Row(get=everybody(404), post=everybody(404), args=lambda side: ("postmark",)),
    "inbox": Row(get=everybody(200), post=everybody(405)),
    "inbox_message": Row(get=everybody(404), post=everybody(405), args=lambda side: ("no.log", 0)),
    "inbox_html": Row(get=everybody(404), post=everybody(405), args=lambda side: ("no.log", 0)),
    # Wrong keys of support are on the record: that is the change.
    "support_find": Row(
        get=everybody(302, support=200),
        post=everybody(302, support=200),
        changes=("support",),
        data=lambda side: {"text": an_unknown_key()},
    ),
    "organisations:mine": Row(
        # Straight to the only one.
        get=signed_in(200, installer=302, colleague=302, operator=302, operator_member=302, stranger=302),
        post=signed_in(405),
    ),
    "organisations:new": Row(
        # Support staff are given nothing, and see no form for it.
        get=signed_in(200, support=302),
        post=signed_in(302),
        changes=INSTALLERS,
        data=lambda side: {"name": "Ny", "country": "DK", "language": "da"},
    ),
    "organisations:join": Row(
        get=signed_in(200, support=302), post=signed_in(422, support=302), data=lambda side: {"key": "x"}
    ),
    "organisations:detail": Row(
        get=signed_in(404, installer=200, colleague=200),
        post=signed_in(405),
        args=lambda side: (organisation_of(side).uuid,),
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(405),
    ),
    "organisations:activity": Row(
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(405),
        args=lambda side: (organisation_of(side).uuid,),
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(405),
    ),
    "organisations:activity_csv": Row(
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(405),
        args=lambda side: (organisation_of(side).uuid,),
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(405),
    ),
    "organisations:settings": Row(
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(404, installer=302, colleague=403),
        changes=("installer",),
        args=lambda side: (organisation_of(side).uuid,),
        data=lambda side: {"name": "Omdøbt", "country": "DK", "language": "da", "review_every": "6"},
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(404, stranger=302),
        foreign_changes=("stranger",),
    ),
    "organisations:replace_key": Row(
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(404, installer=302, colleague=403),
        changes=("installer",),
        args=lambda side: (organisation_of(side).uuid,),
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(404, stranger=302),
        foreign_changes=("stranger",),
    ),
    "sharing:delete_organisation": Row(
        # Others manage the own location too; the stranger takes over what nobody else manages.
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(404, installer=302, colleague=403),
        changes=("installer",),
        args=lambda side: (organisation_of(side).uuid,),
        data=lambda side: {"name": organisation_of(side).name},
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(404, stranger=302),
        foreign_changes=("stranger",),
    ),
    "organisations:change_role": Row(
        get=signed_in(405),
        post=signed_in(404, installer=302, colleague=403),
        changes=("installer",),
        args=lambda side: (organisation_of(side).uuid, latest_member(side)),
        data=lambda side: {"role": "administrator"},
        get_foreign=signed_in(405),
        post_foreign=signed_in(404, stranger=302),
    ),
    "organisations:remove": Row(
        # The latest member is the colleague, who may leave.
        get=signed_in(404, installer=200, colleague=200),
        post=signed_in(404, installer=302, colleague=302),
        changes=("installer", "colleague"),
        args=lambda side: (organisation_of(side).uuid, latest_member(side)),
        get_foreign=signed_in(404, stranger=200),
        # The last Administrator is told to appoint another first.
        post_foreign=signed_in(404, stranger=302),
    ),
    "organisations:invite": Row(
        get=signed_in(404, installer=200, colleague=403),
        post=signed_in(404, installer=302, colleague=403),
        changes=("installer",),
        args=lambda side: (organisation_of(side).uuid,),
        data=lambda side: {"addresses": "one@test.example, two@test.example", "role": "member"},
        get_foreign=signed_in(404, stranger=200),
        post_foreign=signed_in(404, stranger=302),
        foreign_changes=("stranger",),
    ),
    **{
        f"organisations:{name}": Row(
            get=signed_in(405),
            post=signed_in(404, installer=status, colleague=403),
            changes=("installer",),
            args=lambda side: (organisation_of(side).uuid, side.member_invitation.uuid),
            get_foreign=signed_in(405),
            post_foreign=signed_in(404, stranger=status),
            foreign_changes=("stranger",),
        )
        # Looking at the code is on the record: that is the change.
        for name, status in (("resend", 302), ("withdraw", 302), ("show_code", 200))
    },
    "organisations:answer_request": Row(
        # Nobody has asked; who answers what is in tests/organisations.
        get=signed_in(405),
        post=signed_in(404, colleague=403),
        args=lambda side: (organisation_of(side).uuid, organisation_of(side).uuid),
        get_foreign=signed_in(405),
        post_foreign=signed_in(404),
    ),
}

LOCATIONS = {
    "locations:list": Row(get=signed_in(200), post=signed_in(405)),
    "locations:new": Row(
        get=signed_in(200, support=302), post=signed_in(302), changes=INSTALLERS, data=an_address
    ),
    "locations:detail": Row(
        get=by_level(200, 200, 200),
        post=signed_in(405),
        args=location,
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "locations:activity": Row(
        get=by_level(200, 200, 200),
        post=signed_in(405),
        args=location,
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "locations:activity_csv": Row(
        get=by_level(200, 200, 200),
        post=signed_in(405),
        args=location,
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "locations:settings": Row(
        get=by_level(403, 200, 200),
        post=by_level(403, 302, 302),
        changes=("configurer", *MANAGERS),
        args=location,
        data=an_address,
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "locations:archive": Row(
        get=deciding(200),
        post=deciding(302),
        changes=INSTALLING,
        args=location,
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "locations:restore": Row(
        # The button stands in the settings.
        get=deciding(302),
        post=deciding(302),
        changes=INSTALLING,
        args=location,
        before=archived,
        get_foreign=foreign(302),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
}

TAB = {
    "sharing:permissions": Row(
        get=by_level(200, 200, 200),
        post=signed_in(405),
        args=location,
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "sharing:invite": Row(
        get=by_level(403, 403, 200),
        post=by_level(403, 403, 302),
        changes=MANAGERS,
        args=location,
        data=lambda side: {"kind": "person", "email": "new@test.example", "level": "1"},
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    # Those with Manage who do not answer for it are told so on the tab: 302, and nothing has changed.
    "sharing:resend": Row(
        get=signed_in(405),
        post=by_level(403, 403, 302),
        changes=INSTALLING,
        args=invitation_of,
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "sharing:correct_address": Row(
        get=by_level(403, 403, 302, owner=200, installer=200, colleague=200),
        post=by_level(403, 403, 302),
        changes=INSTALLING,
        args=invitation_of,
        data=lambda side: {"email": "corrected@test.example"},
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "sharing:withdraw": Row(
        get=signed_in(405),
        post=by_level(403, 403, 302),
        changes=INSTALLING,
        args=invitation_of,
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    # Looking at the code is on the record: that is the change.
    "sharing:show_code": Row(
        get=signed_in(405),
        post=by_level(403, 403, 200),
        changes=MANAGERS,
        args=code_of,
        get_foreign=signed_in(405),
        post_foreign=foreign(200),
        foreign_changes=ONLY_STRANGER,
    ),
    # Manage alone is not enough: ownership is for the Owner and the installing party to pass on.
    "sharing:transfer": Row(
        get=by_level(403, 403, 403, **dict.fromkeys(INSTALLING, 200)),
        post=by_level(403, 403, 403, **dict.fromkeys(INSTALLING, 302)),
        changes=INSTALLING,
        args=location,
        data=lambda side: {"email": "next@test.example"},
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    **{
        f"sharing:transfer_{name}": Row(
            get=signed_in(405),
            post=by_level(403, 403, 403, **dict.fromkeys(INSTALLING, status)),
            changes=INSTALLING,
            args=lambda side: (side.location.uuid, side.transfer.uuid),
            get_foreign=signed_in(405),
            post_foreign=foreign(status),
            foreign_changes=ONLY_STRANGER,
        )
        for name, status in (("resend", 302), ("withdraw", 302), ("code", 200))
    },
    "sharing:change_level": Row(
        get=signed_in(405),
        post=by_level(403, 403, 302),
        changes=INSTALLING,
        args=access_of,
        data=lambda side: {"level": "2"},
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    # There is nothing of theirs to undo; who can is in tests/sharing/tab/test_undoing.py.
    "sharing:undo": Row(
        get=signed_in(405),
        post=by_level(403, 403, 404),
        args=lambda side: (side.location.uuid, side.access.uuid),
        get_foreign=signed_in(405),
        post_foreign=foreign(404),
    ),
    # The access is the viewer's own, who can give up part of it but take no more.
    "sharing:entry": Row(
        get=by_level(200, 200, 200),
        post=by_level(302, 302, 302, viewer=422),
        changes=INSTALLING,
        args=access_of,
        data=lambda side: {"level": "2"},
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    # It has no end that could be extended; who may extend what is in test_entry_page.
    "sharing:extend": Row(
        get=signed_in(405),
        post=by_level(403, 403, 302),
        args=access_of,
        data=lambda side: {"ends": "2030-01-01T00:00:00+00:00"},
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
    ),
    # Looking as somebody is on the record where it begins: that is the change. Nobody has begun here.
    "sharing:view_as": Row(
        get=by_level(403, 403, 302),
        post=by_level(403, 403, 302),
        changes=MANAGERS,
        args=access_of,
        get_foreign=foreign(302),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    **{
        f"sharing:view_as_{name}": Row(
            get=by_level(403, 403, 302),
            post=signed_in(405),
            args=access_of,
            get_foreign=foreign(302),
            post_foreign=signed_in(405),
        )
        for name in ("permissions", "activity", "settings")
    },
    "sharing:view_as_leave": Row(
        get=signed_in(405),
        post=by_level(302, 302, 302),
        args=access_of,
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
    ),
    # The access is the viewer's own; everybody may leave. Who may not is told so on the tab.
    "sharing:remove": Row(
        get=by_level(200, 302, 302, owner=200, installer=200, colleague=200),
        post=by_level(302, 302, 302),
        changes=("viewer", *INSTALLING),
        args=access_of,
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
}

MANY = {
    "sharing:bulk_jobs": Row(get=signed_in(200), post=signed_in(405)),
    # The draft of an order is the change. What one does not see is not among what one has chosen.
    "sharing:bulk_share": Row(
        get=signed_in(200),
        post=by_level(302, 302, 302, stranger=422, invitee=422, support=422),
        changes=("viewer", "configurer", *MANAGERS),
        data=lambda side: {
            "kind": "person",
            "email": "new@test.example",
            "level": "1",
            "at": side.location.pk,
        },
        get_foreign=signed_in(200),
        post_foreign=signed_in(422, stranger=302),
        foreign_changes=ONLY_STRANGER,
    ),
    # An access is one's own to name where one has Manage, and it is not one's own access.
    "sharing:bulk_change": Row(
        get=signed_in(200),
        post=by_level(422, 422, 302, stranger=422, invitee=422, support=422),
        changes=MANAGERS,
        data=lambda side: {"party": first_party(side), "act": "end", "at": side.location.pk},
        get_foreign=signed_in(200),
        post_foreign=signed_in(422, stranger=302),
        foreign_changes=ONLY_STRANGER,
    ),
    # What one has ordered oneself, and nothing else.
    "sharing:bulk_job": Row(
        get=signed_in(404, installer=200),
        post=signed_in(404, installer=302),
        changes=("installer",),
        args=lambda side: (side.job.uuid,),
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "sharing:bulk_csv": Row(
        get=signed_in(404, installer=200),
        post=signed_in(405),
        args=lambda side: (side.job.uuid,),
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "sharing:offer_again": Row(
        get=signed_in(405),
        post=signed_in(404, installer=302),
        changes=("installer",),
        args=lambda side: (side.offer.uuid,),
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
}

MINE = {
    "sharing:invitations": Row(get=signed_in(200), post=signed_in(405)),
    # One's own location is opened; of any other the answer is the same, whether there is one or not.
    "sharing:ask_for_access": Row(
        get=signed_in(200, support=302),
        post=signed_in(302),
        changes=("stranger", "invitee"),
        data=lambda side: {"number": str(side.location.number), "sentence": "x"},
    ),
    # What one has sent oneself, and nothing else.
    **{
        f"sharing:{name}_mine": Row(
            get=signed_in(405),
            post=signed_in(404, installer=302),
            changes=("installer",),
            args=lambda side: (side.invitation.uuid,),
            get_foreign=signed_in(405),
            post_foreign=foreign(302),
            foreign_changes=ONLY_STRANGER,
        )
        for name in ("resend", "withdraw")
    },
    # Everybody has the page; what stands on it, and a party's own, is theirs alone to end.
    "sharing:review": Row(get=signed_in(200), post=signed_in(405)),
    "sharing:review_mail": Row(get=signed_in(405), post=signed_in(302), changes=SIGNED_IN),
    "sharing:review_party": Row(
        get=signed_in(404, **dict.fromkeys(INSTALLING, 200)),
        post=signed_in(405),
        args=party_of,
        get_foreign=foreign(200),
        post_foreign=signed_in(405),
    ),
    "sharing:review_keep": Row(
        get=signed_in(405),
        post=signed_in(404, **dict.fromkeys(INSTALLING, 302)),
        changes=INSTALLING,
        args=party_of,
        data=lambda side: {"seen": "2100-01-01T00:00:00+00:00"},
        get_foreign=signed_in(405),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
    # What there is not to end has ended already, for all one can tell: a second click is told so.
    "sharing:review_end": Row(
        get=signed_in(404, **dict.fromkeys(INSTALLING, 200)),
        post=signed_in(302),
        changes=INSTALLING,
        args=party_of,
        get_foreign=foreign(200),
        post_foreign=signed_in(302),
        foreign_changes=ONLY_STRANGER,
    ),
    "sharing:request": Row(
        get=by_level(404, 404, 200),
        post=by_level(404, 404, 302),
        changes=MANAGERS,
        args=lambda side: (REQUEST,),
        data=lambda side: {"answer": "refuse"},
        before=asked,
        get_foreign=foreign(200),
        post_foreign=foreign(302),
        foreign_changes=ONLY_STRANGER,
    ),
}

ADD = {
    "sharing:add": Row(
        get=everybody(200), post=everybody(302), data=lambda side: {"code": grouped(side.code)}
    ),
    "sharing:check": Row(get=everybody(302), post=everybody(405)),
    "sharing:switch_account": Row(get=signed_in(405), post=everybody(302)),
    # Without the code an invitation exists for the person it was sent to, and for nobody else.
    "sharing:invitation": Row(
        get=everybody(404, invitee=200),
        post=everybody(404, invitee=302),
        changes=("invitee",),
        args=lambda side: (side.invitation.uuid,),
        data=lambda side: {"answer": "accept", "nonce": side.invitation.nonce},
        get_foreign=everybody(404),
        post_foreign=everybody(404),
    ),
    "sharing:ask": Row(
        get=signed_in(405),
        post=signed_in(404, invitee=409),
        args=lambda side: (side.invitation.uuid,),
        get_foreign=signed_in(405),
        post_foreign=signed_in(404),
    ),
    "sharing:open": Row(
        get=everybody(302),
        post=everybody(405),
        args=lambda side: (grouped(side.code),),
        get_foreign=everybody(302),
        post_foreign=everybody(405),
    ),
}

# allauth's own. Those signed in are sent away from the way in, the signed-out from their own pages.
ACCOUNTS = {
    # Without the password nothing happens to anybody.
    "delete_account": Row(get=signed_in(200), post=signed_in(422)),
    "account_login": Row(get=everybody(302, anonymous=200), post=everybody(302, anonymous=200)),
    "account_signup": Row(get=everybody(302, anonymous=200), post=everybody(302, anonymous=200)),
    "account_logout": Row(get=signed_in(200), post=everybody(302)),
    "account_inactive": Row(get=everybody(200), post=everybody(405)),
    "account_reauthenticate": Row(get=signed_in(200), post=signed_in(200)),
    "account_email": Row(get=signed_in(200), post=signed_in(302)),
    "account_email_verification_sent": Row(get=everybody(200), post=everybody(405)),
    "account_change_password": Row(get=signed_in(200), post=signed_in(200)),
    "account_set_password": Row(get=signed_in(302), post=signed_in(302)),
    "account_reset_password": Row(get=everybody(200), post=everybody(200)),
    "account_reset_password_done": Row(get=everybody(200), post=everybody(405)),
    "account_reset_password_from_key": Row(
        get=everybody(200), post=everybody(200), args=lambda side: ("1", "no-such")
    ),
    "account_reset_password_from_key_done": Row(get=everybody(200), post=everybody(405)),
    "account_confirm_login_code": Row(get=everybody(302), post=everybody(302)),
    "account_confirm_email": Row(get=everybody(200), post=everybody(404), args=lambda side: ("no-such",)),
}

ROWS = PORTAL | LOCATIONS | TAB | MANY | MINE | ADD | ACCOUNTS


def mismatches(scene: Scene, rows: dict[str, Row], side_name: str) -> list[str]:
    """Every answer that is not the one in the table."""
    side: Side = getattr(scene, side_name)
    visitors = {role: Visitor(user, raise_request_exception=False) for role, user in scene.people.items()}
    wrong: list[str] = []
    for name, row in rows.items():
        get, post = (row.get, row.post) if side_name == "own" else (row.get_foreign, row.post_foreign)
        changers = row.changes if side_name == "own" else row.foreign_changes
        if get is None or post is None:
            continue
        url = reverse(name, args=row.args(side))
        for role in ROLES:
            for method, expected in (("get", get), ("head", get), ("post", post)):
                cache.clear()
                with undone():
                    if row.before:
                        row.before(scene, side)
                    data = row.data(side) if method == "post" else {}
                    with changes() as noted:
                        answer = getattr(visitors[role].client(), method)(url, data)
                    changed = noted.tables
                if answer.status_code != expected[role]:
                    wrong.append(f"{name} {method} {role}: {answer.status_code}, not {expected[role]}")
                if bool(changed) != (method == "post" and role in changers):
                    wrong.append(f"{name} {method} {role}: changed {sorted(changed) or 'nothing'}")
    return wrong


def test_every_address_has_a_row() -> None:
    """A new address must say who gets what before it can land."""
    names = {name for name, _ in all_patterns() if not name.startswith("admin:")}
    assert names == set(ROWS)


def test_every_row_about_a_thing_says_what_a_foreign_one_answers() -> None:
    """An address that names a thing is asked for somebody else's as well."""
    named = {name for name, pattern in all_patterns() if "<uuid:" in pattern}
    assert named and all(ROWS[name].get_foreign and ROWS[name].post_foreign for name in named)


@pytest.mark.parametrize(
    "rows",
    [PORTAL, LOCATIONS, TAB, MANY, MINE, ADD, ACCOUNTS],
    ids=["portal", "locations", "tab", "many", "mine", "add", "accounts"],
)
def test_everybody_gets_what_the_table_says(scene: Scene, rows: dict[str, Row]) -> None:
    """Every role, on what they have to do with."""
    assert mismatches(scene, rows, "own") == []


@pytest.mark.parametrize(
    "rows",
    [PORTAL, LOCATIONS, TAB, MANY, MINE, ADD],
    ids=["portal", "locations", "tab", "many", "mine", "add"],
)
def test_nobody_gets_at_what_is_the_strangers(scene: Scene, rows: dict[str, Row]) -> None:
    """Every role, on what belongs to somebody else: 404, whatever they are on their own location."""
    assert mismatches(scene, rows, "foreign") == []


@pytest.mark.parametrize(
    "name",
    ["resend", "withdraw", "show_code", "change_level", "entry", "extend", "remove", "view_as"],
)
def test_a_foreign_thing_is_not_reached_through_ones_own_location(scene: Scene, name: str) -> None:
    """The thing must belong to the location in the address: nobody mixes the two."""
    thing = {
        "resend": scene.foreign.invitation,
        "withdraw": scene.foreign.invitation,
        "show_code": scene.foreign.code,
        "change_level": scene.foreign.access,
        "entry": scene.foreign.access,
        "extend": scene.foreign.access,
        "remove": scene.foreign.access,
        "view_as": scene.foreign.access,
    }[name]
    url = reverse(f"sharing:{name}", args=[scene.own.location.uuid, thing.uuid])
    for role in ("viewer", *MANAGERS):
        visitor = Visitor(scene.people[role])
        with changes() as noted:
            answer = visitor.client().post(url, {"level": "1"})
        assert answer.status_code in (403, 404), role
        assert role == "viewer" or answer.status_code == 404, role
        assert noted.tables == set(), role


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_change_nothing(scene: Scene, method: str) -> None:
    """What no form sends is refused, and never an error of ours."""
    visitors = [Visitor(scene.people[role]) for role in ("anonymous", "installer", "invitee", "support")]
    wrong = []
    for name, row in ROWS.items():
        url = reverse(name, args=row.args(scene.own))
        for visitor in visitors:
            with undone(), changes() as noted:
                answer = getattr(visitor.client(), method)(url)
                if noted.tables or answer.status_code >= 500:
                    wrong.append((name, visitor.user, answer.status_code))
                if name not in (*ACCOUNTS, "mail_report") and answer.status_code not in (302, 405):
                    wrong.append((name, visitor.user, answer.status_code))
    assert wrong == []


def test_every_post_needs_the_csrf_token(scene: Scene) -> None:
    """A form on another site gets nowhere, at any address."""
    visitor = Visitor(scene.people["installer"], enforce_csrf_checks=True)
    names = {name: reverse(name, args=row.args(scene.own)) for name, row in ROWS.items()}
    answers = {name: visitor.client().post(url, {}).status_code for name, url in names.items()}
    # The mail provider has no token but a signature.
    assert answers == dict.fromkeys(names, 403) | {"mail_report": 404}


def test_a_member_who_stops_being_one_is_a_stranger_on_the_next_request(scene: Scene) -> None:
    """Leaving ends access at once, whatever the session was."""
    visitor = Visitor(scene.people["colleague"])
    url = reverse("locations:detail", args=[scene.own.location.uuid])
    assert visitor.client().get(url).status_code == 200
    membership = Membership.objects.get(user=scene.people["colleague"])
    membership.user.groups.remove(membership.organisation.group)
    membership.delete()
    assert visitor.client().get(url).status_code == 404


def test_a_closed_account_gets_nothing(scene: Scene) -> None:
    """A session of somebody whose account was closed is no session."""
    installer = scene.cast.installer
    visitor = Visitor(installer)
    type(installer).objects.filter(pk=installer.pk).update(is_active=False)
    assert visitor.client().get(reverse("locations:list")).status_code == 302
    answer = visitor.client().get(reverse("locations:detail", args=[scene.own.location.uuid]))
    assert answer.status_code == 302


def test_the_inbox_shows_real_mail_in_development(scene: Scene, settings: Any, tmp_path: Path) -> None:
    """Its pages open for whoever is there, and for GET alone."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    outbox.deliver_due()
    name = next(tmp_path.glob("*.log")).name
    for url in (reverse("inbox_message", args=[name, 0]), reverse("inbox_html", args=[name, 0])):
        for role in ROLES:
            assert Visitor(scene.people[role]).client().get(url).status_code == 200
    assert Visitor().client().get(reverse("inbox_message", args=["..%2Fsecret", 0])).status_code == 404


# --- Support staff's pages ----------------------------------------------------------------------


@dataclass
class AdminTable:
    """The pages of one model in the admin. Closed: registered by an app, and opened to nobody."""

    model: str
    closed: bool = False
    pages: tuple[str, ...] = field(default=("changelist", "add", "history", "delete", "change"))
    # Acts that ask for a reason: without one nothing is done.
    acts: tuple[str, ...] = ()


ADMIN_MODELS = [
    AdminTable("portal_user"),
    AdminTable("portal_outgoingemail"),
    AdminTable("portal_activity"),
    # It has an Administrator, so there is nobody to appoint: 403.
    AdminTable(
        "organisations_organisation",
        pages=("changelist", "add", "history", "delete", "change", "appoint"),
    ),
    AdminTable("organisations_membership"),
    AdminTable("organisations_memberinvitation"),
    AdminTable("locations_location"),
    AdminTable("locations_access", acts=("end",)),
    AdminTable("sharing_invitation", acts=("resend", "withdraw")),
    AdminTable("sharing_transfer"),
    AdminTable("sharing_offer"),
    AdminTable("sharing_bulkjob"),
    AdminTable("auth_group", closed=True),
    AdminTable("account_emailaddress", closed=True),
]
ADMIN_OTHER = {
    "admin:index": ((), 200),
    "admin:login": ((), 302),
    "admin:logout": ((), 405),
    # On to the one way to change a password.
    "admin:password_change": ((), 302),
    "admin:password_change_done": ((), 302),
    "admin:autocomplete": ((), 403),
    "admin:jsi18n": ((), 200),
    "admin:view_on_site": ((1, 1), 404),
    "admin:app_list": (("portal",), 200),
}


def objects_of_admin(scene: Scene) -> dict[str, Any]:
    return {
        f"{model._meta.app_label}_{model._meta.model_name}": model._default_manager.order_by("pk").first()
        for model in admin.site._registry
    }


def test_every_model_of_the_admin_has_a_row() -> None:
    """A model registered by whatever app needs a row, and every address of the admin is one of these."""
    registered = {f"{m._meta.app_label}_{m._meta.model_name}" for m in admin.site._registry}
    assert registered == {table.model for table in ADMIN_MODELS}
    names = {name for name, _ in all_patterns() if name.startswith("admin:") and "<" not in name}
    pages = {f"admin:{table.model}_{page}" for table in ADMIN_MODELS for page in (*table.pages, *table.acts)}
    assert names == pages | set(ADMIN_OTHER)
    nameless = {name for name, _ in all_patterns() if name.startswith("admin:") and "<" in name}
    # The old address of each object, and the catch-all.
    assert len(nameless) == len(ADMIN_MODELS) + 1


@pytest.mark.parametrize("table", ADMIN_MODELS, ids=lambda table: table.model)
def test_support_reads_and_nobody_else_enters(scene: Scene, table: AdminTable) -> None:
    """Every page of every model: staff may look, nobody may add, change or delete, others stay outside."""
    thing = objects_of_admin(scene)[table.model]
    pk = thing.pk
    wrong = []
    for page in (*table.pages, *table.acts):
        args = () if page in ("changelist", "add") else (pk,)
        url = reverse(f"admin:{table.model}_{page}", args=args)
        for role in ROLES:
            if role == "support":
                readable = not table.closed and page in ("changelist", "history", "change")
                expected = {"get": 200 if readable else 403, "post": 403}
                if readable and page != "change":
                    expected["post"] = 200  # these two read whatever the method
                if page in table.acts:
                    expected = {"get": 200, "post": 422}
            else:
                expected = {"get": 302, "post": 302}
            visitor = Visitor(scene.people[role], raise_request_exception=False)
            for method in ("get", "head", "post"):
                data = {"post": "yes", "is_superuser": "on", "name": "x"} if method == "post" else {}
                with undone(), changes() as noted:
                    answer = getattr(visitor.client(), method)(url, data)
                    changed = noted.tables
                status = expected["post" if method == "post" else "get"]
                if answer.status_code != status or changed:
                    wrong.append((page, role, method, answer.status_code, status, changed))
    assert wrong == []


@pytest.mark.parametrize("name", ADMIN_OTHER)
def test_the_other_pages_of_the_admin(scene: Scene, name: str) -> None:
    """Staff get them; everybody else is sent to sign in, and changes nothing on the way."""
    args, for_staff = ADMIN_OTHER[name]
    url = reverse(name, args=args)
    for role in ROLES:
        visitor = Visitor(scene.people[role])
        with undone(), changes() as noted:
            answer = visitor.client().get(url)
            assert noted.tables == set(), role
        if role == "support":
            assert answer.status_code == for_staff, role
        else:
            assert answer.status_code in (302, 403, 405), role
            assert role != "anonymous" or name in ("admin:logout",) or answer.status_code == 302


def test_unknown_addresses_of_the_admin_tell_nothing(scene: Scene) -> None:
    """The catch-all: 404 for staff, the way in for everybody else."""
    for role in ROLES:
        answer = Visitor(scene.people[role]).client().get("/admin/locations/nothing/")
        assert answer.status_code == (404 if role == "support" else 302), role


def test_the_record_behind_the_table_is_real(scene: Scene) -> None:
    """Bait: the tables the admin shows are not empty, or reading them would prove nothing."""
    assert Activity.objects.exists() and OutgoingEmail.objects.exists()
    things = objects_of_admin(scene)
    assert all(thing is not None for thing in things.values())
