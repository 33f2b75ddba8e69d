"""The built-in sample platform: a small short-video site with rendered clips, known truth and a score against it."""
