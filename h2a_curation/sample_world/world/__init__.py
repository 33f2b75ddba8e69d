"""The sample world's truth: who posts what, with which tags."""
