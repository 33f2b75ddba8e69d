"""A lake with drawn posts, a decision on them, and labels; by name of the post, `s:<name>`."""

from pathlib import Path
from typing import Any

import schemas
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.lake import decisions, parts
from schemas import STAGES
from tests import factories


class SmallAudit:
    """`add` puts in a post that was drawn and what each stage says of it for one class."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        (lake / "lake.json").write_text('{"format": 1, "salt": "x"}')
        self.rows: dict[str, list[Any]] = {
            table: [] for table in ("post", "media", "clip", "audit_draw", "candidate", "verdict", "selection")
        }

    def add(
        self,
        name: str,
        *verdicts: str,
        class_id: str = "deadlift",
        ground: str = "seed",
        probability: float | None = 0.1,
        outcome: str = "ok",
        clip: str | None = None,
        has_clip: bool = True,
    ) -> None:
        """`verdicts`: the reasons of the stages in order, `ok` to keep; the last may be missing.

        `probability` None: not drawn.
        """
        post_id, media_id, clip_id = f"s:{name}", f"m-{clip or name}", f"c-{clip or name}" if has_clip else None
        self.rows["post"].append(factories.post(post_id))
        self.rows["media"].append(
            factories.media(post_id, outcome=outcome, media_id=media_id if outcome == "ok" else None)
        )
        self.rows["clip"].append(
            schemas.Clip(
                media_id=media_id,
                model="m",
                outcome="ok" if has_clip else "no_scene",
                clip_id=clip_id,
                start_s=0.0,
                end_s=4.0,
                num_scenes=1,
                width_px=320,
                height_px=568,
                fps=24.0,
                num_frames=96,
                num_bytes=1000,
            )
        )
        if probability is not None:
            self.rows["audit_draw"].append(schemas.AuditDraw(round=0, post_id=post_id, probability=probability))
        self.rows["candidate"].append(schemas.Candidate(class_id=class_id, post_id=post_id, ground=ground))
        for stage, reason in zip(STAGES, verdicts, strict=False):
            subject = post_id if stage == "screen_post" else clip_id or media_id
            self.rows["verdict"].append(
                schemas.Verdict(
                    class_id=class_id,
                    subject_id=subject,
                    stage=stage,
                    keep=reason == "ok",
                    reason=reason,
                    value=None,
                    threshold=None,
                    rules="r",
                )
            )
        if verdicts == ("ok",) * len(STAGES):
            self.rows["selection"].append(
                schemas.Selection(
                    clip_id=str(clip_id),
                    class_id=class_id,
                    label=0,
                    post_id=post_id,
                    media_id=media_id,
                    creator=None,
                    split="train",
                )
            )

    def label(self, name: str, shows: bool, *, class_id: str = "deadlift", by: str = "ann", part: str = "") -> None:
        """Committed at once."""
        row = schemas.Label(post_id=f"s:{name}", class_id=class_id, shows=shows, labeller=by, labelled_at=factories.DAY)
        table = schemas.to_arrow(schemas.Label, [row])
        parts.commit(self.lake, "label", f"{name}{class_id}{by}{part}", {"label": table})

    def committed(self) -> Catalog:
        """The rows so far as facts and a decision, opened."""
        records: dict[str, tuple[str, type]] = {
            "post": ("mine", schemas.Post), "media": ("fetch", schemas.Media), "clip": ("cut", schemas.Clip),
            "audit_draw": ("draw", schemas.AuditDraw),
        }  # fmt: skip
        for table, (stage, record) in records.items():
            parts.commit(self.lake, stage, "p", {table: schemas.to_arrow(record, self.rows[table])})
        tables = self.decided()
        about = {"recipe": "small", "models": {}, "classes": {"deadlift": "A bar is lifted."}}
        decision = decisions.save(self.lake, "d", tables, about)
        decisions.name(self.lake, "small", "d")
        return connect(self.lake, decision=decision)

    def decided(self) -> dict[str, Any]:
        of = {"candidate": schemas.Candidate, "verdict": schemas.Verdict, "selection": schemas.Selection}
        tables = {name: schemas.to_arrow(record, self.rows[name]) for name, record in of.items()}
        empty = {"score": schemas.Score, "duplicate": schemas.Duplicate, "opted_out": schemas.OptedOut}
        return tables | {name: schemas.to_arrow(record, []) for name, record in empty.items()}
