"""A decision in SQL: named rules, of which the first that fails is the reason.

A rule is data that a recipe may hold. Its `value` is one SQL expression over the columns of the subject, so that a
user can run it on the catalog, see the numbers, and add a rule of their own.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import blake2b
from typing import Annotated, Any, Literal, get_args

import pyarrow as pa
from pydantic import BeforeValidator

Query = Callable[[str, dict[str, pa.Table]], pa.Table]
"""`query(sql, tables)` runs SQL on the catalog's views (post, hit, tag_claim, media, probe, clip, fingerprint and
sighting), with `tables` registered beside them by name. Each view has one row a subject: where several models or
programs have measured a file, the views show those of the recipe only."""


def _limit(value: object) -> object:
    """A limit as YAML gives it: an unquoted `off` comes as false, and true is no number."""
    if value is True:
        raise ValueError("a limit is a number, or `off`")
    return None if value is False or value == "off" else value


Limit = Annotated[float | None, BeforeValidator(_limit)]
"""A threshold. None, in a recipe `off` or `null`, switches its rule off: no subject is compared with it."""
WholeLimit = Annotated[int | None, BeforeValidator(_limit)]
"""A threshold in whole numbers; None switches its rule off."""

_Mode = Literal["decide", "record", "off"]
Mode = Annotated[_Mode, BeforeValidator(lambda value: "off" if value is False else value)]
"""What a rule or a stage does with its numbers: `decide` rejects by them; `record` and `off` keep every subject. A
clip's signals are measured in all three, so that a change of mind costs no decoding, but for `person: off`, which loads
no detector: then neither persons nor faces are measured."""

Blame = Literal["spam", "subject", "post"]
"""What a rejection speaks against: `spam`, the post says nothing of its tag; `subject`, the post shows something else
than its tag says; `post`, the post or its file is unfit whatever it shows (too long, too small, opted out)."""

_COMPARISONS = ("<", "<=", ">", ">=")

# Metadata of the fields of rules. A fingerprint names what rules do, and those of decisions that were made must not
# change. So metadata tells how a field was written when those were made.
LATER = {"later": True}
"""The field came when decisions had been made without it. At its default it is left out of fingerprints."""
NO_INPUT = {"no_input": True}
"""The field changes no verdict, and is left out of fingerprints."""


def off_was(**before: object) -> dict[str, object]:
    """The field was switched off by these values of fields before there was None, and None is still written so."""
    return {"off": before}


def within(switch: str) -> dict[str, object]:
    """The field counts only where the field `switch` is true or `decide`; elsewhere it is written as its default."""
    return {"within": switch}


def unit(text: str) -> dict[str, object]:
    """The field's unit, where its name does not tell it."""
    return {"unit": text}


_REASON = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = {"ok", "off", "recorded"}
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--|/\*|[A-Za-z_]\w*|\S")
_STATEMENT = {"select", "from", "union", "into", "values", "with", "pragma", "copy", "attach", "install", "load", "set"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One comparison over a post or a clip, and the reason that it gives where it fails."""

    reason: str
    """Lower case letters, digits and _: what a verdict says of a subject that fails."""
    value: str
    """The number that is compared: one SQL expression over the subject's columns."""
    fails: str
    """The comparison that makes the rule fail: `<`, `<=`, `>` or `>=`."""
    threshold: Limit
    """The number that the value is compared with; `off` (None) switches the rule off."""
    unknown: str = "ok"
    """The reason given where the value is NULL: `ok` lets the subject pass."""
    blames: Blame | None = field(default=None, metadata=NO_INPUT)
    """What a rejection speaks against: `spam`, `subject` or `post`. Left out, it is `subject` among the rules of
    `decide.validate`, which look at frames, and `post` elsewhere. Mining names by it why it leaves a tag."""

    def __post_init__(self) -> None:
        for name in (self.reason, self.unknown):
            if not _REASON.fullmatch(name):
                raise ValueError(f"rule {self.reason!r}: a reason is lower case letters, digits and _, not {name!r}")
        if self.reason in _RESERVED:
            raise ValueError(f"rule {self.reason!r}: this word means that a subject is kept; choose another reason")
        if self.fails not in _COMPARISONS:
            raise ValueError(f"rule {self.reason!r}: `fails` is one of {', '.join(_COMPARISONS)}, not {self.fails!r}")
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float | None):
            raise ValueError(f"rule {self.reason!r}: `threshold` is a number or `off`, not {self.threshold!r}")
        if self.blames is not None and self.blames not in get_args(Blame):
            raise ValueError(f"rule {self.reason!r}: `blames` is one of {', '.join(get_args(Blame))}")
        if problem := _problem(self.value):
            raise ValueError(f"rule {self.reason!r}: `value` must be one SQL expression over columns: {problem}")


def verdict_sql(
    stage: str, subject: str, rules: Sequence[Rule], fingerprint: str, *, source: str = "candidate", kept: str = "ok"
) -> str:
    """SQL over `source` (class_id, the column `subject` and those that the rules name) that yields one Verdict a row.

    `kept` is the reason of those that no rule rejects: `ok`, or `off` and `recorded` where the stage does not decide.
    Rules without a threshold are off, and take no part.
    """
    on = [(r, _number(r.threshold)) for r in rules if r.threshold is not None]
    reasons = "".join(
        f"\n            WHEN ({r.value}) {r.fails} {threshold} THEN '{r.reason}'"
        + (f" WHEN ({r.value}) IS NULL THEN '{r.unknown}'" if r.unknown != "ok" else "")
        for r, threshold in on
    )
    case = f"CASE{reasons}\n            ELSE '{kept}' END" if on else f"'{kept}'"
    return f"""
        SELECT class_id, subject_id, '{stage}' AS stage, reason = '{kept}' AS keep, reason,
               {_pick([(r.reason, f"({r.value})") for r, _ in on])} AS value,
               {_pick([(r.reason, threshold) for r, threshold in on])} AS threshold,
               '{fingerprint}' AS rules
        FROM (SELECT *, {subject} AS subject_id, {case} AS reason FROM {source})
        ORDER BY class_id, subject_id
    """


def blames(rules: Iterable[Rule], default: Blame) -> dict[str, Blame]:
    """What each reason speaks against, those of unknown values among them; of two rules with one reason, the first."""
    found: dict[str, Blame] = {}
    for rule in rules:
        for reason in {rule.reason, rule.unknown} - {"ok"}:
            found.setdefault(reason, rule.blames or default)
    return found


def fingerprint(thing: Any) -> str:
    """A short name for the content of rules (dataclasses, mappings, sequences and plain values), whatever their order.

    Rules that reject the same have the same name: a rule that is off adds nothing to it, however it is switched off.

    >>> fingerprint({"a": 1, "b": (2,)}) == fingerprint({"b": [2], "a": 1})
    True
    """
    text = json.dumps(_plain(thing), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def check_mode(owner: str, **modes: str) -> None:
    """Refuse a mode that is none, naming the field."""
    for name, mode in modes.items():
        if mode not in get_args(_Mode):
            raise ValueError(f"{owner}.{name} is one of {', '.join(get_args(_Mode))}, not {mode!r}")


def check_duration(owner: object, least: float | None, most: float | None) -> None:
    """Refuse limits that no duration can meet; None is no limit."""
    if (least is not None and least <= 0) or (most is not None and most <= (least or 0)):
        raise ValueError(f"empty duration range: {owner}")


def _plain(thing: Any) -> Any:
    if is_dataclass(thing) and not isinstance(thing, type):
        return {name: _plain(value) for name, value in _written(thing).items()}
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing if not (isinstance(value, Rule) and value.threshold is None)]
    assert thing is None or isinstance(thing, str | int | float), f"no canonical form: {type(thing)}"
    return thing


def _written(rules: Any) -> dict[str, Any]:
    """The fields of a dataclass as fingerprints write them: see the metadata above."""
    written: dict[str, Any] = {}
    before: dict[str, object] = {}
    for f in fields(rules):
        value, switch = getattr(rules, f.name), f.metadata.get("within")
        if value is None and "off" in f.metadata:
            before |= f.metadata["off"]
            value = f.default
        if switch is not None and getattr(rules, switch) not in (True, "decide"):
            value = f.default
        if "no_input" not in f.metadata and not ("later" in f.metadata and value == f.default):
            written[f.name] = value
    return written | before


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
