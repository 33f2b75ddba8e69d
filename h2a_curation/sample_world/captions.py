"""Sentences for what a frame of the sample world shows: the class files' prompts and ways to say the same otherwise.

The model must serve prompts that somebody changes, so it also learns names, tags and short wordings.
"""

from collections.abc import Sequence

import numpy as np

from h2a_curation.taxonomy.model import ActionClass, Negative

_ACTION_TEMPLATES = (
    "{}",
    "a photo of a person doing {}",
    "a video of a person {}",
    "a photo of someone {}",
    "a short clip that shows {}",
    "{}, filmed with a phone",
    "people doing {}",
    "someone does {}",
    "a person practises {}",
    "this is {}",
)
_THING_TEMPLATES = ("{}", "a photo of {}", "a video of {}", "a short clip that shows {}", "just {}", "nothing but {}")
_PREFIXES = ("", "", "", "a photo: ", "a video frame: ", "in this clip ", "close to the camera, ")
_SUFFIXES = ("", "", "", " outside", " indoors", " with text over it", " at night", " on a bright day")
_DROP_SHARE = 0.06


def captions_by_subject(classes: Sequence[ActionClass], negatives: Sequence[Negative]) -> dict[str, list[str]]:
    """All sentences of each class and each negative, the hand-written prompts twice as they matter most."""
    found: dict[str, list[str]] = {}
    for action in classes:
        names = (action.name.lower(), action.id.replace("-", " "))
        generic = [template.format(name) for name in dict.fromkeys(names) for template in _ACTION_TEMPLATES]
        found[action.id] = [*action.prompts, *action.prompts, *generic, action.definition, *action.tags]
    for negative in negatives:
        generic = [template.format(negative.id.replace("-", " ")) for template in _THING_TEMPLATES]
        found[negative.id] = [*negative.prompts, *negative.prompts, *generic]
    return found


def vary(caption: str, rng: np.random.Generator) -> str:
    """The caption with a word lost, or something said around it."""
    if rng.random() < 0.5:
        return caption
    words = [word for word in caption.split() if rng.random() > _DROP_SHARE] or caption.split()
    return str(rng.choice(_PREFIXES)) + " ".join(words) + str(rng.choice(_SUFFIXES))
