"""Lanes ask the same local site that the tests of sources ask."""

from tests.sources.conftest import site

__all__ = ["site"]
