"""When a party last opened a location: what an access review goes by, and nothing else.

A GET writes it, which no other GET does: it must be known of everybody who looks, however they came, and
nobody presses a button to look. It is one row for each party and location, and it says a day and no more, so
that it is written once a day at most and tells nobody's working hours.
"""

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from organisations.models import Organisation
from portal.models import User

if TYPE_CHECKING:
    from locations.models import Location


class Opening(models.Model):
    """The day on which a person, or somebody of an organisation, last opened a location."""

    location = models.ForeignKey("locations.Location", on_delete=models.CASCADE, related_name="openings")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="openings"
    )
    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.CASCADE, related_name="openings"
    )
    day = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(organisation__isnull=True), name="opening_one_party"
            ),
            models.UniqueConstraint(fields=["location", "user"], name="opening_of_person_once"),
            models.UniqueConstraint(fields=["location", "organisation"], name="opening_of_organisation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.organisation or self.user} · {self.location} · {self.day}"


def note_opened(location: "Location", user: User) -> None:
    """Remember that this person, and the organisations they see it through, opened the location today.

    `location` comes from `get_visible`, which has read whether that is known already: then nothing is written
    or asked. Written by two requests at once, it says the same.
    """
    from locations.models import Access

    today = timezone.localdate()
    if location.opened_on == today:
        return
    through = Access.objects.live().filter(location=location, organisation__memberships__user=user)
    organisations = set(through.values_list("organisation", flat=True))
    with transaction.atomic():
        _write([Opening(location=location, user=user, day=today)], "user")
        _write(
            [Opening(location=location, organisation_id=pk, day=today) for pk in sorted(organisations)],
            "organisation",
        )


def _write(openings: list[Opening], party: str) -> None:
    Opening._default_manager.bulk_create(
        openings, update_conflicts=True, unique_fields=["location", party], update_fields=["day"]
    )
