"""Checks the scores and rates by which a solver chooses entries."""

import numbers


def check_choice(scores, rates, shapes, count):
    """Raises a `ValueError` unless scores and rates fit the weights.

    Args:
        scores: What `Tensors.keep` was given, a list.
        rates: What it was given, a list.
        shapes: List of tuples, the shapes of the weights.
        count: Integer, the number of constraints.
    """
    received = [
        tuple(score.shape) if hasattr(score, "shape") else type(score).__name__
        for score in scores
    ]
    if received != shapes:
        raise ValueError(
            f"Expected scores of the shapes {shapes}. Received: {received}; "
            "pass one array per weight in `weights`."
        )
    valid = [isinstance(r, numbers.Real) and 0 <= r <= 1 for r in rates]
    if len(rates) != count or not all(valid):
        raise ValueError(
            f"Expected {count} rates in [0, 1], one per rate in `rates`. "
            f"Received: {rates}."
        )
