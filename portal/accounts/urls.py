"""Signing up and in, addresses and passwords (allauth's), and deleting one's account."""

from django.urls import include, path

from portal.accounts import views

urlpatterns = [
    path("confirm-email/<str:key>/", views.confirm_address, name="account_confirm_email"),
    path("email/", views.addresses, name="account_email"),
    path("delete/", views.delete_account, name="delete_account"),
    path("", include("allauth.account.urls")),
]
