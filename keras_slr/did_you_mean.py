"""A hint for a misspelt name."""

import difflib
from collections.abc import Iterable


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Returns `"; did you mean 'name'"`, or `""` if no name is similar."""
    near = difflib.get_close_matches(text, list(names), 1)
    return f"; did you mean '{near[0]}'" if near else ""
