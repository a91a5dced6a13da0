"""The record of activity refuses to be emptied as a whole, too."""

import pytest
from django.db import DatabaseError, connection, transaction

from portal import append_only
from portal.models import Activity
from portal.verbs import Verb


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_record_cannot_be_truncated() -> None:
    Activity.objects.create(verb=Verb.ACCESS_ENDED, via="test")
    for statement in (f"TRUNCATE {append_only.TABLE}", f"TRUNCATE {append_only.TABLE} CASCADE"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert Activity.objects.count() == 1
