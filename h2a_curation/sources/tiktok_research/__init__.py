"""The TikTok Research API."""
