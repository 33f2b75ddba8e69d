"""Lanes ask the same local site that the tests of sources ask."""

from tests.sources.conftest import new_hosts, site

__all__ = ["new_hosts", "site"]
