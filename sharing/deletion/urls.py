"""Deleting an organisation. Deleting one's own account: portal.accounts.urls."""

from django.urls import path

from sharing.deletion import views

urlpatterns = [path("", views.delete_organisation, name="delete_organisation")]
