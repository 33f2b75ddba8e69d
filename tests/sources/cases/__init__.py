"""One module a kind of source, named as the kind: how the contract of tests/sources/test_contract.py meets it.

Each has `rules(site, folder, through)`, a context manager that gives a recipe's rules of the kind: the same 23 posts
under the tag `squat`, each with the file VIDEO, by CREATOR, on
`site`, which serves them already. What the kind says over HTTP goes to the address that `through(address)` gives, so
that tests can stand in between and answer badly. A kind that talks to nobody has `IS_OFFLINE = True`.
"""

import importlib
import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site

Through = Callable[[str], str]
Rules = Callable[[Site, Path, Through], AbstractContextManager[SourceRules]]
NUM_POSTS = 23
CREATOR = "jane.doe"
CASES: dict[str, ModuleType] = {
    module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
}
