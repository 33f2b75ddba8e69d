"""An experiment's folder: what it is of, and a row for each run that is finished."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.jobs.folder_settings import agree
from h2a_curation.videomae.evaluate.parts import Parts, read_table
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
        agree(self.out / SETTINGS, settings, rows=ROWS, plural="runs", other="another experiment")

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
