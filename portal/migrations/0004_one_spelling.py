"""Every address of an account in the one spelling in which addresses are kept.

Two accounts may turn out to be of one mailbox. Nobody is merged: of two that confirmed it, the one that signed in
last keeps it; the other keeps all but the address, and `manage.py check_accounts` lists it. Who only said that it
was theirs loses it.
"""

from django.db import migrations

from portal.lib.respelling import in_other_spellings, respell, stored


def unify(apps, schema_editor):
    User, EmailAddress = apps.get_model("portal", "User"), apps.get_model("account", "EmailAddress")
    written = {*stored(User, "email"), *stored(EmailAddress, "email")}
    for kept, others in sorted(in_other_spellings(written).items()):
        _unify_one(User, EmailAddress, kept, {kept, *others})
    respell(apps.get_model("portal", "OutgoingEmail"), "address")


def _unify_one(User, EmailAddress, kept, spellings):
    rows = list(EmailAddress.objects.filter(email__in=spellings))
    main = set(User.objects.filter(email__in=spellings).values_list("pk", flat=True))
    confirmed = {row.user_id for row in rows if row.verified}
    keeper = _last_signed_in(User, confirmed or main)
    losers = (main | {row.user_id for row in rows} if confirmed else main) - {keeper}
    for user in User.objects.filter(pk__in=losers):
        EmailAddress.objects.filter(user_id=user.pk, email__in=spellings).delete()
        if user.pk in main:
            _take_main_address(User, EmailAddress, user)
    _write_once(EmailAddress, [row for row in rows if row.user_id not in losers], kept)
    if keeper in main:
        User.objects.filter(pk=keeper).update(email=kept)


def _last_signed_in(User, candidates):
    def key(user):
        return (user.last_login is not None, user.last_login or user.date_joined, -user.pk)

    found = max(User.objects.filter(pk__in=candidates), key=key, default=None)
    return found and found.pk


def _take_main_address(User, EmailAddress, user):
    """Another confirmed address of theirs takes its place, or none."""
    other = EmailAddress.objects.filter(user_id=user.pk, verified=True).order_by("-primary", "pk").first()
    if other is not None:
        EmailAddress.objects.filter(user_id=user.pk, primary=True).update(primary=False)
        EmailAddress.objects.filter(pk=other.pk).update(primary=True)
        # Somebody may have signed up with it who never confirmed it.
        for waiting in User.objects.filter(email=other.email).exclude(pk=user.pk):
            User.objects.filter(pk=waiting.pk).update(email=f"{waiting.uuid}@nobody.invalid")
    email = other.email if other else f"{user.uuid}@nobody.invalid"
    User.objects.filter(pk=user.pk).update(email=email)


def _write_once(EmailAddress, rows, kept):
    """One row for each account that has it; what was true of any of its rows is true of that."""
    by_user = {}
    for row in sorted(rows, key=lambda row: (not row.verified, row.pk)):
        by_user.setdefault(row.user_id, []).append(row)
    for first, *others in by_user.values():
        EmailAddress.objects.filter(pk__in=[row.pk for row in others]).delete()
        primary = any(row.primary for row in (first, *others))
        EmailAddress.objects.filter(pk=first.pk).update(email=kept, primary=primary)


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("portal", "0003_activity_is_not_truncated"),
    ]

    operations = [migrations.RunPython(unify, migrations.RunPython.noop)]
