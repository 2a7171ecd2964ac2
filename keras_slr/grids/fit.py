"""The nearest point on a grid, and the step of the grid.

For weights `v`, kept or not, and levels `q`, the step `s` and the levels
minimize

    ||v - s q||^2    over the kept entries.

For a given step, the nearest level of each entry is the best one. For given
levels, the best step is the least-squares one, `s = <v, q> / <q, q>`. The fit
alternates between the two, as do LQ-Nets (arXiv 1807.10029), which fits several
steps at once, and ADMM quantization (arXiv 1707.09870). That this applies to
all levels here is our reading.

Each round reduces the error, down to a local minimum. The rounds begin at the
best of several first steps. Some of these put the largest level between the
mean and the largest magnitude; others put another level on the largest
magnitude. For weights that are on the grid already, one of the latter is their
own step, so these weights stay as they are.

All functions are written for both NumPy and `keras.ops`, passed as `xp`, and
work on matrices, one row per step.
"""

# First steps that are compared: `STARTS` in a geometric sequence, and one for
# each of the `TOP` largest levels. More of them, or more rounds, reduce the
# error by less than one percent for random weights of 300 entries. The exact
# minimum would take a sort of all entries by each level.
STARTS = 16
TOP = 8
ROUNDS = 8
# First steps are compared on about this many entries of a row.
SAMPLE = 4096


def levels_of(xp, grid, v, kept, step):
    """Returns the nearest levels, in units of the step, zero if not kept.

    Args:
        xp: `numpy` or `keras.ops`.
        grid: `Grid`.
        v: Float32 array of shape `(rows, entries)`.
        kept: Boolean array of the same shape.
        step: Float32 array of shape `(rows, 1)`.
    """
    # A row of zeros has the step zero.
    levels = grid.nearest_level(xp, v / xp.where(step > 0, step, 1.0))
    return xp.where(kept, levels, 0.0)


def best_step(xp, v, levels):
    """Returns the least-squares step, and by how much it reduces `||v||^2`.

    Args:
        xp: `numpy` or `keras.ops`.
        v: See `levels_of`.
        levels: Array of the same shape.

    Returns:
        Two arrays of shape `(rows, 1)`.
    """
    product = xp.sum(v * levels, axis=1, keepdims=True)
    square = xp.sum(levels * levels, axis=1, keepdims=True)
    step = product / xp.where(square > 0, square, 1.0)
    return step, product * step


def fit(xp, grid, v, kept):
    """Returns the step of each row, fitted to its kept entries.

    Args:
        xp: `numpy` or `keras.ops`.
        grid: `Grid`.
        v: Float32 array of shape `(rows, entries)`, zero where not kept.
        kept: Boolean array of the same shape.

    Returns:
        Float32 array of shape `(rows, 1)`, zero for rows of zeros.
    """
    every = -(-v.shape[1] // SAMPLE)
    some, kept_some = v[:, ::every], kept[:, ::every]
    magnitude = xp.absolute(some)
    high = xp.max(magnitude, axis=1, keepdims=True)
    ones = xp.where(kept_some, xp.ones_like(some), 0.0)
    count = xp.sum(ones, axis=1, keepdims=True)
    mean = xp.sum(magnitude, axis=1, keepdims=True) / xp.where(
        count > 0, count, 1.0
    )
    ratio = mean / xp.where(high > 0, high, 1.0)
    shares = [i / (STARTS - 1) for i in range(STARTS)]
    top = grid.levels[-1]
    starts = [high / top * xp.power(ratio, share) for share in shares]
    starts += [high / level for level in grid.levels[-TOP:] if level]
    step = gain = xp.zeros_like(high)
    for start in starts:
        levels = levels_of(xp, grid, some, kept_some, start)
        fitted, gained = best_step(xp, some, levels)
        better = gained > gain
        step = xp.where(better, fitted, step)
        gain = xp.where(better, gained, gain)
    for _ in range(ROUNDS):
        step, _ = best_step(xp, v, levels_of(xp, grid, v, kept, step))
    return step


def nearest(xp, grid, v, kept, step):
    """Returns the nearest points of the grid, zero where not kept.

    Args:
        xp: `numpy` or `keras.ops`.
        grid: `Grid`.
        v: Float32 array of shape `(rows, entries)`.
        kept: Boolean array of the same shape.
        step: Float32 array of shape `(rows, 1)`.
    """
    levels = levels_of(xp, grid, v, kept, step)
    # Rounding gives negative zeros.
    return xp.where(levels == 0, 0.0, step * levels)
