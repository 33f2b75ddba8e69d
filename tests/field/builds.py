"""Folders as people bring them, built in the process of the test."""

import dataclasses
import json
from pathlib import Path

from h2a_curation import recipes
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.executors.inline import run_inline
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import models_of
from tests.loopback import ON_LOOPBACK
from tests.videos import H264, make, moving

RECIPE = f"""
classes: classes.yaml
source: {{kind: folder, name: folder, file: brought}}
adapt: false
mine: {{num_rounds: 1, pages_per_round: 1}}
first_files_share: 1.0
fetch: {{max_tries: 1, first_wait_s: 0.1, max_wait_s: 0.2}}
embed: {{model: "local-dir:{data_folder() / "sample_world"}", pretrained: null}}
decide:
  post: {{min_duration_s: null, min_short_side_px: null}}
  clip: {{min_duration_s: null, min_scene_s: null, min_short_side_px: null, person: "off", motion: "off"}}
  validate: {{mode: record}}
  stages: {{dedup: false}}
"""
CLASSES = "classes: [{id: yoga, seed_hashtags: {yoga: noun}, prompts: [a person does yoga on a mat]}]\n"


def folder(place: Path) -> Path:
    """A folder for what is brought, beside a recipe and a class that take whatever decodes."""
    (place / "mine.yaml").write_text(RECIPE)
    (place / "classes.yaml").write_text(CLASSES)
    (place / "brought").mkdir()
    return place / "brought"


def told(file: Path, **said: object) -> Path:
    """The file, with the sidecar that its downloader wrote."""
    content = {"id": file.stem, "tags": ["yoga"], "webpage_url": f"https://example.org/{file.stem}", **said}
    file.with_suffix(".info.json").write_text(json.dumps(content))
    return file


def video(file: Path, hue: int = 0) -> Path:
    """A good file of two seconds, with its sidecar."""
    return told(make(file, *moving(2, hue=hue), *H264))


def built(place: Path, **changed: object) -> Catalog:
    """Build what `folder` has into `lake` beside it; the facts and the decision."""
    recipe = dataclasses.replace(recipes.load(str(place / "mine.yaml")), permissions=ON_LOOPBACK, **changed)
    lake = lakes.create(place / "lake")
    building.build(lake, recipe, run_inline, lambda *_: None)
    return connect(lake.path, models=models_of(recipe), decision=decisions.newest(lake.path))


def fates(decided: Catalog) -> dict[str, tuple[str, str]]:
    """Where each file was lost and why, by the name of its file; `("kept", "ok")` where it was not."""
    rows = decided.query("SELECT url, stage, reason FROM fate JOIN post USING (post_id)").to_pylist()
    return {row["url"].rpartition("/")[2]: (row["stage"], row["reason"]) for row in rows}
