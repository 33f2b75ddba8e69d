"""What any training task needs around its step: optimiser, schedule, checkpoints, records."""
