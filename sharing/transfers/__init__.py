"""Handing a location over to a new Owner."""
