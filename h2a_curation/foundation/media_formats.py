"""Which formats a file of moving pictures may have, wherever one that strangers made is opened."""

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,mp3,wav,aac,flac"
"""Demuxers that may open a file. Playlists (hls, concat, sdp) are not among them: they name other files and servers."""
ONLY_ITSELF = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
"""Options of a container that reads no other file than the one that is opened, and no server."""
