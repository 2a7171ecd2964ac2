"""What it costs to choose the largest entries of an array in host memory.

The time of `projections.keep_mask` for a tenth of the entries: how many times
as fast as with `np.partition`, and as a multiple of a copy of the array.
`mostly zero` arrays are zero in 80 % of their entries, `bfloat16` ones hold
numbers of that precision, so that many are equal. The values are drawn several
times: with many equal ones, the time of `np.partition` depends on chance.
"""

import numpy as np

from benchmarks.speed.pairs import ratios
from benchmarks.speed.pairs import seconds
from benchmarks.speed.rows import row
from benchmarks.speed.updates import check_memory
from keras_slr.projections import keep_mask

NAME = "selection"
SIZES = (1_000, 10_000, 100_000, 2_500_000, 25_000_000, 100_000_000)
KINDS = ("distinct", "bfloat16", "mostly zero")
TURNS = 3
# Of one measured turn; small arrays are chosen from many times.
LEAST_ENTRIES = 200_000


def rows(options):
    """Yields the rows of one size after another."""
    for size in options.sizes(SIZES):
        check_memory(size)
        for kind in KINDS:
            yield from _rows(size, kind, options.count(5, 1))


def _rows(size, kind, draws):
    times = max(LEAST_ENTRIES // size, 1)
    kept = size // 10
    found = {"ours": [], "partition": [], "copy": []}
    for draw in range(draws):
        values = _array(size, kind, draw)
        measured = seconds(
            {
                "ours": lambda v=values: _repeat(keep_mask, times, v, kept),
                "partition": lambda v=values: _repeat(
                    by_partition, times, v, kept
                ),
                "copy": lambda v=values: _repeat(np.copy, times, v),
            },
            TURNS,
        )
        for name, each in measured.items():
            found[name] += each
    name = f"{size:,} entries"
    yield row(
        name,
        kind,
        "times as fast as np.partition",
        ratios(found["partition"], found["ours"]),
        _limit(size, kind),
    )
    yield row(
        name,
        kind,
        "times a copy of the array",
        ratios(found["ours"], found["copy"]),
    )


def _limit(size, kind):
    if size < 1_000_000 or kind == "bfloat16":
        return 1.0
    return 15.0 if kind == "mostly zero" else 2.5


def by_partition(w, count):
    """Marks the largest entries with `np.partition` on all of them."""
    bits = w.view(np.int32).ravel() & np.int32(0x7FFFFFFF)
    position = bits.size - count
    parted = np.partition(bits, position)
    threshold = parted[position]
    if parted[position:].max() >= 0x7F800000:
        raise ValueError("Expected finite numbers.")
    mask = bits > threshold
    missing = count - np.count_nonzero(mask)
    mask[np.flatnonzero(bits == threshold)[:missing]] = True
    return mask


def _array(size, kind, seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(size, dtype="float32")
    if kind == "bfloat16":
        return (values.view(np.int32) & -(1 << 16)).view(np.float32)
    if kind == "mostly zero":
        values[rng.random(size, "float32") < 0.8] = 0.0
    return values


def _repeat(function, times, *arguments):
    for _ in range(times):
        function(*arguments)
