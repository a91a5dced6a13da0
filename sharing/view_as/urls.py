"""The tabs of a location as an entry of its Permissions tab sees them."""

from django.urls import path

from sharing.view_as import views

urlpatterns = [
    path("", views.overview, name="view_as"),
    path("permissions/", views.permissions, name="view_as_permissions"),
    path("activity/", views.activity, name="view_as_activity"),
    path("settings/", views.settings, name="view_as_settings"),
    path("leave/", views.leave, name="view_as_leave"),
]
