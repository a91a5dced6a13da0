"""Inviting somebody to a location, and what becomes of the invitation."""
