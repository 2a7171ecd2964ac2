"""Functions that take turns, timed."""

import time


def seconds(functions, count, before=None, warm_up=1):
    """Times functions in turns.

    Args:
        functions: Dict of functions without arguments.
        count: Integer, the turns of each.
        before: Function to call before each turn, out of the time. Defaults
            to `None`.
        warm_up: Integer, turns before those that count. Defaults to `1`.

    Returns:
        Dict of lists of seconds, with the keys of `functions`.
    """
    found = {name: [] for name in functions}
    for turn in range(warm_up + count):
        for name, function in functions.items():
            if before is not None:
                before()
            start = time.perf_counter()
            function()
            if turn >= warm_up:
                found[name].append(time.perf_counter() - start)
    return found


def ratios(numerators, denominators):
    """Returns the ratios of neighbouring turns."""
    return [a / b for a, b in zip(numerators, denominators)]
