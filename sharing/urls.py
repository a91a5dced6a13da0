"""The Permissions tab of a location, the way in for those it is shared with, and deleting an organisation."""

from django.urls import path

from sharing.bulk import views as bulk_views
from sharing.deletion import views as deletion_views
from sharing.enter_code import views as enter_code_views
from sharing.inbox import views as inbox_views
from sharing.invitations import views as invitations_views
from sharing.requests import views as requests_views
from sharing.reviews import views as reviews_views
from sharing.tab import entry_views
from sharing.tab import views as tab_views
from sharing.transfers import views as transfers_views
from sharing.view_as import views as view_as_views

app_name = "sharing"
_TAB = "locations/<uuid:uuid>/permissions/"
_REVIEW = "review/<uuid:uuid>/"
_VIEW_AS = f"{_TAB}access/<uuid:access>/view/"
_MANY = "locations/many/"
_DELETE = "organisations/<uuid:uuid>/delete/"

urlpatterns = [
    path(_TAB, tab_views.permissions, name="permissions"),
    path(f"{_TAB}invite/", invitations_views.invite, name="invite"),
    path(f"{_TAB}invitations/<uuid:invitation>/resend/", invitations_views.resend, name="resend"),
    path(
        f"{_TAB}invitations/<uuid:invitation>/address/",
        invitations_views.correct_address,
        name="correct_address",
    ),
    path(f"{_TAB}invitations/<uuid:invitation>/withdraw/", invitations_views.withdraw, name="withdraw"),
    path(f"{_TAB}invitations/<uuid:invitation>/code/", invitations_views.show_code, name="show_code"),
    path(f"{_TAB}access/<uuid:access>/", entry_views.entry, name="entry"),
    path(f"{_TAB}access/<uuid:access>/extend/", entry_views.extend, name="extend"),
    path(f"{_TAB}access/<uuid:access>/level/", tab_views.change_level, name="change_level"),
    path(f"{_TAB}access/<uuid:access>/remove/", tab_views.remove, name="remove"),
    path(_VIEW_AS, view_as_views.overview, name="view_as"),
    path(f"{_VIEW_AS}permissions/", view_as_views.permissions, name="view_as_permissions"),
    path(f"{_VIEW_AS}activity/", view_as_views.activity, name="view_as_activity"),
    path(f"{_VIEW_AS}settings/", view_as_views.settings, name="view_as_settings"),
    path(f"{_VIEW_AS}leave/", view_as_views.leave, name="view_as_leave"),
    path(f"{_TAB}transfer/", transfers_views.transfer, name="transfer"),
    path(f"{_TAB}transfer/<uuid:transfer>/resend/", transfers_views.resend, name="transfer_resend"),
    path(f"{_TAB}transfer/<uuid:transfer>/withdraw/", transfers_views.withdraw, name="transfer_withdraw"),
    path(f"{_TAB}transfer/<uuid:transfer>/code/", transfers_views.show_code, name="transfer_code"),
    path(_DELETE, deletion_views.delete_organisation, name="delete_organisation"),
    path(_MANY, bulk_views.job_list, name="bulk_jobs"),
    path(f"{_MANY}share/", bulk_views.share, name="bulk_share"),
    path(f"{_MANY}access/", bulk_views.change, name="bulk_change"),
    path(f"{_MANY}<uuid:uuid>/", bulk_views.job, name="bulk_job"),
    path(f"{_MANY}<uuid:uuid>/list.csv", bulk_views.job_csv, name="bulk_csv"),
    path("locations/ask/", requests_views.ask, name="ask_for_access"),
    path("invitations/", inbox_views.invitations, name="invitations"),
    path("invitations/<uuid:uuid>/resend/", inbox_views.resend, name="resend_mine"),
    path("invitations/<uuid:uuid>/withdraw/", inbox_views.withdraw, name="withdraw_mine"),
    path("invitations/<uuid:uuid>/again/", bulk_views.again, name="offer_again"),
    path("invitations/requests/<uuid:uuid>/", requests_views.answer, name="request"),
    path("review/", reviews_views.review, name="review"),
    path("review/mail/", reviews_views.mail, name="review_mail"),
    path(_REVIEW, reviews_views.party, name="review_party"),
    path(f"{_REVIEW}keep/", reviews_views.keep, name="review_keep"),
    path(f"{_REVIEW}end/", reviews_views.end, name="review_end"),
    path("add/", enter_code_views.add, name="add"),
    path("add/check/", enter_code_views.check, name="check"),
    path("add/switch/", enter_code_views.switch_account, name="switch_account"),
    path("add/invitation/<uuid:uuid>/", enter_code_views.invitation, name="invitation"),
    path("add/invitation/<uuid:uuid>/ask/", enter_code_views.ask, name="ask"),
    path("add/<str:code>/", enter_code_views.open_code, name="open"),
]
