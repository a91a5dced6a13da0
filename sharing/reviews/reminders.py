"""The e-mail that asks people, every year or half year, to review who has access.

Asked are the Administrators of the organisations that want it, about what they may end by the organisation's
access, and people about what they may end by their own. Somebody who is several of these is asked once for
all of it. It is due when something was given, or last kept, a whole period ago.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from locations.levels import Level
from locations.models import Access
from organisations.models import Membership
from portal.mail import outbox
from portal.mail.outbox import Message, builds
from portal.models import OutgoingEmail, User
from sharing.models import ReviewReader
from sharing.reviews.emails import message_to_review
from sharing.reviews.services import Item, groups_of, items_of

KIND = "access-review"
# How long a period is, by the months of `Organisation.review_every`; a personal one is a year.
PERIODS = {6: timedelta(days=182), 12: timedelta(days=365)}
PERSONAL = 12
SHORTEST = min(PERIODS.values())
LOOKED_AT_AGAIN = timedelta(days=1)
LOOKED_AT_ONCE = 200


@dataclass
class Asked:
    """What somebody is asked about, and after which time again."""

    items: list[Item]
    every: timedelta

    def is_due(self, told_at: datetime | None) -> bool:
        """Whether a period is over since they were asked, and since anybody wanted one of these to be."""
        over = timezone.now() - self.every
        return (told_at is None or told_at <= over) and any(item.decided_at <= over for item in self.items)


def asked_of(user: User, *, personally: bool) -> Asked:
    """What this person is to be asked about now; `personally`, about what is theirs alone too."""
    periods = _periods(user, personally)
    items = [(item, ways(item) & periods.keys()) for item in items_of(user)]
    every = [periods[way] for _item, ways in items for way in ways]
    return Asked([item for item, ways in items if ways], min(every, default=max(PERIODS.values())))


def ask_those_due() -> int:
    """Queue what is due, once for each person and period; returns how many were asked."""
    return sum(_ask(user) for user in _may_be_due())


def reader_of(user: User) -> ReviewReader:
    """What is remembered of this person as one who is asked; not saved where there is nothing yet."""
    return ReviewReader.objects.filter(user=user).first() or ReviewReader(user=user)


@transaction.atomic
def want_mail(*, user: User, wanted: bool) -> ReviewReader:
    """Ask this person about what is theirs personally, or do not."""
    reader, _created = ReviewReader.objects.update_or_create(user=user, defaults={"wants_mail": wanted})
    return reader


@transaction.atomic
def _ask(user: User) -> bool:
    ReviewReader.objects.get_or_create(user=user)
    reader = ReviewReader.objects.select_for_update(no_key=True).get(user=user)
    reader.looked_at = timezone.now()
    due = asked_of(user, personally=reader.wants_mail).is_due(reader.told_at)
    if due:
        before = reader.told_at.isoformat() if reader.told_at else "first"
        outbox.queue(
            KIND,
            key=f"{KIND}/{user.uuid}/{before}",
            address=user.email,
            language=user.language,
            recipient=user,
            about=user.uuid,
            version=before,
        )
        reader.told_at = reader.looked_at
    reader.save(update_fields=["looked_at", "told_at"])
    return due


def _may_be_due() -> list[User]:
    """Those who have Manage, or administer who has, where some access is older than the shortest period.

    Found by the database alone; of each, at most once a day, it is then looked at closely.
    """
    now = timezone.now()
    old = Access.objects.live().filter(since__lte=now - SHORTEST).exclude(review__at__gt=now - SHORTEST)
    ways = Access.objects.live().filter(level=Level.MANAGE, location__in=old.values("location"))
    administrators = Membership.objects.administrators().filter(
        organisation__in=ways.filter(organisation__isnull=False).values("organisation"),
        organisation__review_every__gt=0,
    )
    people = ways.filter(user__isnull=False).values("user")
    found = User.objects.filter(Q(pk__in=people) | Q(pk__in=administrators.values("user")), is_active=True)
    found = found.exclude(review_reader__told_at__gt=now - SHORTEST)
    found = found.exclude(review_reader__looked_at__gt=now - LOOKED_AT_AGAIN)
    return list(found.order_by("pk")[:LOOKED_AT_ONCE])


def _periods(user: User, personally: bool) -> dict[int, timedelta]:
    """How often this person is asked, by organisation; 0 is for themselves."""
    places = Membership.objects.administrators().filter(user=user, organisation__review_every__gt=0)
    months = dict(places.values_list("organisation", "organisation__review_every"))
    if personally:
        months[0] = PERSONAL
    return {way: PERIODS[every] for way, every in months.items()}


def ways(item: Item) -> set[int]:
    """By whose access this person may end it: their organisations', or their own (0)."""
    viewer = item.viewer
    return {
        access.organisation_id or 0
        for access in viewer.live
        if viewer.holds(access) and access.level == Level.MANAGE
    }


@builds(KIND)
def review(row: OutgoingEmail) -> Message | None:
    """What there is to review now, not when it was queued; nothing to say where nothing is left."""
    if row.recipient is None:  # never otherwise: it is queued for a person, and goes with them
        return None
    wants = reader_of(row.recipient).wants_mail
    items = asked_of(row.recipient, personally=wants).items
    if not items:
        return None
    locations = {item.access.location_id for item in items}
    return message_to_review(len(groups_of(items)), len(locations), sum(item.is_unused for item in items))
