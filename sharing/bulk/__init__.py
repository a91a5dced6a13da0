"""Many locations at once: sharing, ending and changing access in the background."""
