import pytest

from h2a_curation.lake import decisions, lake, layout, versions
from tests import factories


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home" / "photos").mkdir(parents=True)
    (tmp_path / "home" / "photos" / "one.jpg").write_text("mine")
    return tmp_path / "home"


@pytest.fixture
def received(tmp_path):
    return lake.create(tmp_path / "lake").path


def test_decisions_that_nothing_names_are_removed_and_the_others_stay(received):
    (received / layout.version("v1")).mkdir(parents=True)
    (received / layout.manifest("v1")).write_bytes(versions.as_bytes(factories.manifest(decision="published")))
    decisions.save(received, "published", {}, {})
    for name in ("old", "new"):
        decisions.save(received, name, {}, {})
        decisions.name(received, "r", name)
    assert sorted(d.name for d in (received / "decisions").iterdir()) == ["new", "published"]
    assert decisions.newest(received) == decisions.newest(received, "r") == received / "decisions" / "new"


def test_a_folder_of_decisions_that_is_a_link_loses_nothing(received, home):
    (received / "decisions").symlink_to(home)
    with pytest.raises(ValueError, match="is a link to"):
        decisions.save(received, "new", {}, {})
    with pytest.raises(ValueError, match="is a link to"):
        decisions.name(received, "r", "new")
    assert [f.name for f in home.rglob("*")] == ["photos", "one.jpg"]


def test_one_decision_that_is_a_link_goes_alone(received, home):
    decisions.save(received, "new", {}, {})
    (received / "decisions" / "old").symlink_to(home / "photos")
    decisions.name(received, "r", "new")
    assert [d.name for d in (received / "decisions").iterdir()] == ["new"]
    assert (home / "photos" / "one.jpg").read_text() == "mine"


def test_refs_that_are_a_link_are_not_written(received, home):
    (received / "refs").symlink_to(home / "photos")
    with pytest.raises(ValueError, match="is a link to"):
        decisions.name(received, "one.jpg", "new")
    assert (home / "photos" / "one.jpg").read_text() == "mine"


@pytest.mark.parametrize("named", ["../../home", "/etc", "..", "", "a/b"])
def test_a_ref_that_leads_elsewhere_is_refused_and_nothing_is_removed(received, named):
    decisions.save(received, "old", {}, {})
    (received / "refs").mkdir()
    (received / "refs" / "theirs").write_text(named)
    with pytest.raises(ValueError, match=r"theirs names the decision .* which is no plain file name"):
        decisions.newest(received)
    with pytest.raises(ValueError, match="which is no plain file name"):
        decisions.name(received, "r", "new")
    assert (received / "decisions" / "old").is_dir()


@pytest.mark.parametrize("recipe", ["..", ".", "a/b", "../decisions/old", "/tmp/x"])
def test_a_recipe_whose_name_leads_elsewhere_names_no_decision(received, recipe):
    with pytest.raises(ValueError, match="rename the recipe's file"):
        decisions.name(received, recipe, "new")
    with pytest.raises(ValueError, match="rename the recipe's file"):
        decisions.newest(received, recipe)


def test_a_recipes_name_is_no_pattern(received):
    decisions.save(received, "new", {}, {})
    decisions.name(received, "squats", "new")
    assert decisions.newest(received, "[s]quats") is None
    assert decisions.newest(received, "*") is None
