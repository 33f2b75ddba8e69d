import numpy as np

import schemas
from h2a_curation.measure.embed import embed, embed_prompts
from tests.measure.looks import look


def test_vectors_are_stored_frame_by_frame_and_survive_the_table():
    def encode(frames):
        return np.arange(len(frames) * 3, dtype=np.float16).reshape(-1, 3) / 8

    [row] = embed([("c1", look())], model="m", encode=encode)
    assert (row.clip_id, row.times_s) == ("c1", [0.5, 1.5])
    table = schemas.to_arrow(schemas.FrameEmbedding, [row])
    assert table["vectors"].to_pylist() == [[0, 0.125, 0.25, 0.375, 0.5, 0.625]]


def test_one_clip_is_one_batch():
    sizes = []

    def encode(frames):
        sizes.append(len(frames))
        return np.ones((len(frames), 1), np.float16)

    list(embed([("c1", look()), ("c2", look())], model="m", encode=encode))
    assert sizes == [2, 2]


def test_a_prompt_is_embedded_by_itself():
    batches = []

    def encode(texts):
        batches.append(texts)
        return np.full((1, 2), len(texts[0]), np.float16)

    rows = list(embed_prompts(["ab", "abc"], model="m", encode=encode))
    assert batches == [["ab"], ["abc"]]
    assert [(row.prompt, row.vector) for row in rows] == [("ab", [2, 2]), ("abc", [3, 3])]
