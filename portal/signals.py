"""What the floors above are told. A receiver runs inside the transaction and can refuse by raising."""

from django.dispatch import Signal

# Sent with `user` before they delete their account: each receiver returns a list
# of `Obstacle` (portal.accounts.deletion).
account_obstacles = Signal()
# Sent with `user` while their account is deleted: receivers end what hangs on it, and refuse by raising.
account_closing = Signal()
# Sent with `sender`, a kind of invitation, and `ids` of those that can be accepted no longer: declined,
# withdrawn or run out; accepted, once what it offers is given (of kinds that somebody can ask to use).
invitations_over = Signal()
# Sent with `email`, an OutgoingEmail, once it was delivered, or will not be.
delivery_changed = Signal()
# Sent with `email` before it is confirmed to be somebody's, and before people are locked: receivers lock what
# they change once it is (allauth's `email_confirmed`).
address_confirming = Signal()
