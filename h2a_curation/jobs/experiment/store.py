"""An experiment's folder: what it is of, and a row for each run that is finished."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.foundation.atomic_files import make_folder, replaced
from h2a_curation.videomae.evaluate.parts import Parts, read_table
from h2a_curation.videomae.loop.settings import as_json, differences
from h2a_curation.videomae.presets import Preset
from schemas import ExperimentRun, arrow_schema, from_arrow, to_arrow

SETTINGS, ROWS = "experiment.json", "experiment.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSettings:
    """What decides the numbers of all runs. Arms and seeds may come later; nothing else may differ."""

    version: str
    pools: Mapping[str, str]
    """Hash of the clips of each pool."""
    held_out: str
    labelled: str
    """Hash of the labelled videos' names and labels."""
    pretraining: Preset
    finetuning: tuple[str, ...]


class ExperimentStore:
    """The folder of an experiment."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._parts = Parts(out)

    def agree(self, settings: ExperimentSettings) -> None:
        """Write the settings; ValueError where the folder holds another experiment."""
        file = self.out / SETTINGS
        if not file.exists():
            if self._parts.files(ROWS):
                raise ValueError(f"{self.out} holds runs without {SETTINGS}, which says of what: choose another --out")
            make_folder(self.out, self.out)
            with replaced(self.out, file) as opened:
                opened.write((json.dumps(as_json(settings), indent=2) + "\n").encode())
            return
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as broken:
            raise ValueError(f"{file} is damaged: choose another --out, or remove this folder") from broken
        if differing := differences(stored, settings):
            shown = ", ".join(difference.says for difference in differing[:3])
            raise ValueError(f"{self.out} holds another experiment ({shown}): choose another --out")

    def rows(self) -> list[ExperimentRun]:
        """A row for each arm and seed that is finished, by arm and seed."""
        tables = (read_table(file, arrow_schema(ExperimentRun)) for file in self._parts.files(ROWS))
        rows = {(row.arm, row.seed): row for table in tables for row in from_arrow(ExperimentRun, table)}
        return [rows[key] for key in sorted(rows)]

    def add(self, row: ExperimentRun) -> None:
        """Write a row to stay."""
        self._parts.add([(ROWS, to_arrow(ExperimentRun, [row]))])

    def finish(self) -> None:
        """One file in place of the parts."""
        self._parts.write(self.out / ROWS, to_arrow(ExperimentRun, self.rows()))
        self._parts.remove()
