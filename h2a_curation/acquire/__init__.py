"""Observations of the outside world: pages of listings and files, asked for once."""
