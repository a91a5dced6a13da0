"""Access review."""

from django.urls import path

from sharing.reviews import views

urlpatterns = [
    path("", views.review, name="review"),
    path("mail/", views.mail, name="review_mail"),
    path("<uuid:uuid>/", views.party, name="review_party"),
    path("<uuid:uuid>/keep/", views.keep, name="review_keep"),
    path("<uuid:uuid>/end/", views.end, name="review_end"),
]
