"""Organisations of the person who is signed in."""

from django.urls import path

from organisations import invite_views, views

app_name = "organisations"

urlpatterns = [
    path("", views.mine, name="mine"),
    path("new/", views.new, name="new"),
    path("join/", views.join, name="join"),
    path("<uuid:uuid>/", views.detail, name="detail"),
    path("<uuid:uuid>/activity/", views.activity, name="activity"),
    path("<uuid:uuid>/activity.csv", views.activity_csv, name="activity_csv"),
    path("<uuid:uuid>/settings/", views.settings, name="settings"),
    path("<uuid:uuid>/key/", views.replace_key, name="replace_key"),
    path("<uuid:uuid>/members/<uuid:member>/role/", views.change_role, name="change_role"),
    path("<uuid:uuid>/members/<uuid:member>/remove/", views.remove, name="remove"),
    path("<uuid:uuid>/invite/", invite_views.invite, name="invite"),
    path("<uuid:uuid>/invitations/<uuid:invitation>/resend/", invite_views.resend, name="resend"),
    path("<uuid:uuid>/invitations/<uuid:invitation>/withdraw/", invite_views.withdraw, name="withdraw"),
    path("<uuid:uuid>/invitations/<uuid:invitation>/code/", invite_views.show_code, name="show_code"),
    path("<uuid:uuid>/requests/<uuid:request_id>/", views.answer_request, name="answer_request"),
]
