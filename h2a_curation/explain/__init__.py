"""Questions to a finished lake, which nothing here writes."""
