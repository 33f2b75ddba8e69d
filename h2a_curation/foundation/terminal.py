"""Lines that a command says: whatever others wrote into them is shown, and never sent to the terminal as a command."""

import sys

from h2a_curation.foundation.plain_text import visible
from h2a_curation.foundation.secret_text import hidden


def say(text: str = "") -> None:
    """A line on standard output, which is for results."""
    sys.stdout.write(f"{visible(text)}\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """A line on standard error, which is for all that is no result; a secret that an error repeats is hidden."""
    sys.stderr.write(f"{visible(hidden(text))}\n")
    sys.stderr.flush()


def put(content: bytes) -> None:
    """An export on standard output: byte for byte into a file or a pipe, and visible on a terminal."""
    if sys.stdout.isatty():
        sys.stdout.write(visible(content.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(content)
    sys.stdout.flush()
