"""The forms for many locations at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from locations.levels import Level
from sharing.bulk.selection import PartyThere, choices
from sharing.invitations.forms import InviteForm, Kind, TermsForm
from sharing.models import BulkJob

Act = BulkJob.Act


class ShareManyForm(InviteForm):
    """Share with a person or an organisation: as for one location, but without a code to pass on."""

    works_once = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            (kind.value, kind.label) for kind in (Kind.PERSON, Kind.ORGANISATION)
        ]


class ChangeManyForm(TermsForm):
    """End, or change, what somebody has."""

    LEAVE, NEVER, DAY = "", "never", "day"

    party = forms.ChoiceField(
        label=_("Whose access"),
        error_messages={"required": _("Choose whose access."), "invalid_choice": _("Choose whose access.")},
    )
    act = forms.ChoiceField(
        label=_("What happens with it"),
        choices=[(Act.END, _("Take it away")), (Act.TERMS, _("Change the level, or until when"))],
        initial=Act.END.value,
    )
    keep_given_on = forms.BooleanField(
        label=_("Whom they have shared with keeps their access"), required=False
    )
    ends = forms.ChoiceField(
        label=_("Until when"),
        required=False,
        choices=[
            (LEAVE, _("Leave it as it is")),
            (NEVER, _("Without an end")),
            (DAY, _("Until the last day below")),
        ],
    )

    field_order = ("party", "act", "keep_given_on", "level", "ends", "access_ends")

    def __init__(self, *args: Any, parties: Iterable[PartyThere], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["party"].choices = [("", _("Choose")), *choices(parties)]  # type: ignore[attr-defined]
        level: Any = self.fields["level"]
        level.required, level.initial, level.empty_value = False, "", None
        level.choices = [("", _("Leave it as it is")), *level.choices]
        self.fields["access_ends"].help_text = ""

    def clean(self) -> dict[str, Any]:
        """What was typed for the other act is kept on the page, and neither asked for nor found wrong."""
        data = self.cleaned_data
        if data.get("act") != Act.TERMS:
            for name in ("level", "ends", "access_ends"):
                self.errors.pop(name, None)
            return data
        if data.get("ends") != self.DAY:
            self.errors.pop("access_ends", None)
        elif not data.get("access_ends") and "access_ends" not in self.errors:
            self.add_error("access_ends", _("Enter the last day."))
        if not data.get("level") and data.get("ends") == self.LEAVE:
            self.add_error("level", _("Choose another level, or another end."))
        return data

    @property
    def order(self) -> dict[str, Any]:
        """What is ordered, as the job keeps it."""
        data = self.cleaned_data
        if data["act"] == Act.END:
            return {"act": Act.END, "also_given_on": not data["keep_given_on"]}
        ends_at: datetime | None = self.terms["access_ends_at"] if data["ends"] == self.DAY else None
        return {
            "act": Act.TERMS,
            "level": data["level"] or None,
            "sets_end": data["ends"] != self.LEAVE,
            "access_ends_at": ends_at,
        }


def level_of(job: BulkJob) -> Level | None:
    """The level of a job, where it has one."""
    return Level(job.level) if job.level else None
