"""The Permissions tab, and an entry of it by itself."""

from django.urls import path

from sharing.tab import entry_views, views

urlpatterns = [
    path("", views.permissions, name="permissions"),
    path("access/<uuid:access>/", entry_views.entry, name="entry"),
    path("access/<uuid:access>/extend/", entry_views.extend, name="extend"),
    path("access/<uuid:access>/level/", views.change_level, name="change_level"),
    path("access/<uuid:access>/remove/", views.remove, name="remove"),
    path("undo/<uuid:act>/", views.undo, name="undo"),
]
