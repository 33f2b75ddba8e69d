"""Whole jobs as commands run them, with whatever must be served meanwhile."""
