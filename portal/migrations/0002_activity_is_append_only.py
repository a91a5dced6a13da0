from django.db import migrations

from portal import append_only


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [
        migrations.RunPython(
            lambda apps, editor: append_only.guard(editor),
            lambda apps, editor: append_only.unguard(editor),
        )
    ]
