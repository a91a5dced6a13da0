"""Where every story begins. A new address needs a row in tests/web/test_access_table.py."""

from django.contrib import admin
from django.urls import include, path

from portal import support_search, views

handler404 = "portal.views.not_found"

urlpatterns = [
    path("", views.home, name="home"),
    path("health/", views.health, name="health"),
    path("language/", views.set_language, name="set_language"),
    path("accounts/", include("portal.accounts.urls")),
    path("admin/find/", admin.site.admin_view(support_search.find), name="support_find"),
    path("admin/", admin.site.urls),
    path("", include("portal.mail.urls")),
    path("locations/", include("locations.urls")),
    path("", include("sharing.urls")),
    path("organisations/", include("organisations.urls")),
]
