"""What knows nothing of the portal: each file could stand in any Django project."""
