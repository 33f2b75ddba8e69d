"""From hashtags to a curated catalog of action clips, and from its shards to a video model."""
