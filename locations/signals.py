"""What the floor above is told. A receiver runs inside the transaction."""

from django.dispatch import Signal

# Sent with `locations`, under the caller's locks, once somebody has got more: given, raised or extended.
access_grew = Signal()
# Sent with `accesses` and `by` once an organisation has lost these ways to its locations, all at once.
accesses_ended = Signal()
