"""Finding invitations of every kind for support staff: by the address they were sent to, or by their code."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from portal import codes, limits
from portal.errors import Refusal
from portal.invitations.models import AbstractInvitation
from portal.lib.text_search import contains, words_of
from portal.support_search import MOST_OF_A_KIND, Found, Search, finds
from sharing import kinds
from sharing.models import Offer


def find_by_address(kind: type[AbstractInvitation], search: Search) -> Iterator[Found]:
    """Those of one kind by the address they were sent to, the newest first."""
    words = words_of(search.text)
    if "@" in search.text or "＠" in search.text:
        found = kind.objects.filter(*[contains(word, "email") for word in words])
        sent = found.on_their_own().with_all()
        yield from map(_found, sent.order_by("-invited_at")[:MOST_OF_A_KIND])


# One finder for each, as the box shows the first of what each has found.
for _kind in kinds.KINDS:
    finds(partial(find_by_address, _kind))


@finds
def find_by_code(search: Search) -> Iterator[Found]:
    """By the code, which is not shown again. Wrong ones count against whoever tried."""
    try:
        code = codes.normalise(search.text, length=codes.INVITATION_CODE_LENGTH)
    except codes.Mistyped:
        return
    try:
        guess = limits.attempt(
            (limits.WRONG_CODE_BY_ACCOUNT, search.by.pk), (limits.WRONG_CODE_BY_ADDRESS, search.network)
        )
    except limits.Spent:
        raise Refusal(_("There were too many wrong codes. Go on in a few minutes.")) from None
    if found := kinds.with_code(code):
        guess.give_back()
        yield _found(found)


def _found(invitation: Any) -> Found:
    """The page of what it is about: a location, an organisation, or the invitation to many itself."""
    location = getattr(invitation, "location", None)
    if isinstance(invitation, Offer):
        thing, page = invitation, "sharing_offer"
    elif location:
        thing, page = location, "locations_location"
    else:
        thing, page = invitation.organisation, "organisations_organisation"
    more = f"{invitation.recipient} · {invitation.get_state_display()}"
    url = reverse(f"admin:{page}_change", args=[thing.pk])
    return Found(capfirst(invitation._meta.verbose_name), str(thing), more, url)
