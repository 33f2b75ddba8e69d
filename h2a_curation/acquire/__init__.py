"""Acquire observations of the outside world: pages of listings and files, each asked for once."""
