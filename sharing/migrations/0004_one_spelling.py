"""Invitations, transfers and orders in the one spelling in which addresses are kept."""

from django.db import migrations

from portal.lib.respelling import respell, respell_invitations


def unify(apps, schema_editor):
    respell_invitations(apps.get_model("sharing", "Invitation"), "location", kind="person")
    respell_invitations(apps.get_model("sharing", "Transfer"), "location")
    for name in ("Offer", "BulkJob"):
        respell(apps.get_model("sharing", name), "email")


class Migration(migrations.Migration):
    dependencies = [("sharing", "0003_review")]

    operations = [migrations.RunPython(unify, migrations.RunPython.noop)]
