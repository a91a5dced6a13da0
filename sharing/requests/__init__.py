"""Asking to be let in: to a location, or to use an invitation with another account."""
