"""`h2a ...`: thin commands. What each needs is imported when it runs, so that `h2a --help` starts at once."""

from h2a_curation.cli.main import main, program

__all__ = ["main", "program"]
