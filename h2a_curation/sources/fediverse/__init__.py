"""Instances of the open social web, which anybody may ask: PeerTube and Mastodon."""
