"""A recipe: where posts come from, and every stage's rules. YAML, checked into these dataclasses."""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.audit.draw import ALWAYS_LEFT, AuditRules
from h2a_curation.decide.decision import DecideRules
from h2a_curation.decide.minor import MinorWords
from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.foundation.secret_text import hidden
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.measure import sense
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.frames import LookRules
from h2a_curation.measure.perceptual_hash import HashRules
from h2a_curation.measure.probe import ProbeRules
from h2a_curation.measure.sense import SenseRules
from h2a_curation.mining.allocate import MineRules
from h2a_curation.mining.propose_tags import LearnRules
from h2a_curation.mining.tag_state import StandingRules
from h2a_curation.publish.pack import PackRules
from h2a_curation.sources.rules import SourceRules
from h2a_curation.taxonomy.load import hint, load_classes, load_negatives
from h2a_curation.taxonomy.model import RISKS, ActionClass, Negative, Risk

LOCAL_MODEL = "local-dir:"
"""open_clip's own prefix for a model in a folder; in a recipe, relative to the recipe's file."""
_SIGNAL = re.compile(r"""\bsignals\s*(?:\[|,)\s*'([^']*)'""")
"""A signal that a rule names: `signals['NAME']`, or as an argument after `signals`, such as map_extract's."""


def _known_signals(rules: DecideRules) -> DecideRules:
    """Refuse a rule of the user's own on a signal that is not measured: its value would be NULL, which passes."""
    known = [signal.name for signal in sense.SIGNALS]
    for place, extra in (("clip", rules.clip.extra), ("validate", rules.validate.extra)):
        for n, rule in enumerate(extra):
            for name in _SIGNAL.findall(rule.value):
                if name not in known:
                    text = f"rule '{rule.reason}' asks for the signal '{name}', which is not measured;"
                    raise MisfitError((place, "extra", n, "value"), f"{text} {_nearest(name, known)}")
    return rules


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return (f"the nearest known is '{close[0]}', of " if close else "known are ") + ", ".join(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRules:
    """The open_clip model that sees frames and reads prompts."""

    model: str = "ViT-L-14"
    """Any open_clip model name, `hf-hub:...`, or `local-dir:FOLDER`."""
    pretrained: str | None = "datacomp_xl_s13b_b90k"
    """A tag that open_clip knows, or a file of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeFile:
    """What stands in a recipe file; all of it may be left out."""

    NOT_HERE: ClassVar[Mapping[str, str]] = {
        "salt": "who has the recipe could undo the pseudonyms; each lake has a secret one: leave it out"
    }

    about: str = ""
    """One line for the reader."""
    extends: str = ""
    """Another recipe, of which this one is a change: one that ships, by name, or a file beside this one. What is not
    said here is as it says. Mappings are taken key by key, lists whole. A source of another kind takes nothing."""
    seed: int = 0
    """Seed of every draw in mining, and of the sample world."""
    classes: Path | None = None
    """A class file or folder, relative to the recipe's file; default: those that ship."""
    only_classes: tuple[str, ...] = ()
    """Ids of the classes to build; empty for all."""
    leave_out_risks: tuple[Risk, ...] = ()
    """Classes that carry one of these flags are left out altogether: not mined, not judged, not published."""
    source: SourceRules = field(default_factory=SourceRules)
    """The place that posts come from."""
    adapt: bool = True
    """Learn tags from validated posts; without, the seed tags are all that is mined."""
    mine: MineRules = field(default_factory=MineRules)
    """How many pages are asked for, and of which tags."""
    standing: StandingRules = field(default_factory=StandingRules)
    """What it takes to leave a tag."""
    learn: LearnRules = field(default_factory=LearnRules)
    """What it takes to learn a tag."""
    max_files: int = 4000
    """Files that come in all of the recipe's rounds together; each round more adds an equal share to it."""
    first_files_share: float = 0.5
    """Share of `max_files` that may come in the first round: what they show is what later rounds learn from."""
    audit: AuditRules = field(default_factory=AuditRules)
    """What is drawn by lot, to know how precise and how complete decisions are."""
    fetch: FetchRules = field(default_factory=FetchRules)
    """How files are asked for, and how often again."""
    lanes: int = 4
    """Number of requests and downloads at a time."""
    probe: ProbeRules = field(default_factory=ProbeRules)
    """What one untrusted file may cost."""
    cut: CutRules = field(default_factory=CutRules)
    """What ends a scene, and how its clip is encoded."""
    look: LookRules = field(default_factory=LookRules)
    """How much of a clip is looked at."""
    hash: HashRules = field(default_factory=HashRules)
    """Which frames are worth a perceptual hash."""
    embed: EmbedRules = field(default_factory=EmbedRules)
    """Which model sees the frames."""
    sense: SenseRules = field(default_factory=SenseRules)
    """What counts as black, as a person, as a face."""
    decide: Annotated[DecideRules, AfterValidator(_known_signals)] = field(default_factory=DecideRules)
    """Which posts and clips are kept."""
    pack: PackRules = field(default_factory=PackRules)
    """How clips are spread over shards."""
    part_size: int = 256
    """Number of keys of one commit: some minutes of work, which is what a kill can cost."""

    def __post_init__(self) -> None:
        if min(self.max_files, self.lanes, self.part_size) < 1 or not 0 < self.first_files_share <= 1:
            raise ValueError("max_files, lanes and part_size start at 1, first_files_share is a share above 0")
        # The words of the rule `minor` come with the classes (resolve), and ALWAYS_LEFT has its reason anyway.
        post = dataclasses.replace(self.decide.post, minor=False)
        reasons = {name for rule in post.named() for name in (rule.reason, rule.unknown)}
        if unknown := sorted({*self.audit.leave_alone} - reasons - {*ALWAYS_LEFT}):
            raise ValueError(
                f"audit.leave_alone names '{unknown[0]}', which no rule of decide.post gives as a reason;"
                f" they give {', '.join(sorted(reasons - {'ok'}))}"
            )

    def files_by(self, round_no: int) -> int:
        """Files to have at most when this round ends; it does not depend on whether there are later ones."""
        if round_no + 1 >= self.mine.num_rounds:
            return math.ceil(self.max_files * (round_no + 1) / self.mine.num_rounds)
        later = (1 - self.first_files_share) * round_no / (self.mine.num_rounds - 1)
        return math.ceil(self.max_files * (self.first_files_share + later))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(RecipeFile):
    """A recipe with the classes that it names, ready to build."""

    name: str
    text: str
    """The file's own text without passwords and keys, kept in each version's manifest."""
    action_classes: tuple[ActionClass, ...]
    left_out: tuple[str, ...]
    """Ids of the classes that `leave_out_risks` took away."""
    negatives: tuple[Negative, ...]
    permissions: Permissions = field(default_factory=Permissions)
    """What whoever runs the command permits; no recipe's file can say it."""


def names() -> list[str]:
    """The recipes that ship."""
    return sorted(file.stem for file in (data_folder() / "recipes").glob("*.yaml"))


def load(
    name_or_file: str,
    *,
    classes: Path | None = None,
    leave_out_risks: Sequence[str] = (),
    settings: Sequence[str] = (),
) -> Recipe:
    """A recipe that ships, by name, or one of the user's, by file.

    `classes` takes the place of the recipe's own, `leave_out_risks` comes to them, and `settings`, each KEY=VALUE, go
    before all that it says. ValueError names file, line and remedy.
    """
    file = _file_of(name_or_file, Path())
    layers = _extended(file, ())
    given = yaml_file.merged([*layers, *map(_set_here, settings)], RecipeFile)
    risks = tuple(dict.fromkeys([*given.leave_out_risks, *map(_risk, leave_out_risks)]))
    recipe = resolve(dataclasses.replace(given, leave_out_risks=risks), file, classes)
    # A version's manifest keeps the text, so it tells all that the recipe is.
    beside = [_commented(Path(layer.name)) for layer in layers[-2::-1]]
    beside += [f"# Set beside, by --set: {setting}\n" for setting in settings]
    if leave_out_risks:
        beside.append(f"# Left out beside, by --leave-out-risks: {', '.join(leave_out_risks)}\n")
    return dataclasses.replace(recipe, text=hidden("".join([recipe.text, *beside])))


def _file_of(name_or_file: str, folder: Path) -> Path:
    """The file of a recipe: the user's own, as seen from the folder, or that of one that ships."""
    file = Path(name_or_file).expanduser()
    if file.suffix in (".yaml", ".yml"):
        return folder / file
    shipped = data_folder() / "recipes" / f"{name_or_file}.yaml"
    if name_or_file not in names():
        raise ValueError(f"no recipe '{name_or_file}': give a .yaml file or one of {', '.join(names())}")
    return shipped


def _extended(file: Path, by: tuple[Path, ...]) -> list[yaml_file.Layer]:
    """The recipe in this file as layers, the first being the one that extends no other; `by` are those above it."""
    if file.resolve() in by:
        raise ValueError(f"{by[-1]}: extends comes back to {file}: let one of them extend none")
    layer = yaml_file.read(file)
    if not isinstance(layer.content, dict):
        raise ValueError(f"{file}: a recipe is a mapping of names to values")
    named = layer.content.get("extends")
    if not named or not isinstance(named, str):
        return [layer]
    try:
        other = _file_of(named, file.parent)
    except ValueError as unknown:
        raise ValueError(f"{layer.where(('extends',))}: {unknown}") from unknown
    below = [_seen_from(other.parent, one) for one in _extended(other, (*by, file.resolve()))]
    own, theirs = _kind(layer), next(filter(None, map(_kind, reversed(below))), SourceRules().kind)
    if own not in (None, theirs):
        below = [dataclasses.replace(one, content={**one.content, "source": {}}) for one in below]
    return [*below, layer]


def _kind(layer: yaml_file.Layer) -> str | None:
    """The kind of source that a layer names."""
    source = layer.content.get("source")
    return source.get("kind") if isinstance(source, dict) else None


def _seen_from(folder: Path, layer: yaml_file.Layer) -> yaml_file.Layer:
    """A layer whose paths stood beside this folder, and now say the same from anywhere."""
    content = yaml_file.with_paths_from(folder, layer.content, RecipeFile)
    embed = content.get("embed")
    if isinstance(embed, dict) and str(embed.get("model")).startswith(LOCAL_MODEL):
        model = (folder / Path(embed["model"].removeprefix(LOCAL_MODEL)).expanduser()).absolute()
        content = {**content, "embed": {**embed, "model": f"{LOCAL_MODEL}{model}"}}
    return dataclasses.replace(layer, content=content)


def _set_here(text: str) -> yaml_file.Layer:
    """A setting of the command line, whose paths are seen from where the command runs."""
    return _seen_from(Path(), yaml_file.setting(text))


def _commented(file: Path) -> str:
    """The text of a recipe that another one extends, as a comment below it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return "".join(f"# {line}\n".replace(" \n", "\n") for line in [f"It extends {file.name}:", *lines])


def resolve(given: RecipeFile, file: Path, classes: Path | None = None) -> Recipe:
    """Load the classes that a recipe names; paths in it are relative to `file`."""
    own = yaml_file.beside(file, given.classes) if given.classes else None
    chosen = load_classes(classes or own)
    if given.only_classes and classes is None:
        known = {c.id: c for c in chosen}
        if unknown := [c for c in given.only_classes if c not in known]:
            raise ValueError(
                f"{file}: only_classes names '{unknown[0]}', which is no class; {hint(unknown[0], chosen)}"
            )
        chosen = [known[c] for c in given.only_classes]
    left_out = [c.id for c in chosen if set(given.leave_out_risks).intersection(c.risks)]
    chosen = [c for c in chosen if c.id not in left_out]
    if not chosen:
        raise ValueError(f"{file}: leave_out_risks leaves no class: all carry {' or '.join(given.leave_out_risks)}")
    if given.decide.post.minor and given.decide.post.minor_words is None:
        post = dataclasses.replace(given.decide.post, minor_words=shipped_minor_words())
        given = dataclasses.replace(given, decide=dataclasses.replace(given.decide, post=post))
    model = given.embed.model
    if model.startswith(LOCAL_MODEL):
        folder = yaml_file.beside(file, Path(model.removeprefix(LOCAL_MODEL))).resolve()
        given = dataclasses.replace(given, embed=dataclasses.replace(given.embed, model=f"{LOCAL_MODEL}{folder}"))
    given = dataclasses.replace(given, source=given.source.beside(file))
    fields = {f.name: getattr(given, f.name) for f in dataclasses.fields(RecipeFile)}
    return Recipe(
        **fields,
        name=_name(file),
        text=hidden(file.read_text(encoding="utf-8")) if file.exists() else "",
        action_classes=tuple(chosen),
        left_out=tuple(left_out),
        negatives=tuple(load_negatives(chosen)),
    )


def _name(file: Path) -> str:
    """The recipe's name, which names its newest decision in a lake too: that of `...yaml` would be the folder above."""
    if file.stem.startswith(".") or not file.stem.isprintable():
        raise ValueError(f"{file.name!r} names no recipe: rename the file so that its name begins with no dot")
    return file.stem


def shipped_minor_words() -> MinorWords:
    """The reviewed words of `data/minor_words.yaml`."""
    return yaml_file.load(data_folder() / "minor_words.yaml", MinorWords)


def _risk(name: str) -> Risk:
    for risk in RISKS:
        if risk == name:
            return risk
    raise ValueError(f"no class can carry the risk '{name}'; there are {', '.join(RISKS)}")
