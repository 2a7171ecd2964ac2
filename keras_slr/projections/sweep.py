"""Passes over an array in memory: block by block, on all cores."""

import concurrent.futures
import os

import numpy as np

# Entries per block. Smaller ones stay in faster caches, but then threads wait
# for the interpreter's lock, which NumPy releases only inside of a call.
BLOCK = 1 << 18


def sweep(fn, *arrays, scratch=()):
    """Calls a function for each block of some arrays.

    Args:
        fn: Function of the blocks of all arrays, which it may write to, and
            of the scratch vectors.
        *arrays: NumPy vectors of the same size.
        scratch: Tuple of dtypes. For each one, `fn` gets an uninitialized
            vector as large as the blocks. To allocate one for each block
            takes longer than a pass over it. Defaults to none.

    Returns:
        List of what `fn` returns, in the order of the blocks, however many
        threads there are.
    """
    blocks = [
        [array[start : start + BLOCK] for array in arrays]
        for start in range(0, arrays[0].size, BLOCK)
    ]
    threads = min(_cores(), len(blocks) // 2) if len(blocks) > 1 else 1
    if threads < 2:
        return _each(fn, blocks, scratch)
    share = -(-len(blocks) // threads)
    parts = [blocks[i : i + share] for i in range(0, len(blocks), share)]
    with concurrent.futures.ThreadPoolExecutor(len(parts) - 1) as pool:
        others = [pool.submit(_each, fn, part, scratch) for part in parts[1:]]
        results = _each(fn, parts[0], scratch)
        for other in others:
            results += other.result()
    return results


def _each(fn, blocks, scratch):
    size = blocks[0][0].size if blocks else 0
    room = [np.empty(size, dtype) for dtype in scratch]
    return [fn(*block, *(r[: block[0].size] for r in room)) for block in blocks]


def _cores():
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
