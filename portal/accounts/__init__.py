"""Accounts: signing up and in, whose address is whose, and deleting one."""
