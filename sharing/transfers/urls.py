"""Handing a location over, from its Permissions tab."""

from django.urls import path

from sharing.transfers import views

urlpatterns = [
    path("", views.transfer, name="transfer"),
    path("<uuid:transfer>/resend/", views.resend, name="transfer_resend"),
    path("<uuid:transfer>/withdraw/", views.withdraw, name="transfer_withdraw"),
    path("<uuid:transfer>/code/", views.show_code, name="transfer_code"),
]
