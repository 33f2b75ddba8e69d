"""Plan what to ask for: what each listing has shown, what it is expected to yield, and which requests to spend."""
