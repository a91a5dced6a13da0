"""What support staff see (product rule 7): everything that explains a case, and nothing they could misuse.

Staff read; they change nothing here and cannot give themselves rights. Codes, keys and PINs are shown
nowhere.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from portal.lib.addresses import every_spelling
from portal.lib.text_search import contains, words_of
from portal.models import Activity, OutgoingEmail, User
from portal.support_search import Found, Search, finds

admin.site.site_header = _("Partner Portal support")
admin.site.site_title = _("Partner Portal support")
# Staff sign in like everybody, with the same limits on guessing.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# There is one way to change a password: it counts wrong ones, and writes to the person.
to_change_password = RedirectView.as_view(pattern_name="account_change_password")
admin.site.password_change = admin.site.password_change_done = to_change_password  # type: ignore[assignment]


class SupportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Searchable and read-only, for every member of staff."""

    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)  # type: ignore[union-attr]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As every other search: an address, or its domain, in whatever spelling."""
        spellings = every_spelling(search_term)
        if len(spellings) == 1:
            return super().get_search_results(request, queryset, search_term)
        found = Q()
        for spelling in spellings:
            rows, _may_repeat = super().get_search_results(request, queryset, spelling)
            found |= Q(pk__in=rows.order_by().values("pk"))
        return queryset.filter(found), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what `list_filter` offers. Django would filter by any column of the table, and so tell, letter
        by letter, a password hash or a nonce that no page shows."""
        name, _, how = lookup.partition("__")
        return name in self.list_filter and how in ("", "exact", "isnull")


@admin.register(User)
class UserAdmin(SupportAdmin):
    """People, found by any address of theirs."""

    list_display = ("email", "name", "language", "is_active", "is_staff", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name", "emailaddress__email")
    fields = (
        "email",
        "name",
        "language",
        "is_active",
        "is_staff",
        "date_joined",
        "last_login",
        "deleted_at",
        "addresses",
    )
    readonly_fields = ("addresses",)
    ordering = ("email",)

    @admin.display(description=_("addresses"))
    def addresses(self, user: User) -> str:
        """Every address of the account, and whether it is verified."""
        rows: Any = user.emailaddress_set.all()  # type: ignore[attr-defined]
        words = {True: _("verified"), False: _("not verified")}
        return ", ".join(f"{a.email} ({words[a.verified]})" for a in rows)


@finds
def find_people(search: Search) -> Iterator[Found]:
    """By name, or by any address of theirs."""
    columns = ("name", "email", "emailaddress__email")
    found = User.objects.filter(*[contains(word, *columns) for word in words_of(search.text)])
    for user in found.distinct().order_by("email").iterator():
        yield Found(
            str(_("Person")), str(user), user.email, reverse("admin:portal_user_change", args=[user.pk])
        )


@admin.register(OutgoingEmail)
class OutgoingEmailAdmin(SupportAdmin):
    """What was sent, and whether it arrived."""

    list_display = ("address", "kind", "status", "created_at", "sent_at", "attempts")
    list_filter = ("status", "kind")
    search_fields = ("address", "about", "last_error")
    fields: ClassVar = (
        "address",
        "recipient",
        "kind",
        "about",
        "language",
        "status",
        "attempts",
        "created_at",
        "due_at",
        "sent_at",
        "failure",
        "last_error",
    )
    ordering = ("-created_at",)


@admin.register(Activity)
class ActivityAdmin(SupportAdmin):
    """What happened."""

    list_display = ("at", "actor_name", "verb", "party_name", "party_address", "location_name", "via")
    list_filter = ("verb", "via")
    search_fields = ("actor_name", "party_name", "party_address", "location_name", "organisation_name")
    ordering = ("-at", "-pk")
