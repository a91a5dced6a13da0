"""`manage.py check_access`: does everybody see exactly what the Access rows and the memberships say?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from locations import drift
from organisations.models import Organisation
from organisations.services import mend_group


class Command(BaseCommand):
    help = (
        "Compare access with permissions, and members with the groups of their organisations. "
        "Ends with 1 where they differ, unless --repair mends it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="Mend what is found.")

    def handle(self, *args: Any, repair: bool, **options: Any) -> None:
        # Groups first: what a member sees follows from the group.
        found = self._groups(repair) + self._permissions(repair)
        if not found:
            self.stdout.write("Access, permissions, members and groups agree.")
        elif not repair:
            raise CommandError("They differ. Run it again with --repair to mend that.")
        elif Organisation.objects.with_drifted_group().exists() or any(drift.find().values()):
            raise CommandError("They still differ after mending. Run it again.")
        else:
            self.stdout.write("Mended; they agree now.")

    def _groups(self, repair: bool) -> int:
        organisations = list(Organisation.objects.with_drifted_group())
        if organisations:
            names = ", ".join(f"{each} ({each.uuid})" for each in organisations[:20])
            self.stdout.write(f"Members and group differ: {len(organisations)}: {names}")
        for organisation in organisations if repair else ():
            mend_group(organisation)
        return len(organisations)

    def _permissions(self, repair: bool) -> int:
        found = drift.find()
        for kind, places in found.items():
            if places:
                numbers = sorted({location for location, *_ in places})
                self.stdout.write(f"{kind.capitalize()}: {len(places)}, at location {_some(numbers)}")
        places = set().union(*found.values())
        for place in sorted(places) if repair else ():
            drift.mend(place)
        return len(places)


def _some(numbers: list[int]) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(map(str, numbers[:20]))
    return f"{shown} and {len(numbers) - 20} more" if numbers[20:] else shown
