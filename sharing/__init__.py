"""How others come in: invitations, accepting them, and the Permissions tab."""
