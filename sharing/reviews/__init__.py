"""Access review: who still needs what they were given."""
