"""Every address of the portal. A new one needs a row in tests/web/test_access_table.py."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from portal import support_search, views
from portal.mail import dev_inbox, webhooks

handler404 = "portal.views.not_found"

urlpatterns = [
    path("", views.home, name="home"),
    path("health/", views.health, name="health"),
    path("language/", views.set_language, name="set_language"),
    path("accounts/delete/", views.delete_account, name="delete_account"),
    path("accounts/", include("allauth.account.urls")),
    path("admin/find/", admin.site.admin_view(support_search.find), name="support_find"),
    path("admin/", admin.site.urls),
    path("anymail/<slug:provider>/tracking/", webhooks.tracking, name="mail_report"),
    path("locations/", include("locations.urls")),
    path("", include("sharing.urls")),
    path("organisations/", include("organisations.urls")),
]
if settings.DEVELOPMENT:
    urlpatterns += [
        path("dev/inbox/", dev_inbox.inbox, name="inbox"),
        path("dev/inbox/<str:name>/<int:index>/", dev_inbox.message, name="inbox_message"),
        path("dev/inbox/<str:name>/<int:index>/html/", dev_inbox.html, name="inbox_html"),
    ]
