"""Adding a location by its code. The last address takes whatever the others do not."""

from django.urls import path

from sharing.enter_code import views

urlpatterns = [
    path("", views.add, name="add"),
    path("check/", views.check, name="check"),
    path("switch/", views.switch_account, name="switch_account"),
    path("invitation/<uuid:uuid>/", views.invitation, name="invitation"),
    path("invitation/<uuid:uuid>/ask/", views.ask, name="ask"),
    path("<str:code>/", views.open_code, name="open"),
]
