"""Who may do what in an organisation."""

from django.contrib.auth.models import AnonymousUser

from organisations.models import Membership, Organisation
from portal.accounts.addresses import verified_addresses
from portal.lib.addresses import domain_of
from portal.models import User


def is_administrator(user: User | AnonymousUser | None, organisation: Organisation) -> bool:
    """Whether this person is an Administrator of the organisation at this moment."""
    return (
        Membership.objects.administrators()
        .filter(user_id=(user and user.pk) or 0, organisation=organisation)
        .exists()
    )


def is_last_administrator(membership: Membership) -> bool:
    """Whether the organisation would be without an Administrator who can sign in, were this one none."""
    others = Membership.objects.administrators().filter(organisation=membership.organisation)
    return membership.role == Membership.Role.ADMINISTRATOR and not others.exclude(pk=membership.pk).exists()


def must_use_two_step(user: User) -> bool:
    """Whether an organisation this person administers asks two-step sign-in of its Administrators.

    The home of this rule: whoever signs people in asks here.
    """
    return Membership.objects.asked_for_two_step().filter(user=user).exists()


def may_ask_to_join(user: User, organisation: Organisation) -> bool:
    """Whether an address this person has shown to be theirs is at a domain the organisation lets ask.

    Subdomains are other domains. Without a list everybody with the key may ask.
    """
    allowed = {domain_of(domain) for domain in organisation.join_domains.split(",") if domain}
    return not allowed or any(domain_of(address) in allowed for address in verified_addresses(user))
