"""Where posts come from: one module a source, behind the small interface of `base`.

To add one: a module here, a line in `KINDS`, and a case in tests/sources/test_contract.py.
"""

import difflib
import importlib
import inspect
from typing import Any

from h2a_curation.sources.base import Source

KINDS = {
    "ytdlp": "h2a_curation.sources.ytdlp:YtDlp",
    "table": "h2a_curation.sources.table:TableOfUrls",
}
"""Kind to module and class; imported when one is made, since yt-dlp takes a second."""


def make_source(kind: str, settings: dict[str, Any]) -> Source:
    """The source of a recipe. ValueError for an unknown kind or setting, with the nearest that is known."""
    if kind not in KINDS:
        raise ValueError(f"unknown source kind {kind!r}{_nearest(kind, list(KINDS))}")
    module, _, name = KINDS[kind].partition(":")
    made = getattr(importlib.import_module(module), name)
    known = [p.name for p in inspect.signature(made).parameters.values()]
    for setting in settings:
        if setting not in known:
            raise ValueError(f"source kind {kind} has no setting {setting!r}{_nearest(setting, known)}")
    source: Source = made(**settings)
    return source


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; the nearest known is {close[0]!r}" if close else ""
