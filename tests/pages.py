"""What the tests of pages share: visitors, a scene with every role, and looks into the database."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler
from django.urls import URLPattern, URLResolver, get_resolver

from locations.levels import Level
from locations.models import Access, Location
from organisations import inviting
from organisations.models import MemberInvitation, Organisation
from organisations.services import add_member
from portal import codes
from portal.invitations.models import AbstractInvitation
from portal.mail import outbox
from portal.models import OutgoingEmail, User
from sharing.bulk import jobs
from sharing.invitations import codes as invitations_codes
from sharing.invitations import services as invitations
from sharing.models import BulkJob, Invitation, Offer, Transfer
from sharing.transfers import services as transfers
from tests.cast import MEMBER, Cast, accept, invite, make_owner, make_person, share
from tests.tools import run_out

PASSWORD = "rav-og-strandsand-7"
SESSION = settings.SESSION_COOKIE_NAME
# What a request may write without having changed anything: sessions, counters of tries, the cache, and that
# somebody has looked (`locations.last_opened` says why that is written by a GET).
UNCOUNTED_TABLES = {"django_session", "portal_throttle", "cache", "locations_opening"}


class Visitor:
    """Somebody with a browser. Each request starts from the session they came with."""

    def __init__(self, user: User | None = None, **options: Any) -> None:
        self.user, self.options, self.session_key = user, options, ""
        if user:
            client = browser()
            client.force_login(user)
            self.session_key = client.cookies[SESSION].value

    def client(self) -> Client:
        client = browser(**self.options)
        if self.session_key:
            client.cookies[SESSION] = self.session_key
        return client


# Loading the middleware lists every static file: once for all browsers, not once for each.
_handlers: dict[bool, ClientHandler] = {}


def browser(**options: Any) -> Client:
    """A browser nobody is signed in to."""
    client = Client(**options)
    checks = bool(options.get("enforce_csrf_checks"))
    client.handler = _handlers.setdefault(checks, client.handler)
    return client


def signed_in(user: User, **options: Any) -> Client:
    """A browser in which this person is signed in."""
    client = browser(**options)
    client.force_login(user)
    return client


# --- The scene ----------------------------------------------------------------------------------


@dataclass
class Side:
    """A location with one of everything that addresses name."""

    location: Location
    access: Access
    invitation: Invitation
    code: Invitation
    expired: Invitation
    member_invitation: MemberInvitation
    transfer: Transfer
    job: BulkJob
    offer: Offer


@dataclass
class Scene:
    """`own` is seen by all but the stranger, support and the invitee; `foreign` by the stranger alone."""

    cast: Cast
    own: Side
    foreign: Side
    people: dict[str, User | None] = field(default_factory=dict)


ROLES = (
    "anonymous",
    "stranger",
    "invitee",
    "viewer",
    "configurer",
    "manager",
    "owner",
    "installer",
    "colleague",
    "operator",
    "operator_member",
    "support",
)


def make_scene(cast: Cast) -> Scene:
    """`site` shared with somebody of every role, and the stranger's bait with people of its own."""
    viewer, configurer = make_person("viewer@test.example", "Vera"), make_person("conf@test.example", "Karl")
    invitee, bystander = make_person("invitee@test.example", "Ib"), make_person("by@test.example", "Bo")
    member = make_person("operator-member@test.example", "Mogens")
    add_member(organisation=cast.operators, user=member, role=MEMBER, by=cast.operator)
    site, bait = cast.site, cast.bait
    own_access = share(site, cast.installer, viewer, Level.VIEW)
    share(site, cast.installer, configurer, Level.CONFIGURE)
    share(site, cast.installer, cast.contractor, Level.MANAGE)
    make_owner(site, cast.customer, cast.installer)
    to_operators = invitations.share_with_organisation(
        location=site, by=cast.installer, key=cast.operators.key, network="test", level=Level.MANAGE
    )
    accept(to_operators, cast.operator)
    scene = Scene(
        cast=cast,
        own=Side(
            site,
            own_access,
            invite(site, cast.installer, invitee),
            make_code(site, cast.installer),
            make_expired(site, cast.installer),
            invite_member(cast.firm, cast.installer),
            transfers.start(location=site, by=cast.installer, email="next@test.example"),
            draft_of(site, cast.installer),
            make_offer(site, cast.installer),
        ),
        foreign=Side(
            bait,
            share(bait, cast.stranger, bystander, Level.VIEW),
            invitations.share_with_person(
                location=bait, by=cast.stranger, email="nobody@test.example", level=Level.VIEW
            ),
            make_code(bait, cast.stranger),
            make_expired(bait, cast.stranger),
            invite_member(cast.elsewhere, cast.stranger),
            transfers.start(location=bait, by=cast.stranger, email="next@test.example"),
            draft_of(bait, cast.stranger),
            make_offer(bait, cast.stranger),
        ),
    )
    scene.people = {
        "anonymous": None,
        "stranger": cast.stranger,
        "invitee": invitee,
        "viewer": viewer,
        "configurer": configurer,
        "manager": cast.contractor,
        "owner": cast.customer,
        "installer": cast.installer,
        "colleague": cast.colleague,
        "operator": cast.operator,
        "operator_member": member,
        "support": cast.support,
    }
    for user in filter(None, scene.people.values()):
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    return scene


def make_code(location: Location, by: User, level: Level = Level.VIEW, **terms: Any) -> Invitation:
    """The live code of the location."""
    return invitations_codes.create_code(location=location, by=by, level=level, **terms)[0]


def invite_member(
    organisation: Organisation, by: User, email: str = "new-member@test.example"
) -> MemberInvitation:
    """An open invitation to become a member."""
    inviting.invite(organisation=organisation, by=by, addresses=[email], role=MEMBER)
    found: MemberInvitation = organisation.member_invitations.with_all().get(email=email)
    return found


def draft_of(location: Location, by: User, email: str = "drafted@test.example") -> BulkJob:
    """The preview of an order to share it, in one go with no other."""
    job = BulkJob(by=by, act=BulkJob.Act.SHARE, email=email, level=Level.VIEW, language="en-gb")
    return jobs.draft(job, [location])


def make_offer(location: Location, by: User, email: str = "offered@test.example") -> Offer:
    """Ordered and worked off: what waits for whoever has the address."""
    job = draft_of(location, by, email)
    jobs.confirm(job=job, by=by)
    jobs.work_off()
    found: Offer = Offer.objects.with_all().get(jobs=job)
    return found


def make_expired(location: Location, by: User, email: str = "late@test.example") -> Invitation:
    """An invitation whose time is over, not yet tidied."""
    invitation = invitations.share_with_person(location=location, by=by, email=email, level=Level.VIEW)
    return run_out(invitation)


# --- Looks into the database --------------------------------------------------------------------


@dataclass
class Changes:
    """What the statements inside `changes()` did to the database."""

    _before: dict[str, list[str]] | None = None

    @property
    def tables(self) -> set[str]:
        """The tables in which anything differs now."""
        if self._before is None:
            return set()
        after = _every_row()
        return {table for table, rows in self._before.items() if rows != after[table]}

    def look_before_the_first_write(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if self._before is None and not _CHANGES_NOTHING.match(sql):
            self._before = _every_row()
        return execute(sql, params, many, context)


@contextmanager
def changes() -> Iterator[Changes]:
    """Notes what happens inside to every row of every table, apart from what is not counted.

    All is read only when something is about to be written, so that looking at many pages is quick.
    """
    noted = Changes()
    with connection.execute_wrapper(noted.look_before_the_first_write):
        yield noted


_UNCOUNTED = "|".join(sorted(UNCOUNTED_TABLES))
# Any other statement may change something.
_CHANGES_NOTHING = re.compile(
    r"\s*(SELECT|SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)\b"
    rf'|\s*(INSERT INTO|UPDATE|DELETE FROM) "({_UNCOUNTED})"',
    re.IGNORECASE,
)


def _every_row() -> dict[str, list[str]]:
    state = {}
    with connection.cursor() as cursor:
        for table in _counted_tables():
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (the names are Django's own)
            state[table] = sorted(map(repr, cursor.fetchall()))
    return state


@cache
def _counted_tables() -> list[str]:
    return sorted(set(connection.introspection.table_names()) - UNCOUNTED_TABLES)


def whole_database() -> str:
    """Every cell of every table, sessions included and decoded, as one text to look for secrets in."""
    from django.contrib.sessions.models import Session

    cells: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            cells += [str(cell) for row in cursor.fetchall() for cell in row]
    cells += [repr(session.get_decoded()) for session in Session.objects.all()]
    return "\n".join(cells)


# --- Addresses ----------------------------------------------------------------------------------


def all_patterns(
    resolver: URLResolver | None = None, spaces: tuple[str, ...] = (), prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """(name, pattern) of every address the resolver knows; a nameless one is called by its pattern."""
    for each in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield ":".join((*spaces, each.name or pattern)), pattern
        else:
            yield from all_patterns(each, spaces + ((each.namespace,) if each.namespace else ()), pattern)


# --- Pages --------------------------------------------------------------------------------------


def text_of(response: HttpResponse) -> str:
    """What somebody reads: without head and tags, entities resolved, white space folded."""
    body = response.content.decode().partition("<body>")[2] or response.content.decode()
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def main_of(response: HttpResponse) -> str:
    """The HTML between <main> and </main>."""
    return response.content.decode().partition("<main")[2].partition("</main>")[0]


def said(response: HttpResponse) -> str:
    """The messages on the page."""
    return response.content.decode().partition('<div id="say"')[2].partition("</div>")[0]


def without_nonces(response: HttpResponse) -> str:
    """The body without what differs on every page: CSRF tokens and script nonces."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())
    return re.sub(r'nonce="[^"]*"', "", body)


def grouped(invitation: AbstractInvitation) -> str:
    """The code as people have it now."""
    invitation.refresh_from_db()
    return codes.grouped(invitation.code)


def wrong_codes(count: int) -> list[str]:
    """Well-formed codes that belong to nothing."""
    return [
        codes.derive(purpose="test", subject="wrong", nonce=str(number), length=codes.INVITATION_CODE_LENGTH)
        for number in range(count)
    ]


# --- Mail ---------------------------------------------------------------------------------------


def letter(**which: Any) -> str:
    """The newest queued e-mail of this kind, text and HTML, as it would be sent now."""
    row = OutgoingEmail.objects.filter(**which).order_by("-created_at", "-pk").first()
    assert row is not None, which
    email = outbox.render(row)
    assert email is not None, which
    return f"{email.body}\n{email.alternatives[0][0]}"


def link_in(text: str, part: str) -> str:
    """The path of the first link in a letter that contains `part`."""
    found = re.search(rf"{re.escape(settings.SITE_URL)}(\S*?{re.escape(part)}[^\s\"'<>]*)", text)
    assert found, part
    return unescape(found[1])


def make_account(email: str = "known@test.example", name: str = "Kendt") -> User:
    """Somebody who signs in by password."""
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user
