"""How much memory a run needs, said before it begins."""

import math
import pathlib

# Sums of products for the rows that are fitted, and for those held out.
_PARTS = 2
_BYTES = 8


def check_memory(weights, instead=None):
    """Raises an error if the sums of products do not fit in memory.

    They are the products of a kernel's inputs with each other and with what
    its outputs lack.

    Args:
        weights: List of `selection.Weight`, the kernels.
        instead: String, an argument with which they would not all be kept
            at the same time. Defaults to `None`: one is kept after another.

    Raises:
        ValueError: If they need more than the memory that is available.
    """
    sizes = [_bytes_of(weight) for weight in weights]
    available = available_memory()
    if not sizes or available is None:
        return
    needed = max(sizes) if instead is None else sum(sizes)
    if needed <= available:
        return
    largest = weights[sizes.index(max(sizes))]
    what = "one kernel" if instead is None else "all kernels"
    raise ValueError(
        f"Expected {needed / 1e9:.1f} GB of memory for the products of the "
        f"inputs of {what}. Received "
        f"{available / 1e9:.1f} GB; `{largest.path}` with {_inputs(largest)} "
        f"inputs needs {max(sizes) / 1e9:.1f} GB of that: leave it out with "
        "`exclude`" + ("." if instead is None else f", or choose {instead}.")
    )


def check_kept(program, layers, samples):
    """Raises an error if the values between stages do not fit in memory.

    Args:
        program: `Program`.
        layers: List of the layers that are pruned on the way.
        samples: Integer, the number of samples.

    Raises:
        ValueError: If they need more than the memory that is available.
    """
    each = program.kept_bytes(layers)
    available = available_memory()
    if available is None or each * samples <= available:
        return
    raise ValueError(
        f"Expected {each * samples / 1e9:.1f} GB of memory for what layers "
        f"compute from {samples} samples for later ones. Received "
        f"{available / 1e9:.1f} GB: pass `samples={available // each}`."
    )


def available_memory():
    """Returns the bytes of memory that are free, `None` if unknown."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = dict(line.split(":") for line in lines)
    return 1024 * int(found["MemAvailable"].split()[0])


def _bytes_of(weight):
    size = math.prod(weight.shape)
    return _PARTS * _BYTES * (_inputs(weight) ** 2 + size)


def _inputs(weight):
    """Returns the number of inputs of each output of a kernel."""
    axes = weight.axes
    if axes is None:
        return weight.shape[0]
    _, inputs, window = axes.sizes(weight.shape)
    return math.prod((inputs, window))
