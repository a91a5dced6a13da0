"""Where each story of sharing begins. Their pages have one namespace, whatever folder they stand in."""

from django.urls import include, path

app_name = "sharing"
_TAB = "locations/<uuid:uuid>/permissions/"

urlpatterns = [
    path(_TAB, include("sharing.tab.urls")),
    path(_TAB, include("sharing.invitations.urls")),
    path(f"{_TAB}access/<uuid:access>/view/", include("sharing.view_as.urls")),
    path(f"{_TAB}transfer/", include("sharing.transfers.urls")),
    path("organisations/<uuid:uuid>/delete/", include("sharing.deletion.urls")),
    path("", include("sharing.bulk.urls")),
    path("", include("sharing.requests.urls")),
    path("invitations/", include("sharing.inbox.urls")),
    path("review/", include("sharing.reviews.urls")),
    path("add/", include("sharing.enter_code.urls")),
]
