"""What knows nothing of posts and clips: durable files, interrupts, YAML, shipped data."""
