from django.db import migrations

from portal import append_only


def guard_anew(apps, editor):
    append_only.unguard(editor)
    append_only.guard(editor)


class Migration(migrations.Migration):
    """Databases made before TRUNCATE was refused get the whole guard."""

    dependencies = [("portal", "0002_activity_is_append_only")]

    operations = [migrations.RunPython(guard_anew, migrations.RunPython.noop)]
