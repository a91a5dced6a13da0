"""The ground of sharing: invitations of every kind, requests, reviews, and orders about many locations."""

from sharing.models.bulk import BulkJob, BulkLoss, BulkRow
from sharing.models.invitation import Acceptance, Invitation, Offer
from sharing.models.request import AccessRequest
from sharing.models.review import AccessReview, ReviewReader
from sharing.models.transfer import Transfer
from sharing.models.undo import Undo

__all__ = [
    "Acceptance",
    "AccessRequest",
    "AccessReview",
    "BulkJob",
    "BulkLoss",
    "BulkRow",
    "Invitation",
    "Offer",
    "ReviewReader",
    "Transfer",
    "Undo",
]
