"""The record of what happened: writing it, saying it in sentences, showing it."""
