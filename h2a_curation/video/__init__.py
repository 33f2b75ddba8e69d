"""Curation's only decoder and transcoder: PyAV reads, a separate ffmpeg program writes.

`probe` and `child` judge untrusted files, `scenes` finds the longest scene, `transcode` cuts it out, `look` reads
clips.
"""
