"""What the floors above are told. A receiver runs inside the transaction."""

from django.dispatch import Signal

# Sent with `requests` to be let in that were refused by the way: whoever asked is told.
requests_refused = Signal()
