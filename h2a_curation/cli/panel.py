"""What a command shows at its end: the funnel, the numbers, and the places of what was made."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.explain import funnel
from h2a_curation.explain.decision_diff import ChangedClip, Changes
from h2a_curation.explain.work_left import WorkLeft, num_frames_to_embed
from h2a_curation.foundation.screen import screen
from h2a_curation.jobs.choice import Choice
from h2a_curation.jobs.quickstart import Quickstart
from h2a_curation.lake import layout
from h2a_curation.pipeline.build import Built
from h2a_curation.pipeline.rounds.schedule import RoundRange
from h2a_curation.recipes import Recipe
from h2a_curation.report.page import FunnelStage

_SHOWN_REASONS = 4
_SHOWN_CLIPS = 40
_COPY = "copy of an opted-out clip: by another account"


def show_quickstart(done: Quickstart) -> None:
    """The summary of a quickstart."""
    console = screen()
    console.print(_funnel(done.funnel))
    summary = done.summary
    if summary["precision"] is not None:
        console.print(
            f"against the truth: precision {summary['precision']:.3f}, recall {summary['recall']:.3f}"
            f" ({summary['num_kept']} kept, {summary['num_wanted']} wanted)"
        )
    for clip in summary.get("clips", []):
        console.print(f"  {'kept' if clip['keep'] else 'gone':<5} {clip['file']:<28} {clip['reason']}")
    trained = summary["pretrain"]
    console.print(
        f"pretraining: {trained['num_steps']} steps in {trained['wall_s']:.0f} s, held-out loss"
        f" {trained['held_out_ratio']:.3f} of that of predicting each patch's mean"
    )
    console.print(f"{sum(summary['seconds'].values()):.0f} s in all: " + _seconds(summary["seconds"]))
    for note in done.notes:
        console.print(f"note: {note}", style="yellow")
    for name, path in done.paths.items():
        console.print(f"{name:<11} {path}", soft_wrap=True)


def show_build(built: Built, decided: Catalog, lake: Path) -> None:
    """The summary of a build."""
    console = screen()
    console.print(_funnel(funnel.funnel(decided)))
    console.print(f"{sum(built.seconds.values()):.0f} s in all: " + _seconds(built.seconds))
    if num_copies := decided.query("FROM reupload").num_rows:
        console.print(f"{num_copies} kept clips are each a {_COPY}; `h2a decide` shows them", style="yellow")
    if logs := sorted(lake.glob(layout.EVERY_LOG)):
        said = f"errors that nobody expected are rows; their traces are in {', '.join(map(str, logs))}"
        console.print(said, style="yellow", soft_wrap=True)
    if num_changed := _num_changed(decided):
        console.print(
            f"{num_changed} listed posts say something else than when they were first listed, and stay as they were:"
            " give such a row another post_id to have it judged anew",
            style="yellow",
        )
    path = lake / layout.version(built.version)
    console.print(f"version {built.version} in {path}", soft_wrap=True)


def _num_changed(decided: Catalog) -> int:
    """Rows that were changed since they were listed, of the table or folder that was read last."""
    newest = decided.query("SELECT num_changed FROM request WHERE content <> '' ORDER BY requested_at DESC LIMIT 1")
    return sum(newest["num_changed"].to_pylist())


def show_work_left(left: Sequence[WorkLeft], recipe: Recipe) -> None:
    """What a build would measure of the files that are there, and what that costs."""
    console = screen()
    if not left:
        console.print("every file that came is measured: a build asks for what its rounds leave, decides and publishes")
        return
    table = Table("measure", "items", "of them anew", "video", "processor time", box=None)
    for work in left:
        cost = f"{work.video_s / 60:,.1f} min", f"{work.cpu_s / 60:,.1f} min"
        table.add_row(work.what, f"{work.num} {work.unit}", str(work.num_anew), *cost)
    console.print(table)
    if num_frames := num_frames_to_embed(left, recipe):
        console.print(f"{num_frames} frames pass {recipe.embed.model}, which is not in these times")
    console.print(
        "anew: by another version, program, model or rule than before; a clip that is cut anew and comes out the same"
        " keeps what was measured of it. Times are of one core, right within a factor of two. Nothing was done",
        soft_wrap=True,
    )


def show_left_out(recipe: Recipe) -> None:
    """Say how many classes the recipe or the command line leaves out for their risks; nothing where none."""
    if recipe.left_out:
        every = len(recipe.left_out) + len(recipe.action_classes)
        screen().print(
            f"{len(recipe.left_out)} of {every} classes are left out: they carry {' or '.join(recipe.leave_out_risks)}"
        )


def show_taken(said: Choice, taken: Choice) -> None:
    """Say what a command takes from the lake's last build; nothing where it was told all itself."""
    if taken != said:
        words = f"as the lake's last build: {taken.in_words()}"
        screen().print(words, soft_wrap=True)


def show_mined(rounds: RoundRange, lake: Path) -> None:
    """Show what each round of mining brought, and what comes next."""
    console = screen()
    table = Table("round", "pages", "new posts", "files", "tags learnt, paused, retired", box=None)
    for r in funnel.rounds(connect(lake), is_decided=False):
        tags = [f"+#{tag}" for tag in r.tags_learnt] + [f"#{tag} {state}" for tag, state in r.tags_changed]
        counts = [str(r.num_pages), str(r.num_new_posts), str(r.num_files)]
        table.add_row(str(r.round), *counts, r.why_nothing or " ".join(tags))
    console.print(table)
    console.print(
        f"{rounds.until} rounds are done, and nothing is decided: `h2a decide --lake {lake}` shows what would be kept,"
        f" and `h2a build --lake {lake}` makes a version",
        soft_wrap=True,
    )


def show_changes(changes: Changes) -> None:
    """Which clips come and go, and why."""
    console = screen()
    if changes.before is None:
        console.print("the first decision on this lake")
    for title, why, clips in (("come", "was rejected by", changes.come), ("go", "is rejected by", changes.go)):
        console.print(f"{len(clips)} {title}")
        table = Table("clip", "post", "class", why, box=None)
        for clip in sorted(clips, key=lambda clip: not clip.copy_of)[:_SHOWN_CLIPS]:
            table.add_row(clip.clip_id[:12], clip.post_id, clip.class_id, _reason(clip))
        if clips:
            console.print(table)
        if len(clips) > _SHOWN_CLIPS:
            console.print(f"... {len(clips) - _SHOWN_CLIPS} more: ask with `h2a sql`")
    if changes.copies:
        _show_copies(console, changes.copies)
    for line in _left_to_measure(changes):
        console.print(line, soft_wrap=True)
    console.print(f"decision {changes.after.name}; nothing is packed: `h2a build` with this recipe makes a version")


def _left_to_measure(changes: Changes) -> Iterator[str]:
    """One line for each thing that the decision could not see: what that means, and which command mends it."""
    if changes.num_without_clip:
        yield f"{changes.num_without_clip} posts that this decision wants have no file or no clip yet: run `h2a build`"
    unmeasured = dict(changes.unmeasured)
    for table, what in (("fingerprint", "fingerprint"), ("frame_embedding", "vectors")):
        if num := unmeasured.pop(table, 0):
            yield f"{num} clips have no {what} by this decision's programs yet, and are undecided: run `h2a build`"
    for signal, num in unmeasured.items():
        yield f"{num} clips are not measured for {signal} yet, and pass every rule on it: run `h2a build`"
    if changes.no_sensors:
        yield f"no person or face is looked for, and rules on them let clips pass: {changes.no_sensors}"


def _show_copies(console: Console, copies: Sequence[ChangedClip]) -> None:
    """All of them, since each is a person's to judge."""
    console.print(f"{len(copies)} kept clips are each a {_COPY}; put the post or its creator on the list to remove it")
    table = Table("clip", "post", "class", "copy of", box=None)
    for clip in copies:
        table.add_row(clip.clip_id[:12], clip.post_id, clip.class_id, clip.copy_of)
    console.print(table)


def _reason(clip: ChangedClip) -> str:
    return f"{clip.why}; {_COPY}" if clip.copy_of else clip.why


def _funnel(stages: list[FunnelStage]) -> Table:
    table = Table("stage", "in", "kept", "why not the rest", box=None)
    for s in stages:
        most = sorted(s.reasons.items(), key=lambda item: (-item[1], item[0]))
        why = ", ".join(f"{n} {reason}" for reason, n in most[:_SHOWN_REASONS])
        rest = sum(n for _, n in most[_SHOWN_REASONS:])
        table.add_row(s.stage, f"{s.num_in} {s.unit}", str(s.num_kept), why + (f", {rest} other" if rest else ""))
    return table


def _seconds(seconds: dict[str, float]) -> str:
    return ", ".join(f"{step} {s:.0f}" for step, s in seconds.items() if s >= 0.5)
