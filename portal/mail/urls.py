"""Where mail providers report, and in development the mailbox of everybody."""

from django.conf import settings
from django.urls import path

from portal.mail import dev_inbox, webhooks

urlpatterns = [path("anymail/<slug:provider>/tracking/", webhooks.tracking, name="mail_report")]
if settings.DEVELOPMENT:
    urlpatterns += [
        path("dev/inbox/", dev_inbox.inbox, name="inbox"),
        path("dev/inbox/<str:name>/<int:index>/", dev_inbox.message, name="inbox_message"),
        path("dev/inbox/<str:name>/<int:index>/html/", dev_inbox.html, name="inbox_html"),
    ]
