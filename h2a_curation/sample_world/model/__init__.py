"""The small CLIP model that knows the sample world, and how it is trained."""
