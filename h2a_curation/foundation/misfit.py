"""A value that does not fit where it stands."""

Place = tuple[int | str, ...]
"""Keys and numbers that lead to a value, from the outermost inwards."""


class MisfitError(ValueError):
    """A value that does not fit, and its place in the content."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place = place
