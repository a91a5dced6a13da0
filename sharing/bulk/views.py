"""Many locations at once: the order, its preview, its progress and its result, for whoever ordered it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from organisations.services import find_by_key
from portal.errors import Refusal
from portal.lib import spreadsheets
from portal.lib.client_address import client_network
from portal.lib.paging import cursor_number
from sharing.bulk import jobs
from sharing.bulk.access import is_asked_by_party, open_to_party
from sharing.bulk.forms import ChangeManyForm, Kind, ShareManyForm, level_of
from sharing.bulk.selection import ANY, Selection, parties_on, party_of
from sharing.invitations.recipients import known_address, refuse_own_address, refuse_unless_it_takes_shares
from sharing.models import BulkJob, BulkRow, Invitation, Offer
from sharing.models.bulk import CHANGING, Outcome, of_person

PAGE_SIZE = 100
JOBS_SHOWN = 30
# Orders that may put somebody out.
_TAKES = (BulkJob.Act.END, BulkJob.Act.TERMS)
State = BulkJob.State


@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """What this person has ordered, newest first."""
    found = list(of_person(request.user)[:JOBS_SHOWN])
    return render(request, "sharing/bulk_jobs.html", {"section": "locations", "jobs": found})


@require_http_methods(["GET", "HEAD", "POST"])
def share(request: HttpRequest) -> HttpResponse:
    """With whom, and on what terms; then the preview."""
    posted = request.method == "POST"
    selection = Selection.of(request.user, request.POST if posted else request.GET)
    form = ShareManyForm(request.POST if posted else None)
    if posted and form.is_valid():
        try:
            return _preview(jobs.draft(_share_job(request, form), selection.locations()))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    return _form(request, "sharing/bulk_share.html", selection, form)


def _share_job(request: HttpRequest, form: ShareManyForm) -> BulkJob:
    """The order as the form says. Raises Refusal, beside the field that is the cause."""
    by = request.user
    job = BulkJob(by=by, act=BulkJob.Act.SHARE, message=form.cleaned_data["message"], **form.terms)
    job.language = get_language() or by.language
    if form.cleaned_data["kind"] == Kind.PERSON:
        job.email = known_address(form.cleaned_data["email"])
        refuse_own_address(job.email, by)
        return job
    organisation = find_by_key(key=form.cleaned_data["key"], by=by, network=client_network(request))
    refuse_unless_it_takes_shares(organisation)
    job.organisation, job.key_version = organisation, organisation.key_version
    return job


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Whose access, and what happens with it; then the preview."""
    posted = request.method == "POST"
    data = request.POST if posted else request.GET
    selection = Selection.of(request.user, data)
    parties = parties_on(selection)
    initial = {"party": _same_party(request, parties, data.get("of", ""))}
    form = ChangeManyForm(request.POST if posted else None, parties=parties, initial=initial)
    if posted and form.is_valid():
        try:
            return _preview(_change_job(request, selection, form))
        except Refusal as refusal:
            form.add_error(refusal.field or None, str(refusal))
    return _form(request, "sharing/bulk_change.html", selection, form, parties=parties)


def _same_party(request: HttpRequest, parties: list[Any], key: str) -> str:
    """The entry of the drop-down that stands for whom another page meant."""
    access = party_of(request.user, key) if key else None
    return next((one.key for one in parties if access and one.party == access.party), "")


def _change_job(request: HttpRequest, selection: Selection, form: ChangeManyForm) -> BulkJob:
    access = party_of(request.user, form.cleaned_data["party"])
    if access is None:
        raise Refusal(_("They no longer have access there."), field="party")
    by = request.user
    job = BulkJob(by=by, user=access.user, organisation=access.organisation, **form.order)
    job.language = get_language() or by.language
    return jobs.draft(job, selection.locations_of(access.party))


def _preview(job: BulkJob) -> HttpResponse:
    return redirect("sharing:bulk_job", job.uuid)


def _form(
    request: HttpRequest, template: str, selection: Selection, form: Any, **context: Any
) -> HttpResponse:
    locations = selection.locations()
    context |= {
        "section": "locations",
        "form": form,
        "selection": selection,
        "count": locations.count(),
        "named": list(locations.order_by("sort_name", "pk")[:5]),
        "everywhere": selection.everything and selection.archived == ANY,
    }
    return render(request, template, context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def job(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The preview, until it is confirmed by a POST; then the progress, and the result."""
    found = _job(request, uuid)
    if request.method == "POST":
        try:
            jobs.confirm(job=found, by=request.user)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        return redirect("sharing:bulk_job", found.uuid)
    tally = jobs.Tally.of(found)
    context = {
        "section": "locations",
        "job": found,
        "level": level_of(found),
        "tally": tally,
        "is_working": found.state in (State.QUEUED, State.WORKING),
        "changing": CHANGING,
        **(_goes_with(found) if found.is_draft and found.act in _TAKES else {}),
        "of_person": found.act != BulkJob.Act.ACCEPT,
        **_page_of_rows(request, found),
    }
    template = "sharing/bulk_job.html#progress" if request.htmx else "sharing/bulk_job.html"
    return render(request, template, context)


def _goes_with(found: BulkJob) -> dict[str, Any]:
    """What is open to the party and goes with what is ordered: said before."""
    return {"open_to_party": open_to_party(found), "asked_by_party": is_asked_by_party(found)}


def _page_of_rows(request: HttpRequest, found: BulkJob) -> dict[str, Any]:
    """Some rows, those of one outcome where that is asked for, in the order in which they are worked off."""
    rows = found.rows.select_related("location").order_by("location_id")
    outcome = request.GET.get("what", "")
    if outcome in Outcome.values:
        rows = rows.filter(outcome=outcome)
    after = cursor_number(request.GET.get("after", ""))
    if after is not None:
        rows = rows.filter(location_id__gt=after)
    some: list[BulkRow] = list(rows[: PAGE_SIZE + 1])
    more = some[PAGE_SIZE - 1].location_id if len(some) > PAGE_SIZE else None
    return {"rows": some[:PAGE_SIZE], "next": more, "what": outcome}


@require_safe
def job_csv(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Every row with its outcome, as a file."""
    found = _job(request, uuid)
    heads = [_("Number"), _("Location"), _("Address"), _("Outcome")]
    return spreadsheets.answer(str(found.recipient), spreadsheets.lines(heads, _cells(found)))


def _cells(found: BulkJob) -> Iterator[list[str]]:
    rows = found.rows.select_related("location").order_by("location_id")
    for row in rows.iterator(chunk_size=1000):
        cells = [row.location.name, row.location.address, row.get_outcome_display()]
        yield [str(row.location.number), *map(spreadsheets.harmless, cells)]


@require_POST
def again(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What nobody has answered of one's own offer, ordered anew: on to the preview."""
    offer = Offer.objects.filter(uuid=uuid, invited_by=request.user).with_all().first()
    if offer is None:
        raise Http404
    new = BulkJob(
        by=request.user,
        act=BulkJob.Act.SHARE,
        email=offer.email,
        organisation=offer.organisation,
        level=offer.level,
        access_ends_at=offer.access_ends_at,
        message=offer.message,
        language=get_language() or request.user.language,
    )
    inside = Invitation.objects.unsettled().filter(offer=offer).values_list("location_id", flat=True)
    selection = Selection(request.user, tuple(inside))
    try:
        return _preview(jobs.draft(new, selection.locations()))
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("sharing:invitations")


def _job(request: HttpRequest, uuid: UUID) -> BulkJob:
    """One's own; anybody else's is as unknown as one that never was."""
    found: BulkJob | None = BulkJob.objects.filter(uuid=uuid, by=request.user).with_all().first()
    if found is None:
        raise Http404
    return found
