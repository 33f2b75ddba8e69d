"""docs/recipe.md and the signals of docs/sql.md, from the dataclasses.

`python -m tests.docs.recipe_page` writes them.
"""

import ast
import contextlib
import dataclasses
import functools
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from h2a_curation import recipes
from h2a_curation.decide.decision import DecideRules
from h2a_curation.decide.minor import MinorWords
from h2a_curation.decide.rules import Blame, Limit, Rule, WholeLimit
from h2a_curation.decide.screen import OPT_OUT, ClipRules
from h2a_curation.measure.sense import SIGNALS
from h2a_curation.sources.registry import KINDS, settings_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "recipe.md"
SQL_PAGE = ROOT / "docs" / "sql.md"
HEAD = """# A recipe

Made by `make docs` from the dataclasses that read a recipe and their docstrings; a test holds the two together.

A recipe is a YAML file that says where posts come from and what every stage does. All of it may be left out: what is
not there has its default. `h2a build --recipe mine.yaml` follows it; the recipes that ship are in `data/recipes/`, and
`h2a decide --recipe mine.yaml` shows what a changed one would keep, without asking for anything.

```yaml
decide:
  post:
    max_duration_s: 30
    max_age_days: off
```

**Short.** `extends: youtube-hashtags` takes from a recipe that ships all that is not said here, `extends: base.yaml`
from a file beside this one. On a command line `--set decide.post.max_duration_s=30` goes before the recipe, and may be
given again. `build`, `decide`, `mine` and `tags` take the recipe of the lake's last build where none is named.

**Off.** A limit that is `off` (or `null`) rejects nothing. What switched a rule off before there was `off` still does:
0 for `min_num_views`, `"off"` for `person`, and so on.

**Reason.** A stage tries its rules in the order of its second table, and the first that fails is the reason of the
verdict. It stands in the views `verdict`, `fate` and `class_fate` ([sql.md](sql.md)), with the number that was compared
and the limit.

**Blames.** What a rejection speaks against. `spam`: the post says nothing of its tag. `subject`: it shows something
else than its tag says. `post`: it is unfit whatever it shows. When most rejected posts of a tag are blamed for one of
them, mining names that as the reason for which it leaves the tag ([mining.md](mining.md)). A post whose file never came
counts as `post`.
"""
_UNITS = [
    (r"bytes_s$", "bytes a second"),
    (r"bytes", "bytes"),
    (r"gib", "GiB"),
    (r"_s$|_s_", "s"),
    (r"days", "days"),
    (r"_px", "px"),
    (r"fps", "frames a second"),
    (r"margin", "cosine"),
    (r"distance", "bits of 64"),
    (r"shift|frames(?!_share)", "frames"),
    (r"levels?$|contrast", "grey levels"),
    (r"share|probability|agreement|ratio|doubt|score|chance", "share"),
    (r"(num|tag)_views", "views"),
    (r"hashtags", "hashtags"),
    (r"clips", "clips"),
    (r"pages", "pages"),
    (r"rounds", "rounds"),
    (r"files", "files"),
    (r"posts|judged|page_size", "posts"),
    (r"tries|runs", "tries"),
    (r"requests", "requests"),
]
"""What the names of keys tell of their unit: the first that is found."""
_SIGNALS_BLOCK = re.compile(r"(<!-- signals: made by `make docs` -->\n).*?(<!-- end of signals -->)", re.DOTALL)


def page() -> str:
    """The whole page."""
    sections = "".join(_section(*at, begins=at[0] != before[0]) for before, at in pairwise([("-", Rule), *kinds()]))
    return HEAD + sections + _own_rules() + "\nSignals that a rule may name are listed in [sql.md](sql.md#signals).\n"


def with_signals(text: str) -> str:
    """docs/sql.md with the table of signals as it is now."""
    made, num = _SIGNALS_BLOCK.subn(lambda block: block[1] + _signals() + block[2], text)
    assert num == 1, "docs/sql.md has lost the marks of its table of signals"
    return made


@functools.cache
def kinds() -> list[tuple[str, type]]:
    """Every dataclass of a recipe by its place in the file, each once; the file itself stands under the empty name."""
    seen: set[type] = {Rule}

    def walk(place: str, kind: type) -> Iterator[tuple[str, type]]:
        seen.add(kind)
        yield place, kind
        hints = typing.get_type_hints(kind)
        for f in dataclasses.fields(kind):
            for inner in _dataclasses_in(hints[f.name]):
                if inner not in seen:
                    yield from walk(f"{place}.{f.name}".lstrip("."), inner)

    return [*walk("", recipes.RecipeFile)]


@functools.cache
def gives(kind: type, name: str) -> list[Rule]:
    """The rules that another value of the field changes: those that it is the threshold or the switch of."""
    if not hasattr(kind, "named"):
        return []
    words = {"minor_words": MinorWords(words={"en": ("child",)})} if hasattr(kind, "minor_words") else {}
    rules = kind(**words)
    before, found = rules.named(), []
    for value in [("CC-BY",)] if name == "licences" else _others(getattr(rules, name)):
        with contextlib.suppress(ValueError):  # no such value can be: another may
            after = dataclasses.replace(rules, **{name: value}).named()
            found += [rule for rule in [*before, *after] if (rule in before) != (rule in after)]
    return found


def words(value: str) -> set[str]:
    """The names that stand in an expression of SQL."""
    return set(re.findall(r"[a-z_]+", value))


def is_limit(kind: type, name: str) -> bool:
    """Whether the field is the threshold of a rule, and no switch."""
    hint = typing.get_type_hints(kind, include_extras=True)[name]
    return hint in (Limit, WholeLimit) or (bool(gives(kind, name)) and _plain_type(hint) in (int, float))


def unit(kind: type, f: "dataclasses.Field[Any]") -> str:
    """The unit of a key, from its metadata, its signal or its name; empty where it has none."""
    if "unit" in f.metadata:
        return str(f.metadata["unit"])
    if kind is ClipRules and (of := [signal.unit for signal in SIGNALS if signal.rule == f.name]):
        return of[0]
    if not _is_number(typing.get_type_hints(kind)[f.name]):
        return ""
    return next((unit for pattern, unit in _UNITS if re.search(pattern, f.name)), "")


@functools.cache
def texts(kind: type) -> dict[str, str]:
    """What stands below each field of a dataclass, as one line; those that it inherits too."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
            for field, below in pairwise(body):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(below, ast.Expr)
                    and isinstance(field.target, ast.Name)
                ):
                    found[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


def text_of(kind: type, name: str) -> str:
    """What a key does; where it holds other keys and says nothing itself, what those do together."""
    inner = _dataclasses_in(typing.get_type_hints(kind)[name])
    return texts(kind).get(name) or (_doc(inner[0]) if inner else "")


def _section(place: str, kind: type, *, begins: bool) -> str:
    """A dataclass; several may stand at one place, as the settings of each kind of source do."""
    has_rules = hasattr(kind, "named")
    head = ["key", "unit", "default", *(["reason", "blames"] if has_rules else []), ""]
    rows = []
    for f in dataclasses.fields(kind):
        row = [f"`{f.name}`", unit(kind, f), _default(f)]
        if has_rules:
            given = {rule.reason: rule for rule in gives(kind, f.name)}
            row += [
                ", ".join(f"`{reason}`" for reason in given),
                ", ".join(sorted({_blames(r, kind) for r in given.values()})),
            ]
        rows.append([*row, text_of(kind, f.name) + _more(kind, f.name)])
    title = f"\n## {place or 'The file'}\n" if begins else ""
    table = f"\n{_table(head, rows)}" if rows else ""
    return f"{title}\n{_doc(kind)}\n{table}" + (_in_order(kind) if has_rules else "")


def _doc(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())


def _in_order(kind: type) -> str:
    """The rules of a stage in their order, with what they compare."""
    duties = {"minor": True, "minor_words": MinorWords(words={"en": ("child",)}), "licences": ("CC-BY",)}
    rules = kind(**(duties if hasattr(kind, "minor") else {}))
    named = [OPT_OUT, *rules.named()] if hasattr(kind, "minor") else rules.named()
    hidden = {
        "opt_out": "who opted out",
        "minor": "words for children in the caption or a hashtag",
        "sensitive": "marked as sensitive",
        "licence": "none of `licences`, or no licence",
    }
    rows = [
        [f"`{r.reason}`", hidden.get(r.reason) or f"`{r.value}` {r.fails} {_limit(kind, r)}", _blames(r, kind)]
        for r in named
    ]
    return f"\nIts rules, in their order:\n\n{_table(['reason', 'fails where', 'blames'], rows)}"


def _limit(kind: type, rule: Rule) -> str:
    names = [
        f.name
        for f in dataclasses.fields(kind)
        if any(r.reason == rule.reason and r.value == rule.value for r in gives(kind, f.name))
    ]
    limits = [name for name in names if is_limit(kind, name)]
    return f"`{limits[0]}`" if limits else f"{rule.threshold:g}"


def _own_rules() -> str:
    said = texts(Rule)
    rows = [[f"`{f.name}`", _default(f), said.get(f.name, "")] for f in dataclasses.fields(Rule)]
    return f"\n## A rule of your own\n\n{_doc(Rule)} It stands in `extra` of a stage.\n\n" + _table(
        ["key", "default", ""], rows
    )


def _signals() -> str:
    rows = [
        [f"`{s.name}`", s.unit, s.meaning, str(s.version), s.detector and f"`{s.detector}`", s.rule and f"`{s.rule}`"]
        for s in SIGNALS
    ]
    return _table(["signal", "unit", "meaning", "version", "detector", "limit of decide.clip"], rows)


def _blames(rule: Rule, kind: type) -> Blame:
    of = {f.name: f.default_factory for f in dataclasses.fields(DecideRules) if f.default_factory is kind}
    return DecideRules(**{name: rules() for name, rules in of.items()}).blames().get(rule.reason, rule.blames or "post")


def _more(kind: type, name: str) -> str:
    """A pointer to where the keys of a key stand, and what a key may be."""
    hint = typing.get_type_hints(kind)[name]
    if Rule in _dataclasses_in(hint):
        return " See [A rule of your own](#a-rule-of-your-own)."
    places = {inner: at for at, inner in kinds()}
    of = [places[inner] for inner in _dataclasses_in(hint) if inner in places]
    more = "".join(f" Its keys: [{at}](#{at.replace('.', '').lower()})." for at in dict.fromkeys(of))
    choices = [
        c
        for part in (hint, *typing.get_args(hint))
        if typing.get_origin(part) is typing.Literal
        for c in typing.get_args(part)
    ]
    return more + (f" One of {', '.join(f'`{c}`' for c in choices if c)}." if choices else "")


def _default(f: "dataclasses.Field[Any]") -> str:
    if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
        return "needed"
    value = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
    if dataclasses.is_dataclass(value):
        return ""
    if value is None:
        return "`off`" if f.name.startswith(("min_", "max_")) else ""
    if isinstance(value, tuple | dict):
        return f"`[{', '.join(map(str, value))}]`" if value else ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else ""


def _others(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value + 0.125, value - 0.125, value - 1]
    return {"decide": ["off"]}.get(str(value), [1] if value is None else [])


def _plain_type(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _is_number(hint: Any) -> bool:
    return bool({int, float} & {hint, *typing.get_args(hint)})


def _dataclasses_in(hint: Any) -> list[type]:
    """The dataclasses that a type names; for a base class, those that are made of it."""
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return [hint] if dataclasses.is_dataclass(hint) else [s for s in _made_of(hint) if dataclasses.is_dataclass(s)]
    return [inner for part in typing.get_args(hint) for inner in _dataclasses_in(part)]


def _made_of(kind: type) -> list[type]:
    """Its subclasses, without the ones that `slots=True` made anew and left behind."""
    for name in KINDS:
        settings_of(name)  # imports the kind's rules: Python knows no others
    subclasses = kind.__subclasses__() if kind.__module__.startswith("h2a_curation") else []
    return [s for s in subclasses if getattr(sys.modules[s.__module__], s.__name__, None) is s]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def main() -> None:
    """Write both pages."""
    PAGE.write_text(page(), encoding="utf-8")
    SQL_PAGE.write_text(with_signals(SQL_PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
