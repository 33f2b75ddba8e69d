"""`docs/classes.md`: the classes as a page to read, made from the data."""

from collections import Counter
from collections.abc import Iterable, Sequence

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.taxonomy.model import BENCHMARKS, MUST_SHOW, REASONS, ActionClass, Change, MustShow

_TITLES = {
    "kinetics400": "Kinetics-400",
    "ucf101": "UCF101",
    "hmdb51": "HMDB51",
    "ssv2": "Something-Something V2",
}
_HEAD = """# The {num} action classes

Made from `data/classes/*.yaml` by `h2a classes export --format md`; a test holds it to them. `h2a classes show ID`
shows one class as a reviewer wants to see it: definition, every tag with its reason, prompts, siblings side by side.

The paper's own list of 386 hashtags could not be obtained. These classes were written for this project, to the six
principles that the paper names; whoever has its list imports it:
`h2a classes import hashtags.txt --out my_classes.yaml`.
"""
_SHOWN = """## What of a person must be seen

`must_show` of a class says what its usual video shows. `person`: a face or a body; clips in which too few frames show
one are `no_person`. `hands`: hands, arms, legs or feet at work, or a detail of the face, as in a close view; no rule
asks for a person there, since detectors of faces and bodies find none. `nothing`: what is done is seen without any of
these, or the person is a speck under a wing or sail. A class file's older key `person_required` still counts: true is
`person`, false is `nothing`.
"""
_BENCHMARKS = """## Benchmarks

A mapping says that clips of the benchmark's class count as the class here; several may map to one.
Something-Something V2 names what happens to things, not what people tag, so few of its classes have
one here. The lists in `data/benchmarks` are those of Kay et al. 2017 (Kinetics), Soomro et al. 2012 (UCF101), Kuehne et
al. 2011 (HMDB51) and Goyal et al. 2017 (Something-Something).
"""
_HOW = """## How to propose a class

1. `h2a classes new ID --group GROUP` writes the entry into the group's file in `data/classes`, with the next free label
   ({free}); a label is never changed or used again, and `data/classes/labels.csv` remembers which class each stood for.
2. Write every key (each that the command takes is an option of it): `definition` says what must be *seen*; 3 to 8
   `seed_hashtags` that people really write, each with the principle behind it ({reasons});
   `excluded_hashtags` for the homonyms that you know; at least 5 `prompts`, captions of one frame that tell the class
   from its `siblings`; `must_show` where neither face nor body need be seen; `clip_stride` 2 where the action is over
   within a second; `risks`; `mappings` by the benchmarks' exact class names (`data/benchmarks`). Prompts speak of a
   person or an adult: frames like them are looked for, so `h2a classes lint` refuses words for children but in a class
   with the flag `minors` that is about them.
3. Name the class in its siblings' entries too (the command does), run `h2a classes lint` until it is silent, and make
   this page again: `h2a classes export --format md --out docs/classes.md`. Who writes an entry without the command
   runs `h2a classes lint --record` once.

`h2a classes rename OLD NEW` gives a class another id: label, siblings, recipes and ledger follow, and the history gets
its line. A rename without that line loses what was learnt for the class; lint finds it by the ledger.

A class that is renamed, split, merged or retired leaves a line under `history` in a class file of the folder:

```yaml
group: ball-sports
classes:
  - {{id: ball-toss, label: 3}}
  - {{id: dunk, label: 4}}
history:
  - {{date: 2026-12-01, kind: renamed, classes: {{ball-throw: 3}}, into: [ball-toss], why: what people call it}}
  - {{date: 2026-12-02, kind: retired, classes: {{hoops: 1}}, why: nobody tags it}}
```

The kinds are renamed (the label goes on), split, merged and retired (the labels are taken for ever). No fact in a lake
changes: what was learnt for the old class speaks for the new ones in the next decision, and published versions keep the
ids and labels that they were made with.
"""


def as_page(classes: Sequence[ActionClass], changes: Sequence[Change]) -> str:
    """Markdown: counts by group, coverage of the benchmarks, all classes, how to propose one."""
    groups = list(dict.fromkeys(sorted(c.group for c in classes)))
    ended = [label for change in changes for label in change.classes.values()]
    free = 1 + max([c.label for c in classes] + ended)
    parts = [
        _HEAD.format(num=len(classes)),
        "## Groups\n",
        _table(("group", "classes", "of them with a risk flag"), (_group_row(g, classes) for g in groups)),
        _SHOWN,
        _table(("must show", "classes", "which"), (_shown_row(shown, classes) for shown in MUST_SHOW)),
        _BENCHMARKS,
        _table(("benchmark", "its classes", "mapped", "not mapped"), (_benchmark_row(b, classes) for b in BENCHMARKS)),
        "## Risk flags\n",
        _table(("flag", "classes"), sorted(Counter(risk for c in classes for risk in c.risks).items())),
        _HOW.format(free=free, reasons=", ".join(f"`{reason}`" for reason in REASONS)),
        *(_group(group, [c for c in classes if c.group == group]) for group in groups),
    ]
    if changes:
        parts += ["## Classes that are no more\n", _table(("date", "what", "into", "why"), map(_change_row, changes))]
    return "\n".join(parts)


def _group(group: str, classes: Sequence[ActionClass]) -> str:
    rows = ((c.label, f"**{c.name}** `{c.id}`", c.definition, _tags(c), _covered(c)) for c in classes)
    return f"## {group}\n\n{_table(('label', 'class', 'must be seen', 'seed hashtags', 'covers'), rows)}"


def _tags(c: ActionClass) -> str:
    return " ".join(f"#{tag}" for tag in c.seed_hashtags)


def _covered(c: ActionClass) -> str:
    return "; ".join(f"{_TITLES[b]}: {', '.join(names)}" for b in BENCHMARKS if (names := getattr(c.mappings, b)))


def _group_row(group: str, classes: Sequence[ActionClass]) -> tuple[str, int, int]:
    own = [c for c in classes if c.group == group]
    anchor = f"[{group}](#{group})"
    return anchor, len(own), sum(bool(c.risks) for c in own)


def _shown_row(shown: MustShow, classes: Sequence[ActionClass]) -> tuple[str, int, str]:
    ids = [c.id for c in classes if c.must_show == shown]
    return f"`{shown}`", len(ids), "all others" if shown == "person" else ", ".join(f"`{i}`" for i in sorted(ids))


def _benchmark_row(benchmark: str, classes: Sequence[ActionClass]) -> tuple[str, int, int, str]:
    mapped = {name for c in classes for name in getattr(c.mappings, benchmark)}
    every = benchmark_classes(benchmark)
    left = [name for name in every if name not in mapped]
    shown = ", ".join(left) if len(left) <= len(every) / 2 else f"{len(left)} others"
    return _TITLES[benchmark], len(every), len(mapped), shown or "none"


def _change_row(change: Change) -> tuple[str, str, str, str]:
    ended = ", ".join(f"`{class_id}` ({label})" for class_id, label in change.classes.items())
    return (
        change.date.isoformat(),
        f"{change.kind}: {ended}",
        ", ".join(f"`{heir}`" for heir in change.into),
        change.why,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)
