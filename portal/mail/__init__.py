"""E-mail: the outbox, sending it, what providers report, and the mailbox for development."""
