"""The three levels of access, each including the one before (product rule 3)."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class Level(models.IntegerChoices):
    """Compare levels with < and >: a higher one may do everything a lower one may."""

    VIEW = 1, _("View")
    CONFIGURE = 2, _("Configure")
    MANAGE = 3, _("Manage")

    @property
    def codename(self) -> str:
        """The permission that this level adds."""
        return {1: "view_location", 2: "change_location", 3: "manage_location"}[self.value]

    @classmethod
    def of_codename(cls, codename: str) -> Self | None:
        """The level that adds this permission; None for a permission of another kind."""
        return next((level for level in cls if level.codename == codename), None)

    @property
    def means(self) -> str:
        """What somebody with this level can do, in a line."""
        return {
            1: _("see everything but PINs"),
            2: _("also change the location and its equipment"),
            3: _("also share it and take access away"),
        }[self.value]

    @property
    def can(self) -> str:
        """The level in a sentence about somebody."""
        return {1: _("Can view"), 2: _("Can configure"), 3: _("Can manage")}[self.value]
