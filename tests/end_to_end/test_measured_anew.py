"""What we measure is added to, or mended: old lakes say so, measure that alone, and decide as a fresh lake would."""

import dataclasses
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest

from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.decide.decision import NOBODY
from h2a_curation.decide.rules import Rule, fingerprint
from h2a_curation.explain import decision_diff
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.measure import cut, embed, perceptual_hash, sense
from h2a_curation.measure.sense import Signal
from h2a_curation.models import clip as clip_model
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline import part as work
from h2a_curation.pipeline.part import do_part, models_of
from h2a_curation.video import probe, sample_frames, scenes, transcode

SELECTED = "SELECT clip_id, class_id, split, post_id FROM selection ORDER BY ALL"
VERDICTS = "SELECT * FROM verdict ORDER BY ALL"
CLIPS = "SELECT DISTINCT clip_id FROM clip WHERE clip_id IS NOT NULL ORDER BY clip_id"


class Executor:
    """Does the parts here, and counts keys and rows by stage."""

    def __init__(self):
        self.keys, self.rows = Counter(), Counter()

    def __call__(self, lake, recipe, parts):
        for part in parts:
            self.keys[part.stage] += len(part.keys)
            before = num_rows(lake)
            do_part(lake, recipe, part)
            self.rows[part.stage] += num_rows(lake) - before
            yield part


def num_rows(lake):
    """Rows in all parts of a lake."""
    return sum(pq.read_metadata(file).num_rows for file in (lake / "parts").glob("*/*/*.parquet"))


@pytest.fixture(scope="module")
def recipe():
    return recipes.load("sample-mini")


@pytest.fixture
def lake(mini, tmp_path):
    """A finished lake, to change."""
    shutil.copytree(mini / "lake", tmp_path / "lake")
    return lakes.open_lake(tmp_path / "lake")


def build(lake, recipe):
    """What was done for it, and the decision. The recipe names no site that answers: nothing can be fetched."""
    ran = Executor()
    built = building.build(lake, recipe, ran, lambda *_: None)
    return ran, connect(lake.path, models=models_of(recipe), decision=built.decision)


def decided_afresh(lake, recipe):
    """A decision on the same clips by a lake in which no signal was ever measured before."""
    shutil.rmtree(lake.path / "parts" / "sense")
    job = building.Job(lake=lake, recipe=recipe, run=Executor(), progress=lambda *_: None, models=models_of(recipe))
    steps = building.Steps(job)
    building.measure(steps)
    return connect(lake.path, models=job.models, decision=building.decide(steps))


def rows(decided, sql):
    return decided.query(sql).to_pylist()


def parts(lake, but=()):
    return sorted(p for p in (lake.path / "parts").glob("*/*") if p.parent.name not in but)


def some(clip):
    """A number of a clip that a rule can tell apart: 0 for about half of them."""
    return float(int(clip.look.frames_sha256[0], 16) % 2)


def mended(signals, name, measure=some):
    return tuple(dataclasses.replace(s, version=2, measure=measure) if s.name == name else s for s in signals)


JITTER = Signal(name="jitter", unit="share", meaning="A new signal.", measure=some)


def with_rule(recipe, *rules):
    clip = dataclasses.replace(recipe.decide.clip, extra=rules)
    return dataclasses.replace(recipe, decide=dataclasses.replace(recipe.decide, clip=clip))


def test_version_1_is_what_the_first_lakes_were_measured_with(monkeypatch):
    """The fingerprints as they were computed before our own code was in them."""
    monkeypatch.setattr(work, "_needs_sensors", lambda recipe: False)
    for module in (probe, scenes, transcode, cut, sample_frames, perceptual_hash, embed):
        monkeypatch.setattr(module, "VERSION", 1)
    monkeypatch.setattr(sense, "SIGNALS", tuple(dataclasses.replace(s, version=1) for s in sense.SIGNALS))
    import av

    for name in recipes.names():
        recipe = recipes.load(name)
        cuts = fingerprint([scenes.scenes_fingerprint(), transcode.ffmpeg_fingerprint(), recipe.cut])
        kept = {name: getattr(recipe.cut, name) for name in ("cut_ratio", "short_side_px", "gop_frames", "crf")}
        first_rules = {**kept, "min_cut_levels": 15.0, "min_scene_frames": 15}
        first_cuts = fingerprint([scenes.scenes_fingerprint(), transcode.ffmpeg_fingerprint(), first_rules])
        looks = [first_cuts, av.__version__, recipe.look]
        clip = clip_model.fingerprint(recipe.embed.model, recipe.embed.pretrained)
        assert models_of(recipe) == {
            "probe": fingerprint(["av", av.__version__, recipe.probe]),
            "cut": cuts,
            "hash": fingerprint([looks, recipe.hash]),
            "embed": fingerprint([looks, clip]),
            "sense": fingerprint([looks, recipe.sense, "none"]),
            "prompt": fingerprint([clip]),
        }


LOOKS = {"hash", "embed", "sense", "sense.person"}


@pytest.mark.parametrize(
    ("module", "version", "anew"),
    [
        (probe, "VERSION", {"probe"}),
        (scenes, "VERSION", {"cut"}),  # what was seen of a clip holds as long as its bytes, which are its id
        (transcode, "VERSION", {"cut"}),
        (cut, "VERSION", {"cut"}),
        (sample_frames, "VERSION", LOOKS),
        (perceptual_hash, "VERSION", {"hash"}),
        (embed, "VERSION", {"embed"}),
        (embed, "PROMPT_VERSION", {"prompt"}),
    ],
)
def test_a_raised_version_is_in_the_fingerprint_of_its_stage_and_of_what_it_changes(
    monkeypatch, recipe, module, version, anew
):
    before = models_of(recipe)
    monkeypatch.setattr(module, version, getattr(module, version) + 1)
    after = models_of(recipe)
    assert {stage for stage in before if before[stage] != after[stage]} == anew
    assert after.keys() == before.keys()


def test_a_raised_signal_has_a_fingerprint_of_its_own_and_the_others_keep_theirs(monkeypatch, recipe):
    before = models_of(recipe)
    monkeypatch.setattr(sense, "SIGNALS", mended(sense.SIGNALS, "motion"))
    after = models_of(recipe)
    assert after == {**before, "sense.motion": after["sense.motion"]}
    assert work.signals_of(recipe) == {"motion": after["sense.motion"], "black": before["sense"]}
    monkeypatch.setattr(sample_frames, "VERSION", 2)
    assert models_of(recipe)["sense.motion"] != after["sense.motion"]


def test_a_finished_lake_is_measured_no_further(lake, recipe):
    before, newest = parts(lake), decisions.newest(lake.path)
    ran, _ = build(lake, recipe)
    assert not ran.keys
    assert parts(lake) == before
    assert decisions.newest(lake.path) == newest


@pytest.mark.parametrize(
    ("signal", "changed"),
    [
        ("motion", lambda signals: mended(signals, "motion")),
        pytest.param("jitter", lambda signals: (*signals, JITTER), marks=pytest.mark.slow),
    ],
    ids=["mended", "new"],
)
def test_a_signal_that_is_new_or_mended_is_measured_by_itself_and_decides(lake, recipe, monkeypatch, signal, changed):
    rule = Rule("shaky", "signals['jitter']", "<", 0.5)
    recipe = with_rule(recipe, rule) if signal == "jitter" else recipe
    decision_diff.redecide(lake, recipe)
    before = rows(connect(lake.path, models=models_of(recipe)), "FROM sighting ORDER BY ALL")
    others = [row for row in before if row["signal"] != signal]
    clips = rows(connect(lake.path, models=models_of(recipe)), CLIPS)
    assert len(clips) > 8

    monkeypatch.setattr(sense, "SIGNALS", changed(sense.SIGNALS))
    unseen = decision_diff.redecide(lake, recipe)
    assert unseen.unmeasured == {signal: len(clips)}
    untouched = parts(lake, but=["sense"])

    ran, decided = build(lake, recipe)
    assert ran.keys == {"look": len(clips)}
    assert ran.rows == {"look": len(clips)}
    assert parts(lake, but=["sense"]) == untouched
    now = rows(decided, "FROM sighting ORDER BY ALL")
    assert [row for row in now if row["signal"] != signal] == others
    assert len(now) == len(others) + len(clips)
    assert decision_diff.redecide(lake, recipe).unmeasured == {}
    assert not build(lake, recipe)[0].keys

    selected, verdicts = rows(decided, SELECTED), rows(decided, VERDICTS)
    reason = "shaky" if signal == "jitter" else "still"
    assert any(verdict["reason"] == reason for verdict in verdicts)
    fresh = decided_afresh(lake, recipe)
    assert (rows(fresh, SELECTED), rows(fresh, VERDICTS)) == (selected, verdicts)


def test_old_decisions_show_the_rows_that_they_were_made_on(lake, recipe, monkeypatch):
    old = decisions.newest(lake.path)
    shown = rows(connect(lake.path, models=decisions.about(old)["models"]), "FROM sighting ORDER BY ALL")
    monkeypatch.setattr(sense, "SIGNALS", (*mended(sense.SIGNALS, "motion"), JITTER))
    _, decided = build(lake, recipe)
    assert rows(connect(lake.path, models=decisions.about(old)["models"]), "FROM sighting ORDER BY ALL") == shown
    names = Counter(row["signal"] for row in rows(decided, "FROM sighting"))
    assert len(set(names.values())) == 1
    assert names.keys() == {"motion", "black", "jitter"}


def test_a_clip_without_such_a_number_is_a_row_and_passes_and_is_not_measured_again(lake, recipe, monkeypatch):
    recipe = with_rule(recipe, Rule("shaky", "signals['jitter']", "<", 0.5))
    nothing = dataclasses.replace(JITTER, measure=lambda clip: None)
    monkeypatch.setattr(sense, "SIGNALS", (*sense.SIGNALS, nothing))
    ran, decided = build(lake, recipe)
    assert ran.rows["look"] == len(rows(decided, CLIPS))
    assert {row["value"] for row in rows(decided, "FROM sighting WHERE signal = 'jitter'")} == {None}
    assert not rows(decided, "FROM verdict WHERE reason = 'shaky'")
    assert not build(lake, recipe)[0].keys


def test_signals_of_one_fingerprint_that_come_one_after_the_other_are_all_kept(lake, recipe, monkeypatch):
    """The second part is of the same clips and fingerprint: under the first one's name it would be dropped."""
    shutil.rmtree(lake.path / "parts" / "sense")
    both = sense.SIGNALS
    monkeypatch.setattr(sense, "SIGNALS", both[:1])
    build(lake, recipe)
    monkeypatch.setattr(sense, "SIGNALS", both)
    ran, decided = build(lake, recipe)
    clips = rows(decided, CLIPS)
    assert ran.rows == {"look": len(clips)}
    assert len(rows(decided, "FROM sighting WHERE signal = 'black'")) == len(clips)


@pytest.mark.parametrize(
    ("module", "stages", "unmeasured"),
    [
        (perceptual_hash, {"look"}, ["fingerprint"]),
        pytest.param(embed, {"look"}, ["frame_embedding"], marks=pytest.mark.slow),
        pytest.param(probe, {"probe"}, [], marks=pytest.mark.slow),
        (transcode, {"cut"}, []),  # the clips come out as they were, and keep what was seen of them
    ],
)
def test_a_mended_stage_is_measured_again_before_anything_is_planned_or_fetched(
    lake, recipe, monkeypatch, module, stages, unmeasured
):
    before = rows(connect(lake.path, models=models_of(recipe), decision=decisions.newest(lake.path)), SELECTED)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    fetch, left = building.fetch, []

    def watched(steps, *rest):
        left.append(building.clips_unmeasured(connect(lake.path, models=steps.job.models), recipe, NOBODY))
        fetch(steps, *rest)

    monkeypatch.setattr(building, "fetch", watched)
    changes = decision_diff.redecide(lake, recipe)
    assert list(changes.unmeasured) == unmeasured
    assert changes.num_without_clip > 0 or unmeasured
    ran, decided = build(lake, recipe)
    assert set(ran.keys) == stages
    assert left
    assert not any(clips for at_fetch in left for clips in at_fetch.values())
    assert rows(decided, SELECTED) == before


def test_decide_says_which_signal_is_not_measured_and_what_that_means(lake, recipe, monkeypatch, h2a_here):
    num = len(rows(connect(lake.path, models=models_of(recipe)), CLIPS))
    monkeypatch.setattr(sense, "SIGNALS", (*sense.SIGNALS, JITTER))
    said = h2a_here("decide", "--recipe", "sample-mini", "--lake", lake.path)
    assert said.code == 0, said.err
    assert f"{num} clips are not measured for jitter yet, and pass every rule on it: run `h2a build`" in said.out
