"""Texts as a model's text tower reads them: which are wanted, which have no vector yet, and the vectors of the others.

Nothing here embeds. Whoever needs vectors asks first for the texts that are missing, and has them embedded as a step.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from h2a_curation.catalog.views import Catalog
from h2a_curation.decide.validate import PromptVectors, mean_prompts
from h2a_curation.pipeline.part import models_of
from h2a_curation.recipes import Recipe

_EMBEDDED = "SELECT {columns} FROM prompt_embedding SEMI JOIN wanted USING (prompt) WHERE model = $model"


def class_texts(recipe: Recipe) -> set[str]:
    """The prompts of all classes and negatives: what `class_vectors` needs."""
    return {prompt for _, prompts in _groups(recipe) for prompt in prompts}


def missing(facts: Catalog, recipe: Recipe, texts: Iterable[str]) -> list[str]:
    """Those of the texts that have no vector by the recipe's model yet, sorted."""
    wanted = set(texts)
    return sorted(wanted.difference(_rows(facts, recipe, wanted, "prompt")["prompt"].to_pylist()))


def vectors(facts: Catalog, recipe: Recipe, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Vectors by text; LookupError where one has not been embedded."""
    wanted = set(texts)
    rows = _rows(facts, recipe, wanted, "prompt, vector")
    if left := wanted.difference(rows["prompt"].to_pylist()):
        raise LookupError(f"{len(left)} texts have no vector, such as {min(left)!r}: embed what `missing` names first")
    matrix = np.array(rows["vector"].to_pylist(), np.float32)
    return dict(zip(rows["prompt"].to_pylist(), matrix, strict=True))


def class_vectors(facts: Catalog, recipe: Recipe) -> PromptVectors:
    """The classes and negatives as the text tower sees them, each the mean of its prompts."""
    from h2a_curation.models import clip as clip_model

    by_text = vectors(facts, recipe, class_texts(recipe))
    return PromptVectors(
        model=models_of(recipe)["prompt"],
        class_ids=tuple(c.id for c in recipe.action_classes),
        negative_ids=tuple(n.id for n in recipe.negatives),
        matrix=mean_prompts([np.stack([by_text[p] for p in prompts]) for _, prompts in _groups(recipe)]),
        logit_scale=clip_model.logit_scale(recipe.embed.model, recipe.embed.pretrained),
    )


def _groups(recipe: Recipe) -> list[tuple[str, tuple[str, ...]]]:
    """(id, prompts) of the classes, then of the negatives: the rows of the matrix."""
    classes = [(c.id, c.prompts) for c in recipe.action_classes]
    return classes + [(n.id, n.prompts) for n in recipe.negatives]


def _rows(facts: Catalog, recipe: Recipe, texts: set[str], columns: str) -> pa.Table:
    wanted = pa.table({"prompt": pa.array(sorted(texts), pa.string())})
    params = {"model": models_of(recipe)["prompt"]}
    return facts.query(_EMBEDDED.format(columns=columns), {"wanted": wanted}, params)
