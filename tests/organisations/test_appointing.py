"""Support appoints an Administrator where there is none, and nowhere else (product rule 7)."""

import pytest
from allauth.account.models import EmailAddress

from organisations import services
from organisations.appointing import appoint_administrator
from organisations.models import Membership, Organisation
from portal.mail import outbox
from portal.models import User
from portal.verbs import Verb
from tests.cast import ADMINISTRATOR, MEMBER, Cast
from tests.organisations.tools import assert_sound, last_entry, mails_to, roles, seen, verbs
from tests.tools import refused


@pytest.fixture
def orphaned(cast: Cast) -> Organisation:
    """The firm, whose only Administrator can no longer sign in; the colleague is its member."""
    User.objects.filter(pk=cast.installer.pk).update(is_active=False)
    return cast.firm


def appoint(cast: Cast, user: User, **changes: object) -> Membership:
    terms = {"organisation": cast.firm, "user": user, "by": cast.support, "reason": "By letter"}
    return appoint_administrator(**(terms | changes))  # type: ignore[arg-type]


def test_a_member_is_appointed(cast: Cast, orphaned: Organisation) -> None:
    """They administer it at once; it is on the record, with who and why; the others are told."""
    services.add_member(organisation=orphaned, user=cast.customer, role=MEMBER, by=cast.colleague)
    User.objects.filter(pk=cast.customer.pk).update(language="da")
    appoint(cast, cast.colleague)
    assert_sound()
    assert roles(orphaned) == {
        "installer": "administrator",
        "colleague": "administrator",
        "customer": "member",
    }
    entry = last_entry(orphaned)
    assert (entry.verb, entry.actor_id, entry.party_name, entry.details) == (
        Verb.ADMINISTRATOR_APPOINTED,
        cast.support.pk,
        "Colleague",
        {"because": "By letter"},
    )
    assert mails_to("administrator-appointed") == {
        ("colleague@test.example", "en-gb"),
        ("customer@test.example", "da"),
        # Who can no longer sign in is told, too: it may be their organisation that is given away.
        ("installer@test.example", "en-gb"),
    }


def test_what_the_members_are_told(cast: Cast, orphaned: Organisation, mailoutbox: list) -> None:  # type: ignore[type-arg]
    """Whom, by whom, and why; nobody who has left meanwhile. A key in the reason goes no further."""
    services.add_member(organisation=orphaned, user=cast.customer, role=MEMBER, by=cast.colleague)
    while outbox.deliver_due():
        pass
    mailoutbox.clear()
    appoint(cast, cast.colleague, reason=f"Knows the key {orphaned.key}")
    gone = Membership.objects.get(organisation=orphaned, user=cast.customer)
    services.end_membership(membership=gone, by=cast.customer)
    while outbox.deliver_due():
        pass
    told, other = sorted(mailoutbox, key=lambda message: message.to)
    assert (told.to, other.to) == (["colleague@test.example"], ["installer@test.example"])
    assert told.subject == "Colleague is Administrator of Strøm & Søn now"
    assert "Knows the key [code]" in told.body and "Support" in told.body
    assert orphaned.key not in told.body + str(last_entry(orphaned).details)


def test_somebody_from_outside_only_where_no_member_can_sign_in(cast: Cast, orphaned: Organisation) -> None:
    """A member comes first; a closed account and one without a confirmed address are nobody."""
    with refused("Choose one of the members", field="email"):
        appoint(cast, cast.contractor)
    EmailAddress.objects.filter(user=cast.colleague).update(verified=False)
    with refused("Only an open account with a confirmed address"):
        appoint(cast, cast.colleague)
    appoint(cast, cast.contractor)
    assert_sound()
    assert cast.site in seen(cast.contractor)
    assert verbs(orphaned)[-2:] == [Verb.MEMBER_JOINED, Verb.ADMINISTRATOR_APPOINTED]


def test_support_gives_itself_nothing(cast: Cast, orphaned: Organisation) -> None:
    """Neither the one who appoints nor another of the staff, member or not."""
    services.add_member(organisation=orphaned, user=cast.contractor, role=MEMBER, by=cast.colleague)
    User.objects.filter(pk=cast.contractor.pk).update(is_staff=True)
    for user in (cast.support, cast.contractor):
        with refused("that is not of support staff"):
            appoint(cast, user)
    User.objects.filter(pk=cast.colleague.pk).update(is_active=False)
    for user in (cast.support, cast.contractor):
        with refused("that is not of support staff"):
            appoint(cast, user)


def test_only_support_appoints_and_only_with_a_reason(cast: Cast, orphaned: Organisation) -> None:
    for by in (cast.colleague, cast.installer, cast.stranger):
        with refused("Only support staff can do this."):
            appoint(cast, cast.colleague, by=by)
    for reason in ("", "  \n", "\u200b"):
        with refused("Say why.", field="reason"):
            appoint(cast, cast.colleague, reason=reason)
    User.objects.filter(pk=cast.support.pk).update(is_active=False)
    with refused("Only support staff can do this."):
        appoint(cast, cast.colleague)


def test_nobody_is_appointed_beside_an_administrator(cast: Cast) -> None:
    """As long as one can sign in, who is Administrator is for them to say."""
    with refused("Strøm & Søn has an Administrator already."):
        appoint(cast, cast.colleague)
    services.add_member(organisation=cast.firm, user=cast.customer, role=ADMINISTRATOR, by=cast.installer)
    User.objects.filter(pk=cast.installer.pk).update(is_active=False)
    with refused("has an Administrator already."):
        appoint(cast, cast.colleague)
