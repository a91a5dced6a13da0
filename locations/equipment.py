"""The equipment of a location (product rule 2): circuits, the charge points on them, load balancers."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Circuit(models.Model):
    """A group of charge points behind one fuse."""

    location = models.ForeignKey("locations.Location", on_delete=models.PROTECT, related_name="circuits")
    name = models.CharField(_("name"), max_length=60)
    fuse = models.PositiveSmallIntegerField(_("fuse (A)"), validators=[MinValueValidator(1)])

    class Meta:
        verbose_name = _("circuit")
        verbose_name_plural = _("circuits")
        ordering: ClassVar = ["name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["location", "name"], name="circuit_name_once"),
            models.CheckConstraint(condition=Q(fuse__gte=1), name="circuit_fuse"),
        ]

    def __str__(self) -> str:
        return self.name


class ChargePoint(models.Model):
    """A charge point. The PIN is for those who may configure: never in lists, logs, exports or e-mails."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    circuit = models.ForeignKey(Circuit, on_delete=models.PROTECT, related_name="charge_points")
    serial_number = models.CharField(_("serial number"), max_length=40, unique=True)
    model = models.CharField(_("model"), max_length=60)
    maximum_current = models.PositiveSmallIntegerField(
        _("maximum current (A)"),
        default=16,
        validators=[MinValueValidator(6), MaxValueValidator(32)],
    )
    phases = models.PositiveSmallIntegerField(_("phases"), choices=[(1, "1"), (3, "3")], default=3)
    phase_rotation = models.CharField(_("phase rotation"), max_length=3, default="123")
    pin = models.CharField("PIN", max_length=12, blank=True)

    class Meta:
        verbose_name = _("charge point")
        verbose_name_plural = _("charge points")
        ordering: ClassVar = ["serial_number"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(maximum_current__gte=6, maximum_current__lte=32),
                name="charge_point_current",
            ),
        ]

    def __str__(self) -> str:
        return self.serial_number


class LoadBalancer(models.Model):
    """What keeps the sum of all charging below the main fuse."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    location = models.ForeignKey(
        "locations.Location", on_delete=models.PROTECT, related_name="load_balancers"
    )
    serial_number = models.CharField(_("serial number"), max_length=40, unique=True)
    model = models.CharField(_("model"), max_length=60)

    class Meta:
        verbose_name = _("load balancer")
        verbose_name_plural = _("load balancers")
        ordering: ClassVar = ["serial_number"]

    def __str__(self) -> str:
        return self.serial_number
