"""The rows of the table: medians with quartiles, and whether they tell."""

import math
import statistics

# Of fewer values, quartiles say nothing.
FEWEST = 3
# Of the median, where a row does not say how exact it has to be.
MARGIN = 0.25
TOO_FEW, TOO_WIDE = "too few to tell", "too wide to tell"


def row(case, kind, quantity, values, limit=None, margin=None):
    """Returns a row.

    Args:
        case: String, the model, or the number of entries.
        kind: String, the method, or the kind of values.
        quantity: String, what was measured, with its unit.
        values: List of floats.
        limit: Float, what `docs/performance.md` promises. Defaults to `None`.
        margin: Float, the difference that the row has to show. Defaults to
            `None`, a quarter of the median.

    Returns:
        Dict for JSON. Its `doubt` is empty, or says why the row does not tell:
        the median is not known to within the margin.
    """
    median = statistics.median(values)
    low, high = median, median
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    margin = MARGIN * abs(median) if margin is None else margin
    doubt = ""
    if len(values) < FEWEST:
        doubt = TOO_FEW
    elif _uncertainty(low, high, len(values)) > margin:
        doubt = TOO_WIDE
    return {
        "case": case,
        "kind": kind,
        "quantity": quantity,
        "median": median,
        "quartiles": [low, high],
        "count": len(values),
        "limit": limit,
        "doubt": doubt,
    }


def with_control(rows, control, margin):
    """Puts the rows in doubt whose control is not one.

    Args:
        rows: List of rows of ratios.
        control: Row of the ratio of two equal things.
        margin: Float, see `row`.
    """
    if abs(control["median"] - 1) <= margin:
        return rows
    return [row | {"doubt": row["doubt"] or TOO_WIDE} for row in rows]


def _uncertainty(low, high, count):
    """Half of a 95 % interval of a median, as in notched box plots."""
    return 1.57 * (high - low) / math.sqrt(count)
