"""Child processes never import from the folder that one happens to stand in.

`python -m` and `python -c`, by which multiprocessing too starts its processes, look for modules in the current folder
first. An `av.py` or a `socket.py` that lies beside somebody's videos would run there. Python leaves that folder out
where `-P` or $PYTHONSAFEPATH says so; folders of $PYTHONPATH count as ever.
"""

import os
import sys
from pathlib import Path


def keep_safe() -> None:
    """Have all processes that are started from now on, by whatever library, leave the current folder out."""
    os.environ["PYTHONSAFEPATH"] = "1"


def command(module: str, function: str) -> list[str]:
    """The command line of a new Python that calls a function of this package; more words become its `sys.argv`.

    The package is found where this one lies, whether it is installed or not; being last, its folder hides no library.
    """
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.append({root!r}); from {module} import {function}; {function}()"
    return [sys.executable, "-P", "-c", code]
