"""Estimate how right and how complete a decision is: precision and recall, from people's labels on drawn posts."""
