from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.sources.watch_pages import key_path, spellings

UUID_ = "9c9de5e8-0a1e-484a-b099-e80766180a6d"
SHORT = "kkGMgK9ZtnKfYAgnEtQxbv"


@pytest.mark.parametrize(
    "path", [f"/w/{SHORT}", f"/w/{UUID_}", f"/videos/watch/{SHORT}/", f"/videos/embed/{UUID_.upper()}"]
)
def test_all_pages_of_a_video_have_one_key(path):
    """The pair of names is that of Framasoft's own film on framatube.org."""
    assert key_path(path) == f"/videos/watch/{UUID_}"
    assert set(spellings(path)) >= {f"/w/{SHORT}", f"/videos/watch/{UUID_}", f"/videos/embed/{SHORT}"}


@pytest.mark.parametrize(
    "path", ["", "/", f"/a/{SHORT}", "/w/short", f"/w/{'Z' * 22}", f"/w/{SHORT}x", f"/w/p/{SHORT}"]
)
def test_other_paths_are_left_alone(path):
    assert key_path(path) == path
    assert spellings(path) == []


@given(st.uuids())
def test_each_spelling_leads_back(video: UUID):
    assert {key_path(path) for path in spellings(f"/w/{video}")} == {f"/videos/watch/{video}"}
