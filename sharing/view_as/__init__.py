"""Looking at a location as somebody else sees it."""
