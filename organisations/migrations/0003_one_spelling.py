"""Invitations of members in the one spelling in which addresses are kept."""

from django.db import migrations

from portal.lib.respelling import respell_invitations


def unify(apps, schema_editor):
    respell_invitations(apps.get_model("organisations", "MemberInvitation"), "organisation")


class Migration(migrations.Migration):
    dependencies = [("organisations", "0002_initial")]

    operations = [migrations.RunPython(unify, migrations.RunPython.noop)]
