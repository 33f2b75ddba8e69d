"""A decision in SQL: named rules, of which the first that fails is the reason.

A rule is data that a recipe may hold. Its `value` is one SQL expression over the columns of the subject, so that a
user can run it on the catalog, see the numbers, and add a rule of their own.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

import pyarrow as pa

Query = Callable[[str, dict[str, pa.Table]], pa.Table]
"""`query(sql, tables)` runs SQL on the catalog's views (post, hit, tag_claim, media, probe, clip, fingerprint and
sighting), with `tables` registered beside them by name. Each view has one row a subject: where several models or
programs have measured a file, the views show those of the recipe only."""

Mode = Literal["decide", "record", "off"]
"""What a signal does: reject, be measured and shown without rejecting, or not be measured."""

_COMPARISONS = ("<", "<=", ">", ">=")
LATER = {"later": True}
"""Metadata of a rules' field that came when decisions had been made without it. At its default it changes nothing and
is left out of fingerprints, so that those decisions still stand."""

_REASON = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = {"ok", "off", "recorded"}
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--|/\*|[A-Za-z_]\w*|\S")
_STATEMENT = {"select", "from", "union", "into", "values", "with", "pragma", "copy", "attach", "install", "load", "set"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One predicate over a post or a clip, and the reason it gives."""

    reason: str
    value: str
    """SQL expression over the subject's columns: the number that is compared."""
    fails: str
    """The comparison that makes the rule fail: `<`, `<=`, `>` or `>=`."""
    threshold: float
    unknown: str = "ok"
    """The reason given where the value is NULL: `ok` lets the subject pass."""

    def __post_init__(self) -> None:
        for name in (self.reason, self.unknown):
            if not _REASON.fullmatch(name):
                raise ValueError(f"rule {self.reason!r}: a reason is lower case letters, digits and _, not {name!r}")
        if self.reason in _RESERVED:
            raise ValueError(f"rule {self.reason!r}: this word means that a subject is kept; choose another reason")
        if self.fails not in _COMPARISONS:
            raise ValueError(f"rule {self.reason!r}: `fails` is one of {', '.join(_COMPARISONS)}, not {self.fails!r}")
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float):
            raise ValueError(f"rule {self.reason!r}: `threshold` is a number, not {self.threshold!r}")
        if problem := _problem(self.value):
            raise ValueError(f"rule {self.reason!r}: `value` must be one SQL expression over columns: {problem}")


def verdict_sql(
    stage: str, subject: str, rules: Sequence[Rule], fingerprint: str, *, source: str = "candidate", kept: str = "ok"
) -> str:
    """SQL over `source` (class_id, the column `subject` and those that the rules name) that yields one Verdict a row.

    `kept` is the reason of those that no rule rejects: `ok`, or `off` and `recorded` where the stage does not decide.
    """
    reasons = "".join(
        f"\n            WHEN ({r.value}) {r.fails} {_number(r.threshold)} THEN '{r.reason}'"
        + (f" WHEN ({r.value}) IS NULL THEN '{r.unknown}'" if r.unknown != "ok" else "")
        for r in rules
    )
    case = f"CASE{reasons}\n            ELSE '{kept}' END" if rules else f"'{kept}'"
    return f"""
        SELECT class_id, subject_id, '{stage}' AS stage, reason = '{kept}' AS keep, reason,
               {_pick([(r.reason, f"({r.value})") for r in rules])} AS value,
               {_pick([(r.reason, _number(r.threshold)) for r in rules])} AS threshold,
               '{fingerprint}' AS rules
        FROM (SELECT *, {subject} AS subject_id, {case} AS reason FROM {source})
        ORDER BY class_id, subject_id
    """


def fingerprint(thing: Any) -> str:
    """A short name for the content of rules (dataclasses, mappings, sequences and plain values), whatever their order.

    >>> fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": [2], "a": 1})
    True
    """
    text = json.dumps(_plain(thing), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def check_mode(owner: str, **modes: str) -> None:
    """Refuse a mode that is none, naming the field."""
    for name, mode in modes.items():
        if mode not in get_args(Mode):
            raise ValueError(f"{owner}.{name} is one of {', '.join(get_args(Mode))}, not {mode!r}")


def _plain(thing: Any) -> Any:
    if is_dataclass(thing) and not isinstance(thing, type):
        said = [f for f in fields(thing) if "later" not in f.metadata or getattr(thing, f.name) != f.default]
        return {f.name: _plain(getattr(thing, f.name)) for f in said}
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    assert thing is None or isinstance(thing, str | int | float), f"no canonical form: {type(thing)}"
    return thing


def _number(threshold: float) -> str:
    return f"{float(threshold)!r}::DOUBLE"


def _pick(values: list[tuple[str, str]]) -> str:
    """The value of the failing rule; NULL for those that pass. A reason that two rules share takes the first."""
    cases = "".join(f" WHEN '{reason}' THEN ({value})::DOUBLE" for reason, value in values)
    return f"CASE reason{cases} END" if values else "NULL::DOUBLE"


def _problem(expression: str) -> str | None:
    """Why a text is not one expression; None where it may be: the engine has the last word."""
    depth = 0
    tokens = _TOKEN.findall(expression)
    for token in tokens:
        if token in (";", "--", "/*", "'", '"'):
            return f"{token} ends or hides a part of it"
        if token.lower() in _STATEMENT:
            return f"{token} belongs to a query"
        depth += (token == "(") - (token == ")")
        if depth < 0:
            return "a ) closes nothing"
    if not tokens:
        return "it is empty"
    return "a ( is not closed" if depth else None
