"""Tags that may be claimed before any company speaks for them: by a class's words, and by meaning."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from h2a_curation.catalog.views import Catalog
from h2a_curation.mining import similar_tags
from h2a_curation.mining.propose_tags import SIMILAR, WORDS, unclaimed_sql
from h2a_curation.mining.word_forms import forms
from h2a_curation.pipeline import prompts
from h2a_curation.recipes import Recipe
from h2a_curation.taxonomy.propose import vocabulary, words_of


def proposals(facts: Catalog, recipe: Recipe, texts: Mapping[str, str]) -> pa.Table:
    """What `grounds_sql` reads as `proposal`; `texts` is what `texts_of_tags` gives, and each has its vector."""
    found = [(WORDS, *form) for form in _by_words(recipe)] if recipe.learn.by_words else []
    found += [(SIMILAR, *meant) for meant in _by_meaning(facts, recipe, texts)]
    return table(("reason", "tag", "class_id", "rank"), found, rank=pa.int64())


def texts_of_tags(facts: Catalog, counted: pa.Table, recipe: Recipe, round_no: int) -> dict[str, str]:
    """By tag that nobody claims and that known words make up, the text that says what it means.

    Letters run together mean nothing to a text tower. `counted` is what `count_sql` yields.
    """
    num_tags = recipe.learn.similar_tags * round_no
    if not num_tags:
        return {}
    known = vocabulary(recipe.action_classes)
    tags = facts.query(unclaimed_sql(recipe.learn, num_tags), {"counted": counted})["tag"].to_pylist()
    words = {tag: words_of(tag, known) for tag in tags}
    return {tag: f"a video of {' '.join(parts)}" for tag, parts in words.items() if known.issuperset(parts)}


def table(names: Iterable[str], rows: Iterable[tuple[Any, ...]], **types: pa.DataType) -> pa.Table:
    """Rows as columns; what has no type given is text."""
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def _by_words(recipe: Recipe) -> list[tuple[str, str, int]]:
    return forms({c.id: (c.id.replace("-", " "), c.name, *c.seed_hashtags) for c in recipe.action_classes})


def _by_meaning(facts: Catalog, recipe: Recipe, texts: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Tags whose text lies near a class; the classes' vectors are the mean of their prompts', as in validation."""
    if not texts:
        return []
    vectors = prompts.vectors(facts, recipe, texts.values())
    classes = prompts.class_vectors(facts, recipe)
    of_tag = np.stack([vectors[text] for text in texts.values()])
    return similar_tags.meant(list(texts), of_tag, classes.class_ids, classes.matrix, recipe.learn)
