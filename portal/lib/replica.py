"""What a read replica may be asked, where there is one (docs/scaling.md).

A replica lags. Whoever lost access must see nothing from the next request on, so who may see what is always
asked of the primary; and so is whatever a decision is made on. A question goes to the replica only where the
code says so, by `.using(may_lag())`, after the primary has said that the reader may have the answer.
"""

from typing import Any

from django.conf import settings

PRIMARY, REPLICA = "default", "replica"


def may_lag() -> str:
    """The database for what may be some seconds old: the replica, or the only one there is."""
    return REPLICA if REPLICA in settings.DATABASES else PRIMARY


class Router:
    """Everything to the primary.

    Without it Django would ask on of the replica whatever is looked up from an object that came from there.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return PRIMARY

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return PRIMARY

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        """Both are the same data."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """What changes the primary arrives by replication."""
        return db == PRIMARY
