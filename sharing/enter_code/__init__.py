"""Adding a location: entering a code, or following the link that holds one."""
