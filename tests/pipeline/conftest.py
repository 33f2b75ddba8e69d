"""Lanes are tested against the loopback site that sources are tested against."""

from tests.sources.conftest import new_hosts, site

__all__ = ["new_hosts", "site"]
