"""Locations, and who may do what with them. What stands beside is imported here.

Equipment is in `equipment`, guardian's rows in `permission_rows`; `last_opened` writes down who looked when.
"""

import uuid
from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from locations.equipment import ChargePoint, Circuit, LoadBalancer
from locations.levels import Level
from locations.permission_rows import LocationGroupPermission, LocationUserPermission
from locations.querysets import AccessQuerySet, LocationQuerySet
from locations.sorting import SEARCH_TEXT_LENGTH, SORT_KEY_LENGTH, search_text, sort_key
from organisations.models import Organisation
from portal.models import User

__all__ = [
    "Access",
    "ChargePoint",
    "Circuit",
    "LoadBalancer",
    "Location",
    "LocationGroupPermission",
    "LocationUserPermission",
    "Opening",
]


class Location(models.Model):
    """One installation site. Whose it is and who else sees it stands in its Access rows."""

    class Category(models.TextChoices):
        PRIVATE = "private", _("Private")
        COMMUNITY = "community", _("Community housing")
        BUSINESS = "business", _("Business")
        PUBLIC = "public", _("Public")
        NORMAL = "normal", _("Normal")

    class GridType(models.TextChoices):
        TN = "TN", "TN"
        TT = "TT", "TT"
        IT = "IT", "IT"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=120)
    street = models.CharField(_("street and number"), max_length=120)
    postal_code = models.CharField(_("postal code"), max_length=12)
    city = models.CharField(_("city"), max_length=80)
    country = models.CharField(_("country"), max_length=2, default="DK")
    category = models.CharField(
        _("category"), max_length=12, choices=Category.choices, default=Category.NORMAL
    )
    time_zone = models.CharField(_("time zone"), max_length=40, default="Europe/Copenhagen")
    currency = models.CharField(_("currency"), max_length=3, default="DKK")
    grid_type = models.CharField(_("grid type"), max_length=2, choices=GridType.choices, default=GridType.TN)
    phases = models.PositiveSmallIntegerField(_("phases"), choices=[(1, "1"), (3, "3")], default=3)
    main_fuse = models.PositiveSmallIntegerField(
        _("main fuse (A)"), default=16, validators=[MinValueValidator(1), MaxValueValidator(2000)]
    )
    usable_share = models.PositiveSmallIntegerField(
        _("usable share of the main fuse (%)"),
        default=95,
        validators=[MinValueValidator(40), MaxValueValidator(100)],
    )
    fallback_current = models.PositiveSmallIntegerField(
        _("fallback current (A)"),
        default=0,
        help_text=_("When the load balancer cannot be reached. 0 means that charging stops."),
    )
    notes = models.TextField(_("notes"), blank=True, max_length=4000)
    # Derived from name and address on every save.
    sort_name = models.CharField(max_length=SORT_KEY_LENGTH, editable=False)
    search_text = models.CharField(max_length=SEARCH_TEXT_LENGTH, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, editable=False)

    objects: ClassVar = LocationQuerySet.as_manager()

    # What the person may do who asked for it, and when they last did; set by `LocationQuerySet.get_visible`.
    level: Level
    opened_on: date | None
    # Set by `LocationQuerySet.with_charge_points`.
    charge_points: int
    # Set by `archiving.mark_archivable`.
    is_archivable: bool
    # Set by `LocationQuerySet.say_by_which`.
    by_which: str
    is_there_twice: bool

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        permissions: ClassVar = [("manage_location", "Can manage location")]
        default_permissions = ("view", "change")
        indexes: ClassVar = [models.Index(fields=["sort_name", "id"], name="location_by_name")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(usable_share__gte=40, usable_share__lte=100), name="location_usable_share"
            ),
            models.CheckConstraint(condition=Q(main_fuse__gte=1), name="location_main_fuse"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the derived texts right; `locations.services.change_location` carries them further."""
        self.sort_name = sort_key(self.name)
        self.search_text = search_text(self.name, self.address)
        super().save(*args, **kwargs)

    @property
    def number(self) -> int:
        """The short number people say on the telephone."""
        return int(self.pk)

    @property
    def address(self) -> str:
        """Street, postal code and city in one line."""
        return f"{self.street}, {self.postal_code} {self.city}"

    @property
    def charge_points_said(self) -> str:
        """How many charge points there are, in words."""
        return _charge_points_said(self.charge_points, get_language())


@lru_cache
def _charge_points_said(n: int, _language: str | None) -> str:
    """Kept by language: each row of the list says it, and finding the words takes as long as drawing them."""
    return ngettext("%(n)s charge point", "%(n)s charge points", n) % {"n": n}


class Access(models.Model):
    """One way in which one party has access to one location: the truth about it (product rule 3).

    Never deleted: `ended_at` says that it is over. The permission rows are its projection, recomputed by
    `locations.projection.project` in the transaction that changes it.
    """

    class Reason(models.TextChoices):
        INSTALLED = "installed", _("installed it")
        OWNER = "owner", _("owner")
        EMAIL = "email", _("by e-mail invitation")
        ORGANISATION = "organisation", _("by invitation to the organisation")
        CODE = "code", _("by invitation code")
        REQUEST = "request", _("asked for access")

    # Nobody's to give, and nobody's it was shared with to take: neither another level nor an end.
    STANDING = (Reason.OWNER, Reason.INSTALLED)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="accesses"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        null=True,
        on_delete=models.PROTECT,
        related_name="accesses",
    )
    organisation = models.ForeignKey(
        Organisation,
        verbose_name=_("organisation"),
        null=True,
        on_delete=models.PROTECT,
        related_name="accesses",
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)
    reason = models.CharField(_("why"), max_length=12, choices=Reason.choices)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("given by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # The access by which the giver could give it: what ends with it when that is taken away.
    given_through = models.ForeignKey(
        "self", verbose_name=_("given through"), null=True, on_delete=models.PROTECT, related_name="given_on"
    )
    since = models.DateTimeField(_("since"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("ended by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects: ClassVar = AccessQuerySet.as_manager()

    # Set by `AccessQuerySet.mark_live`.
    holds_now: bool

    class Meta:
        verbose_name = _("access")
        verbose_name_plural = _("access")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(organisation__isnull=True), name="access_one_party"
            ),
            models.UniqueConstraint(
                fields=["location", "user", "reason", "level"],
                condition=Q(ended_at__isnull=True),
                name="access_person_one_way",
            ),
            models.UniqueConstraint(
                fields=["location", "organisation", "reason", "level"],
                condition=Q(ended_at__isnull=True),
                name="access_organisation_one_way",
            ),
            models.UniqueConstraint(
                fields=["location"],
                condition=Q(reason="owner", ended_at__isnull=True),
                name="access_one_owner",
            ),
            models.UniqueConstraint(
                fields=["location"],
                condition=Q(reason="installed", ended_at__isnull=True),
                name="access_one_installer",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["ends_at"],
                condition=Q(ended_at__isnull=True, ends_at__isnull=False),
                name="access_with_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party} · {self.location} · {self.get_level_display()}"

    @property
    def party(self) -> User | Organisation:
        """The person or organisation that has it."""
        # One of them is there: the constraint access_one_party says so.
        return cast(User | Organisation, self.organisation or self.user)

    def ends_by(self, moment: datetime | None) -> bool:
        """Whether it does not last beyond this moment (None: never)."""
        return moment is None or (self.ends_at is not None and self.ends_at <= moment)

    def lasts_as_long_as(self, ends_at: datetime | None) -> bool:
        """Whether it ends no earlier than `ends_at` (None: never)."""
        return self.ends_at is None or (ends_at is not None and self.ends_at >= ends_at)

    def gives_until(self, ends_at: datetime | None) -> datetime | None:
        """When what is given through it ends: at `ends_at` (None: never), but with itself at the latest."""
        return ends_at if self.lasts_as_long_as(ends_at) else self.ends_at


class Opening(models.Model):
    """The day on which a person, or somebody of an organisation, last opened a location."""

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="openings")
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
