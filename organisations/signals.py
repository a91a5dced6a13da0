"""What the floors above are told. A receiver runs inside the transaction and can refuse by raising."""

from django.dispatch import Signal

# Sent with `organisation` before anything else when one is deleted: lock at once all that it concerns.
organisation_locking = Signal()
# Sent with `organisation` and `user` before somebody becomes a member: the moment to lock what it concerns.
membership_beginning = Signal()
# Sent with the same once they are one.
membership_began = Signal()
# Sent with `organisation`, `user` and `by` once the membership and its rights are gone.
membership_ended = Signal()

# Sent with `organisation` and `by` before an organisation is deleted: the moment to refuse.
organisation_closing = Signal()

# Sent with `organisation` and `by` once nobody belongs to it any more: the moment to end what hangs on it.
organisation_closed = Signal()
