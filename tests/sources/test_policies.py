"""Every way to fail has one policy, and the page says the same."""

import re
from pathlib import Path

import pytest

from h2a_curation.acquire.errors import FINAL, POLICIES, ErrorKind, LaneStopped, Policy

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| `(\w+)` \| (\w+) \| [^|]+ \|$", PAGE.partition("## When it fails")[2], re.MULTILINE)


def test_the_page_names_each_word_once_with_its_policy():
    assert dict(TABLE) == {kind.value: policy.value for kind, policy in POLICIES.items()}
    assert len(TABLE) == len(ErrorKind) == len(POLICIES)


def test_the_page_says_what_each_policy_does():
    assert set(re.findall(r"^- \*\*(\w+)\*\*: ", PAGE, re.MULTILINE)) >= {policy.value for policy in Policy}


@pytest.mark.parametrize("kind", ErrorKind)
def test_a_stopped_lane_is_no_failure_of_a_post_whatever_its_word(kind):
    assert LaneStopped(kind, "5 posts in a row failed").policy is Policy.STOP


def test_what_is_final_is_what_nobody_asks_for_again():
    assert set(FINAL) == {"gone", "private", "photo_post", "no_video", "not_video", "too_large", "opt_out"}
