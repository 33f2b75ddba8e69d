"""The world's clock: posts that are not there yet."""

from datetime import timedelta

from h2a_curation.sample_world.classes import rendered_classes
from h2a_curation.sample_world.site.content import SamplePlatform
from h2a_curation.sample_world.world.world import make_world


def test_posts_appear_with_the_worlds_clock_the_newest_first(tmp_path):
    world = make_world(0, "mini", [(c.id, list(c.seed_hashtags)) for c in rendered_classes(None)])
    dates = sorted(post.posted_at for post in world.posts.values())
    plain = SamplePlatform(world, tmp_path)
    tag = max(world.listings, key=lambda tag: len(world.listings[tag]))
    seen: set[str] = set()
    for moment in (dates[0] - timedelta(days=1), dates[len(dates) // 2], dates[-1]):
        platform = SamplePlatform(world, tmp_path, as_of=moment)
        ids = platform.listing(tag)
        posted = [world.posts[post_id].posted_at for post_id in ids]
        assert set(ids) == {i for i in world.listings[tag] if world.posts[i].posted_at <= moment}
        assert posted == sorted(posted, reverse=True)
        assert seen <= set(ids), "what is there stays there"
        assert all((platform.post(i) is None) == (p.posted_at > moment) for i, p in world.posts.items())
        seen = set(ids)
    assert seen == set(world.listings[tag]) == set(plain.listing(tag))
    assert plain.listing(tag) == world.listings[tag], "without a clock all are there, by popularity"
