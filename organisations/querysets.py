"""The questions that are asked about organisations and members."""

from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Window
from django.db.models.functions import RowNumber
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from portal import codes
from portal.invitations.models import AbstractInvitationQuerySet
from portal.lib.text_search import contains, words_of
from portal.models import User

if TYPE_CHECKING:
    from organisations.models import Organisation

KEY_PURPOSE = "organisation-key"
ADMINISTRATOR = "administrator"
_BY_NAME = ("user__name", "user__email")


class OrganisationQuerySet(models.QuerySet[Any]):
    """Views fetch organisations only through `of` and its kin."""

    def of(self, user: User | AnonymousUser) -> Self:
        """The organisations this person is a member of."""
        return self.filter(memberships__user_id=user.pk or 0)

    def administered_by(self, user: User | AnonymousUser) -> Self:
        """The organisations this person is an Administrator of."""
        return self.filter(
            memberships__user_id=user.pk or 0,
            memberships__role=ADMINISTRATOR,
            memberships__user__is_active=True,
        )

    def only_administered_by(self, user: User) -> Self:
        """Those of which this person is the last Administrator."""
        from organisations.models import Membership

        others = Membership.objects.administrators().exclude(user=user)
        return self.administered_by(user).exclude(pk__in=others.values("organisation_id"))

    def get_visible(
        self, user: User | AnonymousUser, uuid: UUID, *, administrator: bool = False
    ) -> "Organisation":
        """The organisation with this id and, as `.is_administered`, whether this person administers it.

        Raises Http404 alike for one that does not exist and one this person does not belong to, and
        PermissionDenied to a member where it takes an Administrator.
        """
        found = self.of(user).annotate(viewer_role=models.F("memberships__role")).filter(uuid=uuid)
        organisation: Organisation | None = found.first()
        if organisation is None or not user.is_active:
            raise Http404
        organisation.is_administered = organisation.viewer_role == ADMINISTRATOR
        if administrator and not organisation.is_administered:
            raise PermissionDenied(_("Only an Administrator of the organisation can do this."))
        return organisation

    def with_drifted_group(self) -> Self:
        """Those whose auth group does not hold exactly their members."""
        from organisations.models import Membership

        rows = User.groups.through._default_manager
        in_group = rows.filter(group_id=OuterRef("organisation__group_id"), user_id=OuterRef("user_id"))
        member = Membership.objects.filter(
            organisation__group_id=OuterRef("group_id"), user_id=OuterRef("user_id")
        )
        return self.filter(
            Q(pk__in=Membership.objects.exclude(Exists(in_group)).values("organisation_id"))
            | Q(group_id__in=rows.exclude(Exists(member)).values("group_id"))
        )

    def matching(self, query: str) -> Self:
        """Those with every word of `query` in their name, or in name and addresses of a member."""
        from organisations.models import Membership

        words = words_of(query)
        columns = ("user__name", "user__email", "user__emailaddress__email")
        members = Membership.objects.filter(*[contains(word, *columns) for word in words])
        named = self.model._default_manager.filter(*[contains(word, "name") for word in words])
        return self.filter(Q(pk__in=named.values("pk")) | Q(pk__in=members.values("organisation_id")))

    def mark_administered(self) -> Self:
        """With `.has_administrator`: whether one of its Administrators can sign in."""
        from organisations.models import Membership

        return self.annotate(
            has_administrator=Exists(Membership.objects.administrators().filter(organisation=OuterRef("pk")))
        )

    def with_key(self, key: str) -> Self:
        """The organisation a normalised Organisation Key belongs to, if any."""
        return self.filter(key_digest=codes.digest(key, purpose=KEY_PURPOSE))


class MembershipQuerySet(models.QuerySet[Any]):
    """Members of organisations."""

    def administrators(self) -> Self:
        """Those with the role Administrator who can sign in."""
        return self.filter(role=ADMINISTRATOR, user__is_active=True)

    def asked_for_two_step(self) -> Self:
        """Those whose organisation asks two-step sign-in of them."""
        return self.administrators().filter(organisation__requires_two_step=True)

    def matching(self, query: str) -> Self:
        """Those whose name or address contains every word of `query`."""
        return self.filter(*[contains(word, "user__name", "user__email") for word in words_of(query)])

    def appointable(self) -> Self:
        """Those whom support may make Administrator: see `UserManager.appointable`."""
        return self.filter(user__in=User.objects.appointable())

    def by_name(self) -> Self:
        """With their people, in the order a page shows them."""
        return self.select_related("user", "added_by", "organisation").order_by(*_BY_NAME)

    def numbered_by_name(self) -> Self:
        """Each with `.place` in its organisation by name, and `.of`, how many there are."""
        return self.annotate(
            place=Window(RowNumber(), partition_by="organisation", order_by=_BY_NAME),
            of=Window(Count("pk"), partition_by="organisation"),
        )


class MemberInvitationQuerySet(AbstractInvitationQuerySet):
    """Invitations into organisations."""

    def on_page(self, organisation: "Organisation") -> Self:
        """What the organisation's page lists as waiting for an answer, newest first."""
        waiting = self.unsettled().filter(organisation=organisation)
        return waiting.select_related("invited_by").order_by("-invited_at", "-pk")
