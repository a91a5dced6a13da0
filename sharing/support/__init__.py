"""What support staff see and do about sharing, in the admin."""
