"""Invitations: what waits for somebody, and what they have sent."""

from django.urls import path

from sharing.inbox import views

urlpatterns = [
    path("", views.invitations, name="invitations"),
    path("<uuid:uuid>/resend/", views.resend, name="resend_mine"),
    path("<uuid:uuid>/withdraw/", views.withdraw, name="withdraw_mine"),
]
