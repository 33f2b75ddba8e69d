"""Listings and files through yt-dlp."""
