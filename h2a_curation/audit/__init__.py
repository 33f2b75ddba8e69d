"""How right and how complete a decision is: people's labels on drawn posts in, precision and recall out."""
