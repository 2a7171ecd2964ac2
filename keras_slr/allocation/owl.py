"""Outlier-weighed rates (OWL): layers with many outliers stay denser.

The scores of a layer are those of Wanda, `|W_ij| ||X_i||`: the magnitude of a
weight times the norm of its input over calibration samples. An outlier is a
score above a multiple of the mean (arXiv 2310.05175).
"""

from collections.abc import Sequence

import numpy as np

from keras_slr.allocation.allocations import FLOOR


def outlier_share(
    weights: Sequence[np.ndarray],
    diagonals: Sequence[np.ndarray],
    M: float = 5.0,
) -> float:
    """Returns which share of the scores of a layer or block are outliers.

    Args:
        weights: List of arrays of shape `(..., inputs, outputs)`: the kernel
            of a layer, or the kernels of a block, which have one mean and
            thus one rate in the paper.
        diagonals: List of arrays of shape `(..., inputs)`, the diagonals of
            the Gram matrices of the inputs. All have the same scale, such as
            the sum or the mean over the same samples.
        M: Float, the multiple of the mean score above which a score is an
            outlier. Defaults to `5.0`.
    """
    scores = np.concatenate(
        [
            np.ravel(np.abs(w) * np.sqrt(diagonal)[..., None])
            for w, diagonal in zip(weights, diagonals, strict=True)
        ]
    )
    return float(np.mean(scores > M * scores.mean()))


def owl(
    outliers: Sequence[float],
    sizes: Sequence[int],
    rate: float,
    lam: float = 0.08,
) -> list[float]:
    """Returns the rates of layers or blocks by their shares of outliers.

    Densities rise linearly with the share, over a range of `2 * lam`, and
    together leave the requested share of entries. If the shares are equal, so
    are the rates. The paper shifts by the plain mean of its equal blocks; here
    it is weighted by size, so that the model has its rate. As with other
    allocations, each layer keeps at least a tenth of the mean density; layers
    that would be denser than dense leave their rest to the others.

    Args:
        outliers: Floats, from `outlier_share`.
        sizes: Integers, the numbers of entries.
        rate: Float in `[0, 1)`, the share of all entries to set to zero.
        lam: Float, half the range of the densities. Defaults to `0.08`.
    """
    shares = np.array(outliers, "float64")
    entries = np.array(sizes, "float64")
    spread = max(float(np.ptp(shares)), np.finfo("float64").tiny)
    raised = 2.0 * lam * (shares - shares.min()) / spread
    least = FLOOR * (1.0 - rate)

    def densities(shift):
        return np.clip(raised + shift, least, 1.0)

    wanted = (1.0 - rate) * entries.sum()
    low, high = least - raised.max(), 1.0
    # More halvings would not change a float.
    for _ in range(60):
        shift = (low + high) / 2
        if densities(shift) @ entries < wanted:
            low = shift
        else:
            high = shift
    return (1.0 - densities(high)).tolist()
