"""The Permissions tab: who has access, why, and one entry of it by itself."""
