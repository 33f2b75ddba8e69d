"""Curation's only decoder and transcoder: PyAV reads, a separate ffmpeg program writes.

`probe` judges untrusted files, `scenes` finds the longest scene, `transcode` cuts it out, `sample_frames` reads clips.
What strangers made is opened in a process of its own with limits: `child` asks it, `tasks` is what it does.
"""
