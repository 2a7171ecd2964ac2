"""A conversion that cannot be done, told in words that suit a sentence."""

import re

_LONGEST = 300
# Where TensorFlow says it, behind lines on where in the graph it happened.
_TOLD = re.compile(
    r"'tf\.\w+' op .+|^\s*\w+(?:Error|Exception): .+", re.MULTILINE
)


class Failure(Exception):
    """Says what a model does that stands in the way of its conversion.

    Args:
        predicate: String that completes "received a model which".
        user_error: Whether the model is not one to convert at all, rather
            than one for which the conversion fails. Defaults to `False`.
    """

    def __init__(self, predicate, user_error=False):
        super().__init__(predicate)
        self.user_error = user_error


def first_sentence(error):
    """Returns the first sentence of a message that says what happened."""
    told = _TOLD.search(str(error))
    text = told.group() if told else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    line = line.split(". ")[0]
    if len(line) > _LONGEST:
        line = line[:_LONGEST] + "..."
    return line.rstrip(".")
