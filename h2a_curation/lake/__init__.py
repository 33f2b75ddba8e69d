"""The lake as bytes on disk: its layout, commits, files and decisions."""
