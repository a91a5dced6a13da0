"""What waits for somebody: invitations and requests of every kind."""
