"""Inviting from the Permissions tab, and what the sharer does with an invitation there."""

from django.urls import path

from sharing.invitations import views

urlpatterns = [
    path("invite/", views.invite, name="invite"),
    path("invitations/<uuid:invitation>/resend/", views.resend, name="resend"),
    path("invitations/<uuid:invitation>/address/", views.correct_address, name="correct_address"),
    path("invitations/<uuid:invitation>/withdraw/", views.withdraw, name="withdraw"),
    path("invitations/<uuid:invitation>/code/", views.show_code, name="show_code"),
]
