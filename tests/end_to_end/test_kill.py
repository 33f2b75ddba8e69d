"""SIGKILL at any moment, then the same command again: the same clips and shards as an undisturbed build."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions
from tests import videos
from tests.conftest import h2a, h2a_within
from tests.field.builds import CLASSES, RECIPE

STEPS = ("listing tags", "fetching files", "probing files", "cutting scenes", "looking at clips", "packing shards")
SAMPLE = ("--recipe", "sample-mini")


def kill_after(lake: Path, line: str, nth: int, delay_s: float, given: tuple[object, ...] = SAMPLE) -> bool:
    """Start a build and SIGKILL it `delay_s` after the nth line that begins so; False when it ended before."""
    program = Path(sys.executable).with_name("h2a")
    command = [program, "build", *map(str, given), "--lake", lake, "--workers", "2"]
    build = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert build.stderr
    seen = 0
    for said in build.stderr:
        seen += said.startswith(line)
        if seen == nth:
            time.sleep(delay_s)
            os.kill(build.pid, signal.SIGKILL)
            break
    build.stderr.close()
    return build.wait(timeout=240) == -signal.SIGKILL


def outcome(lake: Path) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    """The accepted clips, and the bytes of every shard."""
    decision = decisions.newest(lake)
    assert decision
    chosen = connect(lake, decision=decision).query("FROM selection ORDER BY clip_id, class_id").to_pylist()
    return chosen, {shard.name: shard.read_bytes() for shard in sorted((lake / "shards").iterdir())}


def check(lake: Path, undisturbed: Path) -> None:
    again = h2a_within("build", "--recipe", "sample-mini", "--lake", lake, "--workers", "1")
    assert again.code == 0, again.err
    assert outcome(lake) == outcome(undisturbed)
    assert nothing_twice(lake)


def nothing_twice(lake: Path) -> bool:
    """No page was asked for twice, and no file was kept under two tries."""
    rows = connect(lake).query(f"""
        SELECT (SELECT count(*) - count(DISTINCT (source, tag, visit, cursor))
                FROM read_parquet('{lake}/parts/mine/*/request.parquet')) AS requests,
               (SELECT count(*) - count(DISTINCT post_id)
                FROM read_parquet('{lake}/parts/fetch/*/media.parquet') WHERE outcome = 'ok') AS files
    """)
    return rows.to_pylist() == [{"requests": 0, "files": 0}]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_a_killed_build_ends_as_an_undisturbed_one(tmp_path, mini, seed):
    chance = random.Random(seed)
    step = STEPS[(2 * seed) % len(STEPS)]
    assert kill_after(tmp_path / "lake", step, 1, chance.uniform(0, 0.4)), "the build had ended before the kill"
    check(tmp_path / "lake", mini / "lake")


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_build_killed_in_any_step_ends_as_an_undisturbed_one(tmp_path, mini, step, nth):
    chance = random.Random(f"{step} {nth}")
    for _ in range(2):
        kill_after(tmp_path / "lake", step, nth, chance.uniform(0, 0.6))
    check(tmp_path / "lake", mini / "lake")


@pytest.mark.slow
@pytest.mark.parametrize("step", [STEPS[1], STEPS[3], STEPS[5]])
def test_a_build_killed_in_a_round_of_visits_ends_as_an_undisturbed_one(tmp_path, step):
    """The table has grown since the first build: what a kill leaves of the visit is neither lost nor done twice."""
    clips = [videos.make(tmp_path / f"{n}.mp4", *videos.moving(2.0, hue=40 * n), *videos.H264) for n in range(6)]
    table = tmp_path / "posts.csv"
    (tmp_path / "classes.yaml").write_text(CLASSES)
    (tmp_path / "mine.yaml").write_text(RECIPE.replace("kind: folder, name: folder, file: brought", "kind: table"))
    given = (table, "--recipe", tmp_path / "mine.yaml")
    lakes = [tmp_path / "killed", tmp_path / "undisturbed"]
    for num in (2, 6):
        table.write_text("\n".join(["url,class", *(f"{clip},yoga" for clip in clips[:num])]))
        if num == 6:
            kill_after(lakes[0], step, 1, random.Random(step).uniform(0, 0.4), given)
        for lake in lakes:
            done = h2a("build", *given, "--lake", lake, "--workers", "1")
            assert done.code == 0, done.err
    queries = (
        "SELECT url, outcome, media_id FROM post JOIN media USING (post_id) ORDER BY 1",
        "SELECT media_id, clip_id FROM clip ORDER BY 1",
        "SELECT visit, num_posts FROM request ORDER BY 1",
    )
    killed, undisturbed = ([connect(lake).query(sql).to_pylist() for sql in queries] for lake in lakes)
    assert killed == undisturbed
    assert len(killed[0]) == 6
    assert nothing_twice(lakes[0])
