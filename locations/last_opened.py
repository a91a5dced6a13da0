"""When a party last opened a location: what an access review goes by, and nothing else.

A GET writes it, which no other GET does: it must be known of everybody who looks, however they came, and
nobody presses a button to look. It is one row for each party and location, and it says a day and no more, so
that it is written once a day at most and tells nobody's working hours.
"""

from django.db import transaction
from django.utils import timezone

from locations.models import Access, Location, Opening
from portal.models import User


def note_opened(location: Location, user: User) -> None:
    """Remember that this person, and the organisations they see it through, opened the location today.

    `location` comes from `get_visible`, which has read whether that is known already: then nothing is written
    or asked. Written by two requests at once, it says the same.
    """
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
