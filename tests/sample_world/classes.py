"""Class tags for worlds in tests, independent of the class files: two a class, of which not all are in use."""

from h2a_curation.sample_world.clip_spec import ACTIONS
from h2a_curation.taxonomy.hashtags import normalise

CLASSES = [(class_id, [normalise(class_id), f"{normalise(class_id)}s"]) for class_id in ACTIONS]
