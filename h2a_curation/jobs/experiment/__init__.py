"""`h2a experiment`: the same training on different clips, and what the difference is worth."""
