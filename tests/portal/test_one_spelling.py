"""The migrations that bring stored addresses into one spelling, and the command that says what is left."""

from datetime import timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from locations.levels import Level
from organisations.models import MemberInvitation
from portal.models import OutgoingEmail, User
from sharing.invitations import services as invitations
from sharing.models import BulkJob, Invitation, Transfer
from sharing.transfers import services as transfers
from tests.cast import Cast, make_person
from tests.pages import draft_of, invite_member

pytestmark = pytest.mark.django_db
KEPT = "bo@blåbær.dk"
CODED = "bo@xn--blbr-roah.dk"
DECOMPOSED = "bo@bla\u030abær.dk"


def migrate() -> None:
    for name in ("portal.migrations.0004", "organisations.migrations.0003", "sharing.migrations.0004"):
        import_module(f"{name}_one_spelling").unify(apps, None)


def account(main: str, signed_in: int | None = None) -> User:
    """Somebody with this main address, written so, who signed in so many days ago."""
    when = None if signed_in is None else timezone.now() - timedelta(days=signed_in)
    [user] = User.objects.bulk_create([User(email=main, name=main, last_login=when)])
    return user


def row(user: User, email: str, *, verified: bool = True, primary: bool = False) -> None:
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=email, verified=verified, primary=primary)]
    )


def addresses_of(user: User) -> list[tuple[str, bool, bool]]:
    rows = EmailAddress.objects.filter(user=user).order_by("email")
    return list(rows.values_list("email", "verified", "primary"))


def said() -> tuple[str, bool]:
    """What `check_accounts` says, and whether it finds all well."""
    out = StringIO()
    try:
        call_command("check_accounts", stdout=out)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


def test_every_address_of_an_account_is_respelled() -> None:
    user = account(CODED, 1)
    row(user, CODED, primary=True)
    row(user, "bo@xn--strm-ira.dk", verified=False)
    OutgoingEmail.objects.create(key="1", kind="account", address=DECOMPOSED, language="da")
    migrate()
    assert User.objects.get().email == KEPT and OutgoingEmail.objects.get().address == KEPT
    assert addresses_of(user) == [(KEPT, True, True), ("bo@strøm.dk", False, False)]
    assert said() == ("Every account has an address of its own.\n", True)


def test_one_account_that_has_it_twice_has_it_once() -> None:
    """Confirmed if either was, and main."""
    user = account(CODED, 1)
    row(user, CODED, verified=False, primary=True)
    row(user, KEPT)
    migrate()
    assert addresses_of(user) == [(KEPT, True, True)] and User.objects.get().email == KEPT


@pytest.mark.parametrize("newer", [KEPT, CODED, DECOMPOSED])
def test_of_two_accounts_of_one_mailbox_the_one_that_signed_in_last_keeps_it(newer: str) -> None:
    """The other keeps its rights under another confirmed address, or under none; both are to be found."""
    others = {}
    for spelling in (KEPT, CODED, DECOMPOSED):
        others[spelling] = account(spelling, 1 if spelling == newer else 9)
        row(others[spelling], spelling, primary=True)
    keeper = others.pop(newer)
    with_another, without = others.values()
    row(with_another, "bo@home.example")
    migrate()
    for user in (keeper, with_another, without):
        user.refresh_from_db()
    assert (keeper.email, with_another.email) == (KEPT, "bo@home.example")
    assert without.email == without.address_of_nobody
    assert addresses_of(keeper) == [(KEPT, True, True)]
    assert addresses_of(with_another) == [("bo@home.example", True, True)] and addresses_of(without) == []
    found, well = said()
    assert not well and str(without.uuid) in found and str(keeper.uuid) not in found


@pytest.mark.parametrize("claimed", [KEPT, CODED])
def test_who_never_confirmed_it_loses_it_to_who_did(claimed: str) -> None:
    """Whenever they signed in; nothing else of theirs is lost."""
    owner = account(CODED if claimed == KEPT else KEPT, 9)
    row(owner, owner.email, primary=True)
    claimant = account("eve@test.example", 1)
    row(claimant, "eve@test.example", primary=True)
    row(claimant, claimed, verified=False)
    migrate()
    owner.refresh_from_db()
    assert owner.email == KEPT and addresses_of(owner) == [(KEPT, True, True)]
    assert addresses_of(claimant) == [("eve@test.example", True, True)] and said()[1]


def test_of_several_who_only_signed_up_the_last_one_waits() -> None:
    older, newer = account(KEPT), account(CODED)
    for user in (older, newer):
        row(user, user.email, verified=False, primary=True)
    User.objects.filter(pk=older.pk).update(date_joined=timezone.now() - timedelta(days=1))
    migrate()
    assert addresses_of(newer) == [(KEPT, False, True)] and addresses_of(older) == []
    assert User.objects.get(email=KEPT) == newer


def test_invitations_to_one_mailbox_become_one(cast: Cast) -> None:
    """The newest that can be accepted stays; the others keep their spelling, and can be accepted no more."""
    now, day = timezone.now(), timedelta(days=1)
    for model, send in _WAYS.items():
        sent = [send(cast, f"{n}@test.example") for n in range(3)]
        # A location is handed over to one at a time, so of transfers the others have ended.
        ended = {"state": "expired", "settled_at": now}
        model.objects.update(**ended)
        for one, email, days in zip(sent, (KEPT, CODED, DECOMPOSED), (14, 1, 8), strict=True):
            open_ = (
                {"state": "pending", "settled_at": None} if email == CODED or model is not Transfer else {}
            )
            model.objects.filter(pk=one.pk).update(
                email=email, invited_at=now - days * day, expires_at=now + (7 - days) * day, **open_
            )
    migrate()
    for model in _WAYS:
        states = dict(model.objects.filter(email__startswith="bo@").values_list("email", "state"))
        assert states == {KEPT: "pending", CODED: "withdrawn", DECOMPOSED: "withdrawn"}, model
        waiting = model.objects.get(email=KEPT)
        assert waiting.expires_at > timezone.now() and waiting.settled_at is None


def _transfer(cast: Cast, email: str) -> Transfer:
    Transfer.objects.update(state="withdrawn", settled_at=timezone.now())
    return transfers.start(location=cast.site, by=cast.installer, email=email)


_WAYS: dict[Any, Any] = {
    Invitation: lambda cast, email: invitations.share_with_person(
        location=cast.site, by=cast.installer, email=email, level=Level.VIEW
    ),
    Transfer: _transfer,
    MemberInvitation: lambda cast, email: invite_member(cast.firm, cast.installer, email),
}


def test_what_no_other_stands_beside_is_respelled(cast: Cast) -> None:
    for send in _WAYS.values():
        send(cast, "one@test.example")
    draft_of(cast.site, cast.installer)
    for model in (*_WAYS, BulkJob):
        model.objects.update(email=CODED)
    migrate()
    for model in (*_WAYS, BulkJob):
        assert set(model.objects.values_list("email", flat=True)) == {KEPT}, model


# --- manage.py check_accounts -------------------------------------------------------------------


def test_check_accounts_finds_what_is_wrong_and_changes_nothing(cast: Cast) -> None:
    assert said()[1]
    waiting = account("waits@test.example")
    row(waiting, "waits@test.example", verified=False, primary=True)
    assert said()[1]
    person = make_person("ana@firm.example", "Ana")
    twin = make_person("twin@firm.example", "Tvilling")
    row(twin, "ana@xn--strm-ira.dk")
    row(person, "ana@strøm.dk")
    User.objects.filter(pk=cast.contractor.pk).update(email="never@confirmed.example")
    EmailAddress.objects.filter(user=cast.customer).delete()
    User.objects.filter(pk=cast.customer.pk).update(email=cast.customer.address_of_nobody)
    before = list(EmailAddress.objects.order_by("pk").values()), list(User.objects.order_by("pk").values())
    found, well = said()
    assert not well
    for wrong, concerned in (
        ("Accounts without a confirmed address", cast.customer),
        ("Main address not confirmed", cast.contractor),
        ("Several accounts of one mailbox", twin),
    ):
        assert str(concerned.uuid) in found.partition(wrong)[2].partition("\n")[2].splitlines()[0], wrong
    assert "Addresses not in the one spelling: 1\n  ana@xn--strm-ira.dk" in found
    assert before == (
        list(EmailAddress.objects.order_by("pk").values()),
        list(User.objects.order_by("pk").values()),
    )


@pytest.mark.parametrize("verified", [True, False])
def test_whose_other_address_is_held_by_somebody_who_never_confirmed_it(verified: bool) -> None:
    """Neither that nor an unconfirmed main address stops the upgrade: a confirmed one takes its place."""
    row(account(KEPT, 1), KEPT, primary=True)
    loser = account(CODED, 9)
    row(loser, CODED)
    row(loser, "p@test.example", verified=verified, primary=True)
    row(loser, "s@test.example")
    waiting = account("s@test.example" if not verified else "p@test.example")
    row(waiting, waiting.email, verified=False, primary=True)
    migrate()
    loser.refresh_from_db()
    waiting.refresh_from_db()
    assert loser.email == ("p@test.example" if verified else "s@test.example")
    assert waiting.email == waiting.address_of_nobody
