"""What invitations of every kind have in common: the row, how one is answered, its e-mails."""
