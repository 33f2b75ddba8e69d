"""VideoMAE V2 pretraining. Reads a version and its shards; knows nothing of how they were made."""
