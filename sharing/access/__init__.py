"""Access somebody has: changing it, taking it away, reminding of its end."""
