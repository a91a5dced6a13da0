"""The database itself refuses to change the record of activity."""

from typing import Any

TABLE = "portal_activity"

_SQLITE = [
    f"CREATE TRIGGER {TABLE}_no_{act.lower()} BEFORE {act} ON {TABLE} "
    f"BEGIN SELECT RAISE(ABORT, 'the record of activity is append-only'); END"
    for act in ("UPDATE", "DELETE")
]
_POSTGRESQL = [
    f"CREATE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION 'the record of activity is append-only'; END $$",
    f"CREATE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE ON {TABLE} "
    f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()",
    f"CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse()",
]
_DROP = {
    "sqlite": [f"DROP TRIGGER IF EXISTS {TABLE}_no_{act}" for act in ("update", "delete")],
    "postgresql": [
        f"DROP TRIGGER IF EXISTS {TABLE}_append_only ON {TABLE}",
        f"DROP TRIGGER IF EXISTS {TABLE}_no_truncate ON {TABLE}",
        f"DROP FUNCTION IF EXISTS {TABLE}_refuse()",
    ],
}
_CREATE = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def guard(schema_editor: Any) -> None:
    """Create the triggers. For the migration, and for tests that had to empty the table."""
    for statement in _CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unguard(schema_editor: Any) -> None:
    """Drop the triggers."""
    for statement in _DROP[schema_editor.connection.vendor]:
        schema_editor.execute(statement)
