"""Which recipe a command takes: what its line says, and before that what the lake's last build said.

The lake remembers how its recipe was named, and not the recipe: who changes the recipe's file and builds again means
the changed one. Paths are kept as seen from the lake: both may move together, and no path of a machine is in a lake.

A lake may come from somebody else, and what its choice names would then be read by their word: a table beside one's own
files, settings, weights. So a choice is followed where it was written, and elsewhere only as far as it names a recipe
that ships. `_mark` tells the two apart.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from h2a_curation.acquire.permissions import Permissions
from h2a_curation.foundation import json_file, yaml_file
from h2a_curation.foundation.secret_text import HIDDEN, hidden
from h2a_curation.lake import decisions, files, layout
from h2a_curation.lake.lake import Lake, open_lake
from h2a_curation.recipes import EmbedRules, Recipe, load, names
from h2a_curation.taxonomy.load import answering_to_own_name

_WRITTEN_HERE = "written_here"
"""The key of the mark in `recipe.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a command line says of the recipe; what is empty says nothing."""

    recipe: str | None = None
    """Name of one that ships, or a file."""
    table: Path | None = None
    """A table of addresses, or a folder of downloads, in place of the source's."""
    classes: Path | None = None
    """A class file or folder in place of the recipe's."""
    columns: tuple[str, ...] = ()
    """OURS=THEIRS for each column of the table with another name."""
    model: str | None = None
    """The open_clip model in place of the recipe's."""
    pretrained: str | None = None
    """The model's tag, or a file of its weights."""
    leave_out_risks: tuple[str, ...] = ()
    """Risk flags beside the recipe's, whose classes are left out."""
    settings: tuple[str, ...] = ()
    """KEY=VALUE for each value that goes before the recipe's."""

    @classmethod
    def said(cls, **options: Any) -> "Choice":
        """The choice by options as typer gives them, where what was not given is None."""
        given: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in options.items() if v is not None
        }
        return replace(cls(), **given)

    def load(self, permissions: Permissions | None = None) -> Recipe:
        """The recipe, with the permissions of a command that fetches; None for one that does not.

        ValueError says what in it or in the choice is wrong, and what to do.
        """
        if self.recipe is None and self.table is None:
            raise ValueError("what to build? give a table of URLs, or --recipe NAME_OR_FILE")
        default = "folder" if self.table is not None and self.table.is_dir() else "table"
        chosen = load(
            self.recipe or default,
            classes=self.classes,
            leave_out_risks=self.leave_out_risks,
            settings=self.settings,
        )
        if self.table is not None:
            chosen = _of_table(chosen, self.table, self.columns)
        if self.model is not None or self.pretrained is not None:
            embed = EmbedRules(model=self.model or chosen.embed.model, pretrained=self.pretrained)
            chosen = replace(chosen, embed=embed)
        if permissions is None:
            return chosen
        if self.table is None and not any(said.startswith(("source.file=", "source=")) for said in self.settings):
            _check_file(chosen, Path(self.recipe or default), permissions)
        return replace(chosen, permissions=permissions)

    def in_words(self) -> str:
        """The options that say the same."""
        options: dict[str, Sequence[object]] = {
            "recipe": [self.recipe],
            "classes": [self.classes],
            "model": [self.model],
            "pretrained": [self.pretrained],
            "column": self.columns,
            "leave-out-risks": self.leave_out_risks,
            "set": self.settings,
        }
        said = [str(self.table)] if self.table else []
        said += [f"--{option} {value}" for option, values in options.items() for value in values if value is not None]
        return hidden(" ".join(said))


def of_lake(lake: Lake, said: Choice) -> Choice:
    """What the lake's last build chose, with what is said now before it.

    A recipe or a table that is said now stands alone: nothing of the last build's goes with it. ValueError where
    neither names a recipe.
    """
    if said.recipe is not None or said.table is not None:
        return said
    last = _remembered(lake)
    given = {setting.partition("=")[0] for setting in said.settings}
    for setting in last.settings:
        if HIDDEN in setting and setting.partition("=")[0] not in given:
            raise ValueError(
                f"the lake's last build was told a secret, which no lake keeps: give --set {setting} again, with what"
                f" stood at {HIDDEN}"
            )
    return replace(
        last,
        classes=said.classes or last.classes,
        model=said.model or last.model,
        # Weights belong to their model: another model does not take the last one's.
        pretrained=said.pretrained if said.model or said.pretrained else last.pretrained,
        leave_out_risks=(*last.leave_out_risks, *said.leave_out_risks),
        settings=(*last.settings, *said.settings),
    )


def at(folder: Path, said: Choice) -> Choice:
    """The same for a folder that may become a lake."""
    return of_lake(open_lake(folder), said) if (folder / layout.LAKE_FILE).exists() else said


def remember(lake: Lake, choice: Choice) -> None:
    """Keep the choice for the next command on this lake."""
    told = {key: value for key, value in asdict(choice).items() if value}
    if choice.settings:
        told["settings"] = [hidden(setting) for setting in choice.settings]
    for key in ("table", "classes"):
        if key in told:
            told[key] = os.path.relpath(told[key], lake.path)
    if _is_file(choice.recipe):
        told["recipe"] = os.path.relpath(str(choice.recipe), lake.path)
    told[_WRITTEN_HERE] = _mark(lake)
    content = json.dumps(told, indent=1, ensure_ascii=False).encode()
    place = lake.path / layout.RECIPE_FILE
    if not place.exists() or place.read_bytes() != content:
        files.replace_file(lake.path, place, content)


def _remembered(lake: Lake) -> Choice:
    place = lake.path / layout.RECIPE_FILE
    if not place.exists():
        return Choice(recipe=_of_newest_decision(lake))
    try:
        content = json_file.read(place)
        mark = content.pop(_WRITTEN_HERE, None) if isinstance(content, dict) else None
        told = yaml_file.check(content, Choice)
    except ValueError as damaged:
        raise ValueError(f"{place} is damaged: name the recipe with --recipe") from damaged
    ships_whole = told == Choice(recipe=told.recipe, leave_out_risks=told.leave_out_risks) and told.recipe in names()
    if mark != _mark(lake) and not ships_whole:
        raise ValueError(
            f"{place} was not written in this place, so what it names is not followed: {told.in_words()[:200]!r}."
            " If you trust it, give the same once yourself, with --recipe or the table"
        )

    def here(path: Path | None) -> Path | None:
        return None if path is None else _from_here(lake.path / path)

    recipe = str(_from_here(lake.path / str(told.recipe))) if _is_file(told.recipe) else told.recipe
    return replace(told, recipe=recipe, table=here(told.table), classes=here(told.classes))


def _mark(lake: Lake) -> list[int]:
    """What no copy of a lake has: the number of its first file, and when that came to this disk, in nanoseconds.

    A lake that is moved on its disk keeps both; whoever makes one for others to unpack can know neither.
    """
    about = (lake.path / layout.LAKE_FILE).stat()
    return [about.st_ino, about.st_ctime_ns]


def _of_newest_decision(lake: Lake) -> str:
    """The recipe that decided a lake of before recipes were remembered, where it ships."""
    newest = decisions.newest(lake.path)
    if newest is None:
        raise ValueError(f"{lake.path} was not built yet: name the recipe that mines it with --recipe")
    recipe = str(decisions.about(newest)["recipe"])
    if recipe not in names():
        raise ValueError(f"recipe '{recipe}' decided this lake and does not ship: name its file with --recipe")
    return recipe


def _of_table(recipe: Recipe, table: Path, columns: Sequence[str]) -> Recipe:
    """The recipe on a table whose column `class` names classes by id."""
    if recipe.source.by_tag:
        raise ValueError(f"recipe '{recipe.name}' mines hashtags and takes no table: leave one of the two out")
    if bad := [c for c in columns if "=" not in c]:
        raise ValueError(f"--column {bad[0]}: write OURS=THEIRS, such as url=link")
    mapping: dict[str, str] = dict(c.split("=", 1) for c in columns)
    source = replace(recipe.source, file=table, columns=mapping)
    return replace(recipe, source=source, action_classes=answering_to_own_name(recipe.action_classes))


def _check_file(recipe: Recipe, file: Path, permissions: Permissions) -> None:
    """ValueError for a table or folder outside of the recipe's own folder: the recipe may be somebody else's.

    It could name a list of the user's, and addresses that carry the list's cells away.
    """
    named = recipe.source.file
    if named is None:
        return
    folders = [file.parent.resolve(), file.resolve().parent, *filter(None, [permissions.files_from])]
    real = Path(os.path.realpath(named))
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise ValueError(
            f"{file}: source.file leads to {real}, outside of the recipe's folder: if you mean that, name it on the"
            " command line, as in `h2a build FILE --recipe ...`, or add --files-from and its folder"
        )


def _is_file(recipe: str | None) -> bool:
    """Whether a recipe is named by its file."""
    return recipe is not None and recipe.endswith((".yaml", ".yml"))


def _from_here(path: Path) -> Path:
    """The same place as seen from the working folder, in as few steps as `..` allows."""
    return Path(os.path.relpath(path))
