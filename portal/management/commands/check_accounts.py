"""`manage.py check_accounts`: has every account an address of its own, and every address one spelling?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.accounts.checking import problems


class Command(BaseCommand):
    help = (
        "List accounts without a confirmed address, several of one mailbox, main addresses not confirmed and "
        "addresses not in the one spelling. Changes nothing; ends with 1 where there are any."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = problems()
        for wrong, concerned in found.items():
            self.stdout.write(f"{wrong}: {len(concerned)}")
            self.stdout.writelines(f"  {each}" for each in concerned)
        if found:
            raise CommandError("Some accounts need a look.")
        self.stdout.write("Every account has an address of its own.")
