"""One HTML page of what a build did, for the eyes of whoever has to trust it."""
