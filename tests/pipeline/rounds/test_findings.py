"""What a round's plan takes for settled."""

import pyarrow as pa

import schemas
from h2a_curation.catalog.views import connect
from h2a_curation.decide.decision import NOBODY
from h2a_curation.lake import parts
from h2a_curation.pipeline.rounds import findings
from tests import factories

FATES = {"kept": "ok", "no_clip": "ok", "deleted": "gone", "slow": "timeout", "early": "not_yet"}


def test_who_opted_out_speaks_neither_for_a_tag_nor_against_it(tmp_path):
    posts = ["s:kept", "s:asked", "s:asked_and_fetched", "s:closed_host"]
    media = [factories.media(p, media_id=p) for p in ("s:kept", "s:asked_and_fetched")]
    media.append(factories.media("s:closed_host", outcome="opt_out", media_id=None))
    parts.commit(tmp_path, "mine", "r0", {"post": schemas.to_arrow(schemas.Post, [factories.post(i) for i in posts])})
    parts.commit(tmp_path, "fetch", "r0", {"media": schemas.to_arrow(schemas.Media, media)})
    asked = [schemas.OptedOut(post_id=p, reason="listed") for p in ("s:asked", "s:asked_and_fetched")]
    verdicts = [
        schemas.Verdict(
            class_id="a", subject_id=row.post_id, stage="screen_post", keep=False, reason="opt_out", value=None,
            threshold=0.0, rules="r",
        )
        for row in asked[:1]
    ]  # fmt: skip
    decided = {
        "opted_out": schemas.to_arrow(schemas.OptedOut, asked),
        "selection": pa.table({"post_id": ["s:kept"], "class_id": ["a"]}),
        "verdict": schemas.to_arrow(schemas.Verdict, verdicts),
    }

    known = findings.from_rows(connect(tmp_path), decided)

    assert known.judged == {"s:kept", "s:closed_host"}
    assert [(row["post_id"], row["reason"]) for row in known.fates.to_pylist()] == [("s:kept", "")]


def test_a_file_that_may_still_come_is_not_judged(tmp_path):
    posts = [f"s:{name}" for name in (*FATES, "listed", "screened")]
    media = [
        factories.media(f"s:{name}", outcome=outcome, media_id=name if outcome == "ok" else None)
        for name, outcome in FATES.items()
    ]
    parts.commit(
        tmp_path,
        "mine",
        "r0",
        {
            "request": schemas.to_arrow(schemas.Request, [factories.request()]),
            "post": schemas.to_arrow(schemas.Post, [factories.post(i) for i in posts]),
            "hit": schemas.to_arrow(schemas.Hit, [factories.hit(i, rank=n) for n, i in enumerate(posts)]),
        },
    )
    parts.commit(tmp_path, "fetch", "r0", {"media": schemas.to_arrow(schemas.Media, media)})
    rejected = schemas.Verdict(
        class_id="a", subject_id="s:screened", stage="screen_post", keep=False, reason="too_long", value=99.0,
        threshold=9.0, rules="r",
    )  # fmt: skip
    decided = {
        "opted_out": NOBODY,
        "selection": pa.table({"post_id": ["s:kept"], "class_id": ["a"]}),
        "verdict": schemas.to_arrow(schemas.Verdict, [rejected]),
    }

    known = findings.from_rows(connect(tmp_path), decided)

    assert known.judged == {"s:kept", "s:no_clip", "s:deleted", "s:screened"}
    assert known.put_off == {"s:slow", "s:early"}
    fates = {row["post_id"]: row["reason"] for row in known.fates.to_pylist()}
    assert fates == {"s:kept": "", "s:no_clip": "no clip", "s:deleted": "gone", "s:screened": "too_long"}
