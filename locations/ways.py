"""The ways in which somebody sees locations, and narrowing a list to one of them."""

from dataclasses import dataclass, replace
from typing import Self

from organisations.models import Organisation
from portal.models import User

PERSONALLY = "me"


@dataclass(frozen=True)
class Ways:
    """By what a person sees locations: their organisations, by name, and what is theirs personally."""

    user: User
    organisations: tuple[Organisation, ...]
    personally: bool = True
    # What they were narrowed to: PERSONALLY, the uuid of an organisation, or nothing.
    chosen: str = ""

    @classmethod
    def of(cls, user: User) -> Self:
        """All ways of this person. One query."""
        groups = user.groups.through._default_manager.filter(user_id=user.pk).values("group_id")
        found = Organisation.objects.filter(group_id__in=groups).only("uuid", "name", "group_id")
        return cls(user, tuple(found))

    @property
    def group_ids(self) -> tuple[int, ...]:
        """The auth groups of these organisations."""
        return tuple(organisation.group_id for organisation in self.organisations)

    @property
    def are_to_choose(self) -> bool:
        """In fewer than two organisations the question does not arise."""
        return len(self.organisations) > 1

    def only(self, by: str) -> Self:
        """The one that `by` names, PERSONALLY or an organisation's uuid.

        Anything else gives all: an organisation that is not theirs is as unknown as one that never was.
        """
        if not self.are_to_choose:
            return self
        named = tuple(one for one in self.organisations if str(one.uuid) == by)
        if not named and by != PERSONALLY:
            return self
        return replace(self, organisations=named, personally=not named, chosen=by)
