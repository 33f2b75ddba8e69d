"""What is true of a world: which pairs are wanted, which posts are copies, what is wrong with the rest."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from h2a_curation.sample_world.clip_spec import ACTIONS, ClipSpec
from h2a_curation.sample_world.world.sizes import Limits
from h2a_curation.sample_world.world.world import World, WorldPost


def shown_class(spec: ClipSpec) -> str | None:
    """The class that a clip shows in at least 80 % of its longest scene.

    Shots are scenes, since hard cuts lie between them, and a shot shows its subject from end to end: so it is the
    longest shot's action. A still picture of an action shows none.
    """
    longest = max(spec.shots, key=lambda shot: shot.duration_s)
    return longest.subject if longest.subject in ACTIONS and not longest.frozen else None


def wanted_class(post: WorldPost, limits: Limits, *, is_listed: bool) -> str | None:
    """The class for which a post is wanted: listed, public, a whole video, within the limits, and showing it."""
    spec = post.file.spec
    is_usable = is_listed and post.is_public and post.file.damage == "none"
    has_length = limits.min_duration_s <= spec.duration_s <= limits.max_duration_s
    has_size = min(spec.width_px, spec.height_px) >= limits.min_short_side_px
    return shown_class(spec) if is_usable and has_length and has_size else None


def cluster_id(post: WorldPost) -> str:
    """The post that had the file first."""
    return post.copy_of or post.post_id


def drifted_tags(world: World) -> dict[str, datetime]:
    """Tags that stand on posts of another subject, each with the date from which they do."""
    return {tag: drift.since for tag, drift in world.shifts.drifts.items()}


def hijacked_tags(world: World) -> dict[str, datetime]:
    """Tags under which a few creators post spam, each with the date from which they do."""
    return dict(world.shifts.hijacks)


def truth(world: World) -> dict[str, Any]:
    """The whole truth as plain data, for the file that the scoring reads."""
    listed_under: dict[str, list[str]] = {post_id: [] for post_id in world.posts}
    for tag, ids in world.listings.items():
        for post_id in ids:
            listed_under[post_id].append(tag)
    return {
        "seed": world.seed,
        "size": world.size,
        "limits": asdict(world.limits),
        "classes": list(world.classes),
        "seed_tags": world.words.seeds,
        "synonyms": world.words.synonyms,
        "drifted_tags": {tag: since.isoformat() for tag, since in drifted_tags(world).items()},
        "hijacked_tags": {tag: since.isoformat() for tag, since in hijacked_tags(world).items()},
        "bursts": {c: [day.isoformat() for day in window] for c, window in world.shifts.bursts.items()},
        "num_tags": len(world.listings),
        "num_listing_pages": world.num_listing_pages,
        "posts": {
            post_id: {
                "wanted": wanted_class(post, world.limits, is_listed=bool(listed_under[post_id])),
                "shows": shown_class(post.file.spec),
                "cluster": cluster_id(post),
                "role": post.role,
                "defects": list(post.defects),
                "listed_under": listed_under[post_id],
            }
            for post_id, post in world.posts.items()
        },
    }
