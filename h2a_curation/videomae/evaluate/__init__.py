"""The evaluation of a classifier on a benchmark: its lists, the views of each video, what they say, and the figures."""
