"""Many locations at once: what was ordered, and sending an invitation to many again."""

from django.urls import path

from sharing.bulk import views

_MANY = "locations/many/"

urlpatterns = [
    path(_MANY, views.job_list, name="bulk_jobs"),
    path(f"{_MANY}share/", views.share, name="bulk_share"),
    path(f"{_MANY}access/", views.change, name="bulk_change"),
    path(f"{_MANY}<uuid:uuid>/", views.job, name="bulk_job"),
    path(f"{_MANY}<uuid:uuid>/list.csv", views.job_csv, name="bulk_csv"),
    path("invitations/<uuid:uuid>/again/", views.again, name="offer_again"),
]
