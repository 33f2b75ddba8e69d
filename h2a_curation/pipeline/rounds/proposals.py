"""Tags that may be claimed before any company speaks for them: by a class's words, and by meaning."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from h2a_curation.catalog.views import Catalog
from h2a_curation.mining import similar_tags
from h2a_curation.mining.propose_tags import SIMILAR, WORDS, unclaimed_sql
from h2a_curation.mining.word_forms import forms
from h2a_curation.pipeline.part import embedded, prompts_of
from h2a_curation.recipes import Recipe
from h2a_curation.taxonomy.propose import vocabulary, words_of

Embed = Callable[[list[str]], None]
"""`embed(texts)` has rows made of texts that have none."""


def proposals(facts: Catalog, counted: pa.Table, recipe: Recipe, round_no: int, embed: Embed) -> pa.Table:
    """What `grounds_sql` reads as `proposal`; `counted` is what `count_sql` yields."""
    found = [(WORDS, *form) for form in _by_words(recipe)] if recipe.learn.by_words else []
    if num_tags := recipe.learn.similar_tags * round_no:
        tags = facts.query(unclaimed_sql(recipe.learn, num_tags), {"counted": counted})["tag"].to_pylist()
        found += [(SIMILAR, *meant) for meant in _by_meaning(facts, tags, recipe, embed)]
    return table(("reason", "tag", "class_id", "rank"), found, rank=pa.int64())


def table(names: Iterable[str], rows: Iterable[tuple[Any, ...]], **types: pa.DataType) -> pa.Table:
    """Rows as columns; what has no type given is text."""
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def _by_words(recipe: Recipe) -> list[tuple[str, str, int]]:
    return forms({c.id: (c.id.replace("-", " "), c.name, *c.seed_hashtags) for c in recipe.action_classes})


def _by_meaning(facts: Catalog, tags: list[str], recipe: Recipe, embed: Embed) -> list[tuple[str, str, int]]:
    """Of the tags that known words make up: letters run together mean nothing to a text tower.

    Each tag's text is a row, made once; the classes' vectors are the mean of their prompts', as in validation.
    """
    known = vocabulary(recipe.action_classes)
    words = {tag: words_of(tag, known) for tag in tags}
    texts = {tag: f"a video of {' '.join(parts)}" for tag, parts in words.items() if known.issuperset(parts)}
    if not texts:
        return []
    prompts = prompts_of(recipe, facts, embed)
    vectors = embedded(recipe, facts, texts.values(), embed)
    of_tag = np.stack([vectors[text] for text in texts.values()])
    return similar_tags.meant(list(texts), of_tag, prompts.class_ids, prompts.matrix, recipe.learn)
