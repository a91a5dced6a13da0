"""Signing up and in, addresses and passwords (allauth's), and deleting one's account."""

from django.urls import include, path, re_path

from portal.accounts import views

urlpatterns = [
    path("confirm-email/<str:key>/", views.confirm_address, name="account_confirm_email"),
    path("email/", views.addresses, name="account_email"),
    path("password/change/", views.change_password, name="account_change_password"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.new_password,
        name="account_reset_password_from_key",
    ),
    path("delete/", views.delete_account, name="delete_account"),
    path("", include("allauth.account.urls")),
]
