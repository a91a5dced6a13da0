"""The ways in which somebody sees locations, and narrowing a list to one of them."""

from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from django.db.models import QuerySet

from organisations.models import Organisation
from portal.lib.cached_sql import Prepared
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
        return cls(user, tuple(_organisation(*row) for row in _ORGANISATIONS.rows(user.pk)))

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


_FIELDS = ("id", "uuid", "name", "group_id")


def _organisations_of(user: int) -> QuerySet[Any, Any]:
    groups = User.groups.through._default_manager.filter(user_id=user).values("group_id")
    return Organisation.objects.filter(group_id__in=groups).values_list(*_FIELDS)


# Every page of the Locations list asks it.
_ORGANISATIONS = Prepared(_organisations_of)


def _organisation(pk: int, uuid: UUID | str, name: str, group_id: int) -> Organisation:
    """With these fields and no others yet. SQLite keeps ids as text."""
    values = (pk, uuid if isinstance(uuid, UUID) else UUID(uuid), name, group_id)
    return Organisation.from_db(None, _FIELDS, values)
