"""Settings as a checkpoint holds them, compared with those that are asked for."""

from dataclasses import dataclass

import pytest

from h2a_curation.videomae.loop.settings import as_json, differences


@dataclass(frozen=True)
class Inner:
    width: int
    betas: tuple[float, float] = (0.9, 0.95)


@dataclass(frozen=True)
class Asked:
    inner: Inner
    seed: int
    fast: bool = False


ASKED = Asked(inner=Inner(width=4), seed=1)


def test_what_was_stored_by_the_same_program_is_the_same():
    assert as_json(ASKED) == {"inner": {"width": 4, "betas": [0.9, 0.95]}, "seed": 1, "fast": False}
    assert differences(as_json(ASKED), ASKED) == []


def test_a_field_that_is_not_stored_has_its_default_at_any_depth():
    stored = {"inner": {"width": 4}, "seed": 1}
    assert differences(stored, ASKED) == []
    faster = Asked(inner=Inner(width=4, betas=(0.8, 0.9)), seed=1, fast=True)
    assert [d.says for d in differences(stored, faster)] == [
        "fast is false there and true here",
        "inner.betas is [0.9, 0.95] there and [0.8, 0.9] here",
    ]


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ({"inner": {"width": 4}}, "seed is unknown there and 1 here"),
        ({"inner": {"width": 5}, "seed": 1}, "inner.width is 5 there and 4 here"),
        ({"inner": {"width": 4, "new": 1}, "seed": 1}, "inner.new is 1 there and unknown here"),
        ({"inner": None, "seed": 1}, 'inner is null there and {"width": 4, "betas": [0.9, 0.95]} here'),
    ],
)
def test_another_run_is_told_by_its_field(stored, says):
    [difference] = differences(stored, ASKED)
    assert difference.says == says
    assert difference.field == says.split(" ")[0].split(".")[0]


def test_what_is_no_mapping_differs_in_every_field_without_default():
    assert [d.field for d in differences("Namespace(lr=0.1)", ASKED)] == ["inner", "seed"]
