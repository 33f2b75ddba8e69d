"""Why a subject was rejected for a class: the first verdict against it."""

from typing import Any

STAGES = ("screen_post", "screen_clip", "validate", "dedup", "select")
"""Of deciding, in their order."""

REJECTED_SQL = f"""
    SELECT class_id, subject_id,
           arg_min({{stage: stage, reason: reason, value: value, threshold: threshold}},
                   list_position({list(STAGES)}, stage)) AS said
    FROM verdict WHERE NOT keep GROUP BY class_id, subject_id
"""
"""One row a class and a post, file or clip that is rejected for it."""


def in_words(said: dict[str, Any]) -> str:
    """The reason, and what was compared with what.

    >>> in_words({"reason": "too_short", "value": 2.1, "threshold": 2.2})
    'too_short (2.1 against 2.2)'
    """
    if said["value"] is None:
        return str(said["reason"])
    return f"{said['reason']} ({said['value']:.4g} against {said['threshold']:.4g})"
