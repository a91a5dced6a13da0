"""Hostile values in every field of the portal's own forms: never an error of ours, nothing unescaped.

About fifty values × every field, more than two thousand requests. On PostgreSQL a NUL, a lone surrogate or a
value longer than its column is an error where SQLite shrugs, so this file means most there.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from locations.models import Location
from portal.mail import outbox
from portal.models import OutgoingEmail, Throttle
from sharing.models import Invitation
from tests.cast import Cast, make_person
from tests.pages import PASSWORD, Scene, browser, grouped, signed_in
from tests.tools import undone

pytestmark = [pytest.mark.pages, pytest.mark.heavy]

MARK = "zq9"  # stands in every value that could become markup
VALUES: dict[str, str] = {
    "empty": "",
    "space": "   ",
    "nul": "a\0b",
    "nul alone": "\0",
    "control": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "line break": "a\nb",
    "header break": "a\r\nBcc: evil@evil.example\r\n\r\nbody",
    "header break, encoded": "a%0d%0aBcc:%20evil@evil.example",
    "unicode line breaks": "a\u2028b\u2029c\u0085d\x0b\x0c",
    "bidi": "\u202eevil\u202c \u2066x\u2069 \u200f",
    "zero width": "a\u200b\u200c\u200d\ufeffb",
    "tags": "\U000e0041\U000e0042",
    "emoji": "👩‍👩‍👧‍👦🇩🇰" * 5,
    "combining": "a" + "\u0301" * 200,
    "astral": "\U0010ffff\U0001f600",
    "not characters": "\ufffe\uffff\ufdd0",
    "replacement": "\ufffd",
    "case that grows": "ß" * 100 + "İ" * 50 + "ŉ" * 10,
    "ligature that grows": "\ufdfa" * 120,
    "turkish": "İıĞğ",
    "wide": "＜script＞",
    "digits of others": "१२३",
    "superscript": "²³¹",
    "roman": "Ⅷ",
    "long": "x" * 100_000,
    "long words": "ab " * 30_000,
    "just too long": "y" * 256,
    "121": "z" * 121,
    "many digits": "9" * 5_000,
    "big": "9223372036854775808",
    "small": "32768",
    "negative": "-1",
    "float": "1e309",
    "nan": "NaN",
    "sql": "'; DROP TABLE locations_location; --",
    "sql 2": "1 OR 1=1",
    "like": "%_\\%",
    "quote": "\"'`",
    "html": f"<script>{MARK}</script>",
    "image": f'"><img src=x onerror={MARK}>',
    "svg": f"<svg/onload={MARK}>",
    "attribute": f"' autofocus onfocus={MARK} '",
    "comment": f"--><b>{MARK}</b><!--",
    "close": f"</textarea></title></style><b>{MARK}</b>",
    "template": "{{ settings.SECRET_KEY }}{% debug %}",
    "format": "{0.__class__}{location}%s%(x)s",
    "javascript": "javascript:alert(1)",
    "url": "https://evil.example/x",
    "other host": "//evil.example",
    "path": "../../../../etc/passwd",
    "entity": "&lt;b&gt;&amp;",
    "json": '{"a":[1]}',
    "csv": "=cmd|' /C calc'!A0",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "braces": "{" + "a" * 32 + "}",
    "date": "2026-02-30",
    "far date": "99999-01-01",
    "first date": "0001-01-01",
    "address": '"a b"@test.example',
    "long address": "a" * 200 + "@test.example",
    "too long address": "a" * 250 + "@test.example",
    "very long address": "a" * 300 + "@test.example",
    "idn": "ø@ærø.example",
    "two addresses": "a@test.example,b@test.example",
    "address with break": "a@test.example\nBcc: b@test.example",
    "address with name": "Evil <a@test.example>",
    "code with dashes": "—".join("7QKM3RXD9HFA"),
}


class Markup(HTMLParser):
    """Notices when a value has become a tag, a handler or a script."""

    def __init__(self) -> None:
        super().__init__()
        self.tag, self.found = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.found |= any(name.startswith("on") and MARK in (value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.found |= self.tag in ("script", "b", "style") and MARK in data

    def handle_comment(self, data: str) -> None:
        self.found |= MARK in data


def is_unsafe(html: str) -> bool:
    """Whether something in it came out as markup of theirs."""
    if MARK not in html:
        return False
    parser = Markup()
    parser.feed(html)
    parser.close()
    return parser.found


assert all(is_unsafe(f"<p>{VALUES[name]}") for name in ("html", "image", "svg", "close"))
assert is_unsafe(f"<input value='{VALUES['attribute']}'>")

ADDRESS = {
    "name": "Nyt",
    "street": "Nygade 1",
    "postal_code": "8000",
    "city": "Aarhus",
    "country": "DK",
    "category": "normal",
}
ELECTRICAL = {
    "grid_type": "TN",
    "phases": "3",
    "main_fuse": "16",
    "usable_share": "95",
    "fallback_current": "0",
    "notes": "",
}


def forms_of(scene: Scene) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Who posts what where: every form of the portal's own with a good value in every field."""
    site = scene.own.location.uuid
    invite = reverse("sharing:invite", args=[site])
    terms = {"level": "1", "access_ends": "", "message": "", "works_once": "", "confirmed": ""}
    person = {"kind": "person", "email": "new@test.example"} | terms
    organisation = {"kind": "organisation", "key": scene.cast.operators.key} | terms
    return {
        "new location": ("installer", reverse("locations:new"), ADDRESS | {"organisation": ""}),
        "settings": ("installer", reverse("locations:settings", args=[site]), ADDRESS | ELECTRICAL),
        "invite person": ("installer", invite, person | {"key": ""}),
        "invite organisation": ("installer", invite, organisation | {"email": ""}),
        "invite people": (
            "installer",
            reverse("organisations:invite", args=[scene.cast.firm.uuid]),
            {"addresses": "new@test.example", "role": "member"},
        ),
        "make a code": ("manager", invite, {"kind": "code", "email": "", "key": ""} | terms),
        "corrected address": (
            "installer",
            reverse("sharing:correct_address", args=[site, scene.own.invitation.uuid]),
            {"email": "right@test.example"},
        ),
        "level": (
            "installer",
            reverse("sharing:change_level", args=[site, scene.own.access.uuid]),
            {"level": "2"},
        ),
        "remove": (
            "installer",
            reverse("sharing:remove", args=[site, scene.own.access.uuid]),
            {"keep_given_on": ""},
        ),
        "code": ("anonymous", reverse("sharing:add"), {"code": grouped(scene.own.code)}),
        "code, signed in": ("stranger", reverse("sharing:add"), {"code": grouped(scene.own.code)}),
        "invitation": (
            "invitee",
            reverse("sharing:invitation", args=[scene.own.invitation.uuid]),
            {"answer": "accept", "nonce": scene.own.invitation.nonce, "for": ""},
        ),
        "decline": (
            "invitee",
            reverse("sharing:invitation", args=[scene.own.invitation.uuid]),
            {"answer": "decline", "nonce": scene.own.invitation.nonce},
        ),
        "switch": ("invitee", reverse("sharing:switch_account"), {"invitation": ""}),
        "language": ("installer", reverse("set_language"), {"language": "da", "next": "/"}),
        "sign up": (
            "anonymous",
            reverse("account_signup"),
            {"name": "Ny", "email": "new@test.example", "password1": "rav-og-strandsand-7"},
        ),
        "sign in": ("anonymous", reverse("account_login"), {"login": "a@test.example", "password": "x"}),
        "reset": ("anonymous", reverse("account_reset_password"), {"email": "new@test.example"}),
        "add address": (
            "installer",
            reverse("account_email"),
            {"email": "new@test.example", "action_add": ""},
        ),
    }


QUERIES = {
    "list": ("locations:list", ("q", "after", "before", "archived", "by")),
    "activity": ("locations:activity", ("who", "before", "after")),
    # What is no date, and no kind of entry, is told beside the field.
    "activity filter": ("locations:activity", ("what", "from", "to")),
    "activity as a file": ("locations:activity_csv", ("who",)),
    "inbox": ("inbox", ("to",)),
    "sign in": ("account_login", ("next",)),
}
FORMS = [
    "new location",
    "settings",
    "invite person",
    "invite organisation",
    "invite people",
    "make a code",
    "corrected address",
    "level",
    "remove",
    "code",
    "code, signed in",
    "invitation",
    "decline",
    "switch",
    "language",
    "sign up",
    "sign in",
    "reset",
    "add address",
]


def visitor(scene: Scene, role: str) -> Client:
    user = scene.people[role]
    if user is None:
        return browser(raise_request_exception=False)
    if role == "installer":
        # By password, for the pages that want it entered lately.
        client = browser(raise_request_exception=False)
        client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        return client
    return signed_in(user, raise_request_exception=False)


def unescaped_mail() -> Iterator[str]:
    """What is wrong with any queued e-mail, rendered as it would be sent."""
    for row in OutgoingEmail.objects.filter(status="queued"):
        email = outbox.render(row)
        if email is None:
            continue
        raw = email.message().as_string()
        head = raw.partition("\n\n")[0]
        if is_unsafe(email.alternatives[0][0]) or re.search(r"^Bcc:", head, re.MULTILINE | re.IGNORECASE):
            yield str(row)


@pytest.mark.parametrize("form", FORMS)
def test_no_field_of_a_form_takes_the_portal_down(scene: Scene, form: str) -> None:
    """Every value in every field, one at a time, the others good: an answer, and no markup of theirs."""
    OutgoingEmail.objects.update(status="sent")
    role, url, good = forms_of(scene)[form]
    client = visitor(scene, role)
    wrong: list[Any] = []
    for field in good:
        for name, value in VALUES.items():
            with undone():
                cache.clear()
                Throttle.objects.all().delete()
                client = visitor(scene, role) if form == "switch" else client
                page = client.post(url, good | {field: value}, follow=form not in ("switch", "language"))
                if page.status_code >= 500:
                    wrong.append((field, name, page.status_code))
                    continue
                if is_unsafe(page.content.decode()):
                    wrong.append((field, name, "unescaped"))
                wrong += [(field, name, "mail", which) for which in unescaped_mail()]
            if role == "anonymous":
                client = visitor(scene, role)
    assert wrong == []


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_takes_a_page_down(scene: Scene, query: str) -> None:
    """What stands in the address of a page is as hostile as what is posted."""
    name, fields = QUERIES[query]
    args = [scene.own.location.uuid] if name.startswith("locations:activity") else []
    client = visitor(scene, "anonymous" if name == "account_login" else "installer")
    wrong = []
    more = {"cursor": "x~1", "nul cursor": "\0~1", "far cursor": "x~" + "9" * 18, "no cursor": "x~-1"}
    for field in fields:
        for label, value in (VALUES | more).items():
            with undone():
                page = client.get(reverse(name, args=args), {field: value})
                if page.status_code not in (200, 422, 302) or is_unsafe(page.getvalue().decode()):
                    wrong.append((field, label, page.status_code))
    assert wrong == []


def test_no_path_takes_the_portal_down(scene: Scene) -> None:
    """Codes, keys and ids in an address, as bytes that are no characters too."""
    wrong = []
    raw = ["%ff%fe", "%00", "%ed%a0%80", "%c0%af", "%e2%80%ae", "..%2f..%2fetc", "%0d%0aSet-Cookie:x=1"]
    values = raw + [quote(value[:2000], safe="") for value in VALUES.values() if value]
    for role in ("anonymous", "installer"):
        client = visitor(scene, role)
        for value in values:
            for place in (
                "/add/{}/",
                "/locations/{}/",
                "/accounts/confirm-email/{}/",
                "/{}",
                "/dev/inbox/{}/0/",
                "/accounts/password/reset/key/{}/",
                "/accounts/password/reset/key/1-{}/",
            ):
                with undone():
                    page = client.get(place.format(value))
                    if page.status_code >= 500 or is_unsafe(page.content.decode()):
                        wrong.append((role, place, value[:40], page.status_code))
                    if "Set-Cookie" in page.headers.get("Location", ""):
                        wrong.append((role, place, value[:40], "header"))
    assert wrong == []


CHARSETS = ["utf-7", "utf-16", "unicode_escape", "raw_unicode_escape", "no-such", "latin-1", ""]


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_made_up_charset_smuggles_nothing_in(scene: Scene, charset: str) -> None:
    """A lone surrogate can arrive only so: the request names a charset whose decoder makes them."""
    client = visitor(scene, "installer")
    kind = f"; charset={charset}" if charset else ""
    boundary = "x9x"
    fields = ADDRESS | {"name": "+2AA-\\ud800", "organisation": ""}
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body = f"{parts}--{boundary}--\r\n".encode()
    for url in (reverse("locations:new"), reverse("sharing:add")):
        with undone():
            multipart = f"multipart/form-data; boundary={boundary}{kind}"
            page = client.generic("POST", url, body, content_type=multipart)
            assert page.status_code < 500
        with undone():
            plain = f"application/x-www-form-urlencoded{kind}"
            page = client.generic("POST", url, b"name=%2B2AA-&code=%2B2AA-%5Cud800", content_type=plain)
            assert page.status_code < 500
    page = client.get(f"{reverse('locations:list')}?q=%2B2AA-%5Cud800", CONTENT_TYPE=f"text/plain{kind}")
    assert page.status_code < 500


@pytest.mark.parametrize(
    "header", ["Accept-Language", "X-Forwarded-For", "HX-Current-URL", "Referer", "User-Agent", "HX-Request"]
)
def test_no_header_takes_the_portal_down(scene: Scene, header: str) -> None:
    """Headers come from whoever likes to write them."""
    wrong = []
    client = visitor(scene, "installer")
    for name, value in VALUES.items():
        if "\n" in value or "\r" in value or "\0" in value or len(value) > 8_000:
            continue  # a web server refuses these before they reach us
        latin = value.encode().decode("latin-1")
        page = client.get(reverse("locations:list"), headers={header: latin})
        if page.status_code >= 500 or is_unsafe(page.content.decode()):
            wrong.append((name, page.status_code))
    assert wrong == []


@pytest.mark.parametrize("cookie", ["session", "csrf", "django_language", "messages"])
def test_no_cookie_takes_the_portal_down(cast: Cast, cookie: str) -> None:
    """A cookie that is none of ours is nobody's session."""
    for name in ("nul", "bidi", "just too long", "sql", "html", "json", "emoji", "long address"):
        client = browser(raise_request_exception=False)
        client.cookies[cookie] = quote(VALUES[name])
        assert client.get(reverse("locations:list")).status_code == 302
        assert client.get(reverse("sharing:add")).status_code == 200


def hostile_names() -> dict[str, str]:
    return {name: value for name, value in VALUES.items() if MARK in value}


def test_hostile_names_are_escaped_wherever_they_are_shown(scene: Scene) -> None:
    """As if validation had let them through: on every page, in the admin and in every letter."""
    cast, site = scene.cast, scene.own.location
    everything = "".join(hostile_names().values())[:119]
    type(cast.installer).objects.filter(pk=cast.installer.pk).update(name=everything)
    type(cast.contractor).objects.filter(pk=cast.contractor.pk).update(name=everything)
    type(cast.firm).objects.filter(pk=cast.firm.pk).update(name=everything)
    type(cast.operators).objects.filter(pk=cast.operators.pk).update(name=everything)
    Location.objects.filter(pk=site.pk).update(name=everything, street=everything, notes=everything)
    Invitation.objects.filter(location=site).update(message=everything)
    args = [site.uuid]
    urls = {
        "installer": [
            reverse("locations:list"),
            reverse("locations:detail", args=args),
            reverse("locations:settings", args=args),
            reverse("locations:activity", args=args),
            reverse("sharing:permissions", args=args),
            reverse("sharing:invite", args=args),
            reverse("sharing:remove", args=[site.uuid, scene.own.access.uuid]),
            reverse("sharing:correct_address", args=[site.uuid, scene.own.invitation.uuid]),
            reverse("organisations:detail", args=[cast.firm.uuid]),
            reverse("organisations:invite", args=[cast.firm.uuid]),
            reverse("account_email"),
        ],
        "invitee": [
            reverse("sharing:add"),
            reverse("sharing:invitation", args=[scene.own.invitation.uuid]),
            reverse("locations:list"),
        ],
        "support": [
            reverse("admin:locations_location_changelist"),
            reverse("admin:locations_location_change", args=[site.pk]),
            reverse("admin:portal_user_changelist"),
            reverse("admin:organisations_organisation_changelist"),
            reverse("admin:sharing_invitation_changelist"),
            reverse("admin:portal_activity_changelist"),
        ],
    }
    for role, pages in urls.items():
        user = scene.people[role]
        assert user is not None
        user.refresh_from_db()
        for url in pages:
            page = signed_in(user).get(url)
            assert page.status_code == 200, url
            assert not is_unsafe(page.content.decode()), url
    assert list(unescaped_mail()) == []
    letters = [outbox.render(row) for row in OutgoingEmail.objects.all()]
    assert any(letter is not None and MARK in letter.alternatives[0][0] for letter in letters)


def test_a_name_cannot_carry_what_a_mail_reader_makes_a_link_of(scene: Scene) -> None:
    """Names stand in other people's e-mails: no address, no control and no turning characters."""
    client = signed_in(scene.cast.installer)
    for bad in ("https://evil.example", "www.evil.example", "a@evil.example", "a\u202eb", "a\nb", "a\u200bb"):
        page = client.post(reverse("locations:new"), ADDRESS | {"name": bad})
        assert page.status_code == 422, bad


def test_a_name_of_a_person_is_as_careful(db: None) -> None:
    """A sharer's name stands in the subject of an e-mail to somebody who does not know them."""
    for bad in ("https://evil.example", "www.evil.example", "a\u202eb", "x\u200by"):
        cache.clear()
        page = browser().post(
            reverse("account_signup"),
            {"name": bad, "email": f"n{abs(hash(bad))}@test.example", "password1": "rav-og-strandsand-7"},
        )
        assert page.status_code != 302, bad


def test_the_corpus_is_as_large_as_promised(scene: Scene) -> None:
    """Values × fields of the portal's own forms."""
    fields = sum(len(good) for _, _, good in forms_of(scene).values())
    assert len(VALUES) * fields >= 2_000 and set(forms_of(scene)) == set(FORMS)
    assert make_person("x@test.example").pk
