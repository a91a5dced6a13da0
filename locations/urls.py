"""Locations: the list, a new one, and the tabs of one. The Permissions tab is in sharing.tab.urls."""

from django.urls import path

from locations import views

app_name = "locations"

urlpatterns = [
    path("", views.location_list, name="list"),
    path("new/", views.new, name="new"),
    path("<uuid:uuid>/", views.overview, name="detail"),
    path("<uuid:uuid>/activity/", views.activity, name="activity"),
    path("<uuid:uuid>/activity.csv", views.activity_csv, name="activity_csv"),
    path("<uuid:uuid>/settings/", views.settings, name="settings"),
    path("<uuid:uuid>/archive/", views.archive, name="archive"),
    path("<uuid:uuid>/restore/", views.restore, name="restore"),
]
