"""What is remembered of access reviews: that an access was kept, and who was asked when."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from locations.models import Access


class AccessReview(models.Model):
    """Somebody looked at an access and kept it: the latest time. The earlier ones stand in Activity."""

    access = models.OneToOneField(
        Access, verbose_name=_("access"), on_delete=models.CASCADE, related_name="review"
    )
    at = models.DateTimeField(_("reviewed"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reviewed by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("access review")
        verbose_name_plural = _("access reviews")

    def __str__(self) -> str:
        return f"{self.access} · {self.by}"


class ReviewReader(models.Model):
    """Somebody who is asked by e-mail to review: when they were last, and whether for what is theirs alone.

    What organisations want stands in their settings. `looked_at` is when a worker last looked whether there
    is something to ask, so that it looks once a day and not at the same people for ever.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="review_reader"
    )
    wants_mail = models.BooleanField(default=True)
    told_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.user)
