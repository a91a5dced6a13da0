"""What, and who may do what: locations, their equipment, access and the permission tables."""
