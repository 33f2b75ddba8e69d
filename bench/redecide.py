"""How long a changed prompt takes to reach every verdict of a lake of the paper's size, beside scoring alone.

    python -m bench.redecide            # the first run makes the lake in build/: 2.3 GB

Each measurement is a process of its own, so that its peak of memory is its own. Processor seconds tell a slow decision
from a busy machine: on two idle cores the wall time is little more than half of them.
"""

import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import report, synthetic_lake
from bench.memory import peak_bytes
from bench.report import Figure
from h2a_curation.catalog import views
from h2a_curation.decide.decision import DecideRules, decide
from h2a_curation.decide.validate import score_clips
from h2a_curation.lake import decisions

MODELS = dict.fromkeys(["probe", "cut", "hash", "sense", "embed"], synthetic_lake.MODEL)


def score_alone(lake: Path) -> dict[str, float]:
    """Read all vectors and multiply them with the prompts', and nothing else."""
    catalog = views.connect(lake, models=MODELS)
    prompts = synthetic_lake.prompts(changed=7)
    num_clips = 0
    for _, vectors in catalog.vectors(synthetic_lake.MODEL):
        for start in range(0, len(vectors), 2048):
            scores = score_clips(vectors[start : start + 2048], prompts.matrix, prompts.logit_scale)
            num_clips += len(scores.cosine)
    return {"clips": num_clips}


def decide_anew(lake: Path) -> dict[str, float]:
    """From a changed prompt to the decision on disk."""
    catalog = views.connect(lake, models=MODELS)
    prompts = synthetic_lake.prompts(changed=7)
    vectors = catalog.vectors(synthetic_lake.MODEL)
    tables = decide(catalog.query, vectors, prompts, DecideRules(), synthetic_lake.classes())
    decisions.save(lake, "changed-prompt", tables, {})
    reasons = tables["verdict"].group_by(["stage", "reason"]).aggregate([([], "count_all")]).to_pylist()
    return {f"{r['stage']} {r['reason']}": r["count_all"] for r in reasons} | {
        "verdicts": len(tables["verdict"]),
        "selected": len(tables["selection"]),
    }


def measured(what: Callable[[Path], dict[str, float]], lake: Path) -> dict[str, float]:
    """Run in a fresh process; its figures, `seconds` and `peak_gib`."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_timed, (what, lake))


def _timed(what: Callable[[Path], dict[str, float]], lake: Path) -> dict[str, float]:
    start, start_cpu = time.perf_counter(), time.process_time()
    figures = what(lake)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    return {**figures, "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_gib": peak_bytes() / 2**30}


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument("--clips", type=int, default=synthetic_lake.NUM_CLIPS, help="fewer, while developing")
    parser.add_argument("--reasons", action="store_true", help="print the verdicts by stage and reason")
    given = parser.parse_args()
    lake = synthetic_lake.make(report.ROOT / "build" / "bench" / f"redecide-{given.clips}", given.clips)
    shutil.rmtree(lake / "decisions", ignore_errors=True)
    alone, whole = measured(score_alone, lake), measured(decide_anew, lake)
    if given.reasons:
        print("\n".join(f"{value:>12,.0f}  {name}" for name, value in sorted(whole.items()) if " " in name))
    assert alone["clips"] == given.clips
    return report.finish(
        "redecide",
        [
            Figure(name="scoring_alone_s", value=alone["seconds"], unit="s"),
            Figure(name="decide_s", value=whole["seconds"], unit="s", goal="< 60", baseline="scoring_alone_s"),
            Figure(name="scoring_alone_cpu_s", value=alone["cpu_seconds"], unit="s"),
            Figure(name="decide_cpu_s", value=whole["cpu_seconds"], unit="s", baseline="scoring_alone_cpu_s"),
            Figure(name="scoring_alone_gib", value=alone["peak_gib"], unit="GiB"),
            Figure(name="peak_gib", value=whole["peak_gib"], unit="GiB", goal="< 4", baseline="scoring_alone_gib"),
            Figure(name="verdicts", value=whole["verdicts"], unit="rows"),
            Figure(name="selected", value=whole["selected"], unit="clips", goal="> 0"),
        ],
        given,
    )


if __name__ == "__main__":
    sys.exit(main())
