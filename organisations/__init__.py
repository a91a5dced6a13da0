"""Who: organisations and their members."""
