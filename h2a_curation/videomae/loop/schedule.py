"""Learning rate and weight decay by step."""

import numpy as np
from numpy.typing import NDArray

from h2a_curation.videomae.rules import TaskRecipe


def cosine_schedule(
    base: float, final: float, num_steps: int, num_warmup_steps: int = 0, start: float = 0.0
) -> NDArray[np.float64]:
    """One value a step: a straight line from `start` to `base`, both included, then a half cosine towards `final`.

    As in the official code the first step has the value `start`, `base` comes twice and `final` is never reached.
    """
    warmup = np.linspace(start, base, num_warmup_steps)
    step = np.arange(num_steps - num_warmup_steps)
    rest = final + 0.5 * (base - final) * (1 + np.cos(np.pi * step / max(1, len(step))))
    return np.concatenate([warmup, rest])


def learning_rates(recipe: TaskRecipe, num_steps: int) -> NDArray[np.float64]:
    """One a step; a recipe's rates are for 256 clips."""
    scale = recipe.batch_clips / 256
    num_warmup_steps = round(num_steps * recipe.warmup_epochs / recipe.epochs)
    return cosine_schedule(recipe.learning_rate * scale, recipe.min_learning_rate * scale, num_steps, num_warmup_steps)
