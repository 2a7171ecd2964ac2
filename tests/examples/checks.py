"""What holds of every example that compares models."""

import keras
import numpy as np

RATE = 0.75
# A picture with axes; an empty one of its size has less.
_BYTES = 10_000


def check(comparison, out):
    """Asserts exact zeros and written files, of a run at `RATE`."""
    check_zeros(comparison.report, comparison.model)
    names = ["dense", "one-shot", "SLR", "SLR, fine-tuned"]
    assert list(comparison.rows) == names
    assert (out / "comparison.png").stat().st_size > _BYTES
    saved = keras.models.load_model(out / "pruned.keras", compile=False)
    assert nonzero(saved) == comparison.rows["SLR, fine-tuned"].nonzero
    assert nonzero(saved) < comparison.rows["dense"].nonzero


def check_zeros(report, model):
    """Asserts that each kernel has the zeros of its rate, all those asked."""
    kernels = host(model)
    asked = total = 0
    for row in report.pruned:
        kernel = kernels[row.path]
        assert np.sum(kernel == 0) == round(row.rate * row.size)
        asked += np.sum(kernel == 0)
        total += kernel.size
    # Each kernel rounds to whole entries by itself.
    assert abs(asked - RATE * total) <= len(report.pruned)


def host(model):
    return {v.path: keras.ops.convert_to_numpy(v.value) for v in model.weights}


def nonzero(model):
    return sum(int(np.count_nonzero(w)) for w in model.get_weights())
