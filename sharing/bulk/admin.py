"""What is done with many locations at once, as support staff see it: orders, and the invitations of each."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.admin import SupportAdmin
from portal.models import OutgoingEmail
from sharing.bulk.jobs import Tally
from sharing.models import BulkJob, Invitation, Offer

MOST = 100


def _links(page: str, things: Iterable[tuple[Any, str]]) -> SafeString:
    """One line for each: its page in the admin, and what is said of it."""
    lines = ((reverse(f"admin:{page}_change", args=[thing.pk]), thing, more) for thing, more in things)
    return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a> {}', lines)


@admin.register(Offer)
class OfferAdmin(SupportAdmin):
    """Found by address or organisation. Not by code: a search stands in the address of the page."""

    list_display = ("to_whom", "size", "level", "state", "invited_by", "invited_at")
    list_filter = ("state",)
    list_select_related = ("organisation", "invited_by")
    search_fields = ("email", "organisation__name", "invited_by__email")
    fields: ClassVar = (
        *("email", "organisation", "size", "level", "access_ends_at", "state", "invited_by"),
        *("invited_at", "expires_at", "settled_by", "settled_at", "locations", "emails"),
    )
    readonly_fields = ("locations", "emails")
    ordering = ("-invited_at",)

    @admin.display(description=_("to whom"))
    def to_whom(self, offer: Offer) -> str:
        """The address, or the organisation."""
        return offer.recipient

    @admin.display(description=_("which locations"))
    def locations(self, offer: Offer) -> SafeString:
        """The first hundred in it, and what became of the invitation to each."""
        inside = Invitation.objects.filter(offer=offer).select_related("location").order_by("location")
        return _links(
            "locations_location", [(one.location, one.get_state_display()) for one in inside[:MOST]]
        )

    @admin.display(description=_("e-mails"))
    def emails(self, offer: Offer) -> SafeString:
        """What was sent about it, and whether it arrived."""
        sent = OutgoingEmail.objects.filter(about=offer.uuid).order_by("-created_at")[:MOST]
        return _links("portal_outgoingemail", [(one, one.get_status_display()) for one in sent])


@admin.register(BulkJob)
class BulkJobAdmin(SupportAdmin):
    """Found by whoever ordered it, or whom it is about."""

    list_display = ("act", "to_whom", "state", "by", "created_at", "finished_at")
    list_filter = ("act", "state")
    list_select_related = ("by", "user", "organisation")
    search_fields = ("by__email", "email", "user__email", "organisation__name")
    fields: ClassVar = (
        *("act", "state", "by", "email", "user", "organisation", "level", "access_ends_at"),
        *("created_at", "finished_at", "offer", "outcomes", "locations"),
    )
    readonly_fields = ("outcomes", "locations")
    ordering = ("-created_at",)

    @admin.display(description=_("to whom"))
    def to_whom(self, job: BulkJob) -> str:
        """The address, the person or the organisation it is about."""
        return job.recipient

    @admin.display(description=_("outcomes"))
    def outcomes(self, job: BulkJob) -> str:
        """How many locations are done, and how many have which outcome."""
        tally = Tally.of(job)
        done = gettext("%(done)s of %(total)s done") % {"done": tally.done, "total": tally.total}
        return "; ".join([done, *(f"{outcome.label}: {n}" for outcome, n in tally)])

    @admin.display(description=_("which locations"))
    def locations(self, job: BulkJob) -> SafeString:
        """The first hundred, each with its outcome."""
        rows = job.rows.select_related("location").order_by("pk")[:MOST]
        return _links("locations_location", [(row.location, row.get_outcome_display()) for row in rows])
