"""What a polite client heeds: pace, robots, Retry-After, opt-outs."""
