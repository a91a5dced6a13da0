"""Deleting an account or an organisation: what ends with it, and what stands in the way."""
