"""From shards to batches of frames: reading, sampling, masking, caching."""
