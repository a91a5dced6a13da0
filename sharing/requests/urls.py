"""Asking for access to a location by its number, and answering whoever asks to be let in."""

from django.urls import path

from sharing.requests import views

urlpatterns = [
    path("locations/ask/", views.ask, name="ask_for_access"),
    path("invitations/requests/<uuid:uuid>/", views.answer, name="request"),
]
