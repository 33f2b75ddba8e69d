"""A report such as a quickstart writes, with frames that are drawn here: for the tests, and to look at.

`python -m tests.report.example FILE` writes it.
"""

import math
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from h2a_curation.report.contact_sheet import strip
from h2a_curation.report.page import (
    ClassCount,
    FunnelStage,
    Measured,
    MiningRound,
    Pretraining,
    ReportData,
    ScoreFigures,
    Sheet,
    SheetClip,
    TagYield,
    write_report,
)

NAMES = ["Deadlift", "Squat", "Push-up", "Jumping jack", "Handstand", "Cartwheel", "Juggling", "Hula hoop", "Lunge",
         "Skipping rope", "Bicycle riding", "Skateboarding", "Kicking a ball", "Throwing darts", "Archery", "Rowing",
         "Golf swing", "Clapping", "Waving", "Drumming", "Sweeping the floor", "Chopping wood", "Climbing a ladder",
         "Shadow boxing"]  # fmt: skip
CAPTIONS = (
    "leg day never ends 🦵 #fyp #gym",
    "wait for it…",
    "POV: you said one more set #deadlift #gymtok #motivation #fitness #strong",
    "練習の記録 その12 #デッドリフト",
    "تمرين اليوم مع الفريق",
    "<script>alert('a stranger wrote this')</script>",
    "",
    "a verylonghashtagwithoutanyspaces" * 4,
)


def frames(seed: int, size: tuple[int, int], still: bool = False) -> list[np.ndarray]:
    """A stick figure that moves before a coloured ground."""
    rng = random.Random(seed)
    ground = tuple(rng.randint(40, 220) for _ in range(3))
    ink = tuple(255 - c for c in ground)
    return [_figure(size, 0.0 if still else t / 4, ground, ink, rng.uniform(0.9, 1.1)) for t in range(4)]


def _figure(size, phase, ground, ink, scale):
    width, height = size
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * 0.8, width, height), fill=tuple(c // 2 for c in ground))
    unit = min(width, height) / 8 * scale
    x, y = width / 2, height * 0.45 + unit * math.sin(phase * 6)
    swing = unit * 1.6 * math.cos(phase * 6)
    thick = max(2, int(unit / 4))
    draw.ellipse((x - unit / 2, y - unit * 2.2, x + unit / 2, y - unit * 1.2), fill=ink)
    for end in ((x, y + unit), (x + swing, y - unit * 0.2), (x - swing, y - unit * 0.2)):
        draw.line((x, y - unit, *end), fill=ink, width=thick)
    for side in (-1, 1):
        draw.line((x, y + unit, x + side * unit * 0.7, y + unit * 2.6), fill=ink, width=thick)
    return np.asarray(image)


def sheet_clip(seed: int, numbers: tuple[Measured, ...], still: bool = False) -> SheetClip:
    size = ((320, 568), (568, 320), (320, 320))[seed % 7 % 3]
    return SheetClip(
        strip=strip(frames(seed, size, still)),
        caption=CAPTIONS[seed % len(CAPTIONS)],
        numbers=numbers,
        href=f"lake/clips/{seed % 256:02x}/{seed:064x}.mp4",
    )


def kept_sheets(num: int) -> list[Sheet]:
    return [
        Sheet(
            title=name,
            subtitle="train 8, val 1, test 1",
            num_clips=10,
            clips=[
                sheet_clip(
                    7 * i + j, (Measured(name="margin", value=0.03 + j / 71), Measured(name="agreement", value=1))
                )
                for j in range(6)
            ],
        )
        for i, name in enumerate(NAMES[:num])
    ]


def rejected_sheets() -> list[Sheet]:
    reasons = {
        ("screen_clip", "still"): ("motion", 0.004, 0.02),
        ("validate", "below_margin"): ("margin", 0.0113, 0.025),
        ("validate", "other_class"): ("margin", -0.0421, 0.025),
        ("dedup", "copy"): ("distance", 3.25, 10.0),
    }
    return [
        Sheet(
            title=reason.replace("_", " ").capitalize(),
            subtitle=stage.replace("_", " "),
            num_clips=3 + i,
            clips=[
                sheet_clip(100 + 5 * i + j, (Measured(name=name, value=value, threshold=against),), still=i == 0)
                for j in range(min(6, 3 + i))
            ],
        )
        for i, ((stage, reason), (name, value, against)) in enumerate(reasons.items())
    ]


def funnel() -> list[FunnelStage]:
    return [
        FunnelStage(stage="mine", unit="posts", num_in=600, num_kept=471, reasons={"not_listed": 129}),
        FunnelStage(stage="screen_post", unit="posts", num_in=471, num_kept=352,
                    reasons={"too_long": 41, "tag_spam": 38, "too_short": 24, "too_small": 16}),
        FunnelStage(stage="fetch", unit="files", num_in=300, num_kept=271,
                    reasons={"private": 9, "gone": 11, "not_video": 6, "too_large": 3}),
        FunnelStage(stage="probe", unit="files", num_in=271, num_kept=258, reasons={"truncated": 8, "no_video": 5}),
        FunnelStage(stage="screen_clip", unit="clips", num_in=258, num_kept=241, reasons={"still": 16, "black": 1}),
        FunnelStage(stage="validate", unit="clips", num_in=241, num_kept=201,
                    reasons={"below_margin": 22, "other_class": 17, "undecided": 1}),
        FunnelStage(stage="dedup", unit="clips", num_in=201, num_kept=178, reasons={"copy": 23}),
        FunnelStage(stage="select", unit="clips", num_in=178, num_kept=178),
    ]  # fmt: skip


def class_counts(num: int) -> list[ClassCount]:
    rng = random.Random(3)
    counts = []
    for i in range(num):
        listed = int(60 / (1 + i / 5)) + rng.randint(2, 9)
        fetched = int(listed * rng.uniform(0.5, 0.8))
        valid = int(fetched * rng.uniform(0.4, 0.9))
        selected = 0 if i == num - 1 else int(valid * rng.uniform(0.7, 1.0))
        val, test = selected // 8, selected // 9
        counts.append(
            ClassCount(
                class_id=f"class-{i}",
                name=NAMES[i % len(NAMES)],
                num_wanted=selected + rng.randint(0, 3),
                num_listed=listed,
                num_fetched=fetched,
                num_valid=valid,
                num_train=selected - val - test,
                num_val=val,
                num_test=test,
            )
        )
    return counts


def pretraining(picture: Path | None = None) -> Pretraining:
    rng = random.Random(5)
    return Pretraining(
        preset="tiny",
        losses=[(step, 0.72 + 0.35 * math.exp(-step / 40) + rng.gauss(0, 0.02)) for step in range(1, 221)],
        held_out_loss=0.741,
        of_mean_loss=0.982,
        picture=picture,
    )


def report_data(num_classes: int = 24, num_sheets: int = 6, picture: Path | None = None) -> ReportData:
    return ReportData(
        title="Sample world, seed 7",
        built_at=datetime(2026, 11, 24, 11, 4, tzinfo=UTC),
        recipe="sample-world",
        notes=["The person signal is absent: pip install 'hashtag2action-builder[vision]' adds it.",
               "The CLIP model of this run knows the sample world alone; its scores say nothing of real video."],
        funnel=funnel(),
        classes=class_counts(num_classes),
        score=ScoreFigures(precision=0.972, recall=0.884),
        rounds=[
            MiningRound(round=1, num_pages=40, num_new_posts=232, num_accepted=81, tags_learnt=["gymtok", "デッド"]),
            MiningRound(round=2, num_pages=38, num_new_posts=141, num_accepted=62, tags_learnt=["legday"]),
            MiningRound(round=3, num_pages=36, num_new_posts=98, num_accepted=35,
                        tags_changed=[("fyp", "paused"), ("darts", "retired"), ("تمرين", "drifted")]),
            MiningRound(round=4, num_pages=0, num_new_posts=0, num_accepted=0,
                        why_nothing="nothing was asked for: every class has its clips"),
        ],
        tags=[
            TagYield(tag=tag, class_ids=classes, ground=ground, num_pages=pages, num_posts=posts, num_accepted=kept,
                     state=state, reason=reason, detail=detail)
            for tag, classes, ground, pages, posts, kept, state, reason, detail in (
                ("deadlift", ["deadlift"], "seed", 6, 58, 19, "open", "", ""),
                ("gymtok", ["deadlift", "squat"], "learnt", 9, 88, 24, "open", "verdicts", "31 % of its last 16 posts"),
                ("squats", ["squat"], "seed", 5, 44, 16, "open", "", ""),
                ("fyp", ["squat"], "learnt", 2, 20, 1, "paused", "homonym",
                 "1 of 20 judged posts accepted, most look like no class: <b>talking head</b>"),
                ("تمرين", ["squat"], "learnt", 1, 10, 4, "drifted", "drift",
                 "accepted 8 of 9 posts before 3 March 2026, 0 of 7 since"),
                ("darts", ["throwing-darts"], "seed", 1, 0, 0, "retired", "dry", "the listing has ended"),
            )
        ],
        kept=kept_sheets(num_sheets),
        rejected=rejected_sheets(),
        seconds={"mine": 11.2, "fetch": 74.0, "probe and cut": 61.3, "hash": 4.2, "embed": 38.8, "sense": 9.1,
                 "decide": 0.8, "pack": 0.6, "pretrain": 57.4},
        pretraining=pretraining(picture),
        paths={"Catalog": "build/quickstart/lake", "Version": "build/quickstart/lake/versions/v1",
               "Shards": "build/quickstart/lake/shards", "Checkpoint": "build/quickstart/pretrain/checkpoint.pt",
               "First query": 'h2a sql --lake build/quickstart/lake "FROM verdict LIMIT 9"'},
    )  # fmt: skip


def picture(target: Path) -> Path:
    """A stand-in for the picture that pretraining draws."""
    row = np.concatenate(frames(1, (160, 160)), axis=1)
    masked = row.copy()
    masked[::32] = masked[:, ::32] = 127
    Image.fromarray(np.concatenate([row, masked, row // 2 + 60])).save(target)
    return target


if __name__ == "__main__":
    file = Path(sys.argv[1])
    write_report(report_data(picture=picture(file.with_suffix(".png"))), file)
