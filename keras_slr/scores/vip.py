"""VIP: how much an output says about the targets, by partial least squares."""

import dataclasses
import warnings
from typing import Literal

import keras
import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.scores.score import over_outputs

# Smaller spreads, relative to the values, are due to rounding in float32.
_ROUNDING = 1e-6


@register_score("vip", PACKAGE)
@dataclasses.dataclass(frozen=True)
class VIP(Score):
    """Variable importance in projection (Rahul and others, IJEAT 9(4), 2020).

    Partial least squares predicts the targets from what the filters of all
    layers together give out, one number per filter and sample. The importance
    of a filter is its part in these projections. It compares across layers:
    `allocation="pooled"` prunes by one threshold, as the paper does. Outputs
    are read behind the activation, see `Evidence.outputs`; those that do not
    vary have the score zero.

    Needs scikit-learn and data with targets: labels as integers, which become
    one-hot, or rows of numbers. The formula follows the authors' description
    of their earlier code, as the full text was not at hand.

    Args:
        components: Integer, the number of projections. Defaults to `2`.
        pool: `"max"` or `"mean"`: how positions become one number. Defaults
            to `"max"`.

    Raises:
        ValueError: If `components` is not positive, or `pool` something else.
    """

    components: int = 2
    pool: Literal["max", "mean"] = "max"

    ranks = "outputs"
    reads = "outputs"

    def __post_init__(self):
        super().__post_init__()
        if self.components < 1:
            raise ValueError(
                "Expected a positive number of `components`. Received: "
                f"components={self.components!r}."
            )
        if self.pool not in ("max", "mean"):
            raise ValueError(
                "Expected `pool` to be 'max' or 'mean'. Received: "
                f"pool={self.pool!r}."
            )

    def of(self, weights, evidence):
        pool = np.max if self.pool == "max" else np.mean
        rows, targets = [], []
        for outputs, y in evidence.outputs():
            rows.append([a if a is None else _pooled(pool, a) for a in outputs])
            targets.append(y)
        columns = [
            np.concatenate(parts) if parts[0] is not None else None
            for parts in zip(*rows)
        ]
        known = [column for column in columns if column is not None]
        scores = vip(
            np.concatenate(known, axis=1, dtype=np.float64),
            target_columns(targets),
            self.components,
        )
        ends = np.cumsum([column.shape[1] for column in known])
        found = iter(np.split(scores, ends[:-1]))
        return [
            np.zeros(weight.shape, np.float32)
            if column is None
            else over_outputs(next(found), weight)
            for column, weight in zip(columns, weights)
        ]


def _pooled(pool, activations):
    samples, channels = activations.shape[0], activations.shape[-1]
    return pool(activations.reshape(samples, -1, channels), axis=1)


def vip(x, y, components):
    """Returns the variable importance in projection of the columns of `x`.

    `VIP_i = sqrt(p sum_h s_h (w_ih / |w_h|)^2 / sum_h s_h)` with the weights
    `w_h` and the scores `t_h` of component `h` in `x`, its loadings `q_h` in
    `y`, and `s_h = (t_h' t_h) (q_h' q_h)`, how much of `y` it explains. Both
    are scaled to unit variance. The mean square over the `p` columns that
    vary is one.

    Args:
        x: Float64 array of shape `(samples, columns)`.
        y: Float64 array of shape `(samples, targets)`.
        components: Integer, the number of components; fewer, if there are
            fewer samples or columns that vary.

    Returns:
        Float64 array of shape `(columns,)`, zero for columns that do not
        vary.

    Raises:
        ImportError: If scikit-learn is missing.
        ValueError: If the targets, or all columns, do not vary.
    """
    partial_least_squares = _pls()
    scores = np.zeros(x.shape[1])
    varies = np.std(x, axis=0) > _ROUNDING * np.abs(x).max(axis=0, initial=0)
    y = y[:, np.std(y, axis=0) > 0]
    if not y.shape[1]:
        raise ValueError(
            "Expected targets that differ from sample to sample, for the "
            f"score VIP. Received {len(y)} samples with equal targets: pass "
            "more data."
        )
    if not varies.any():
        raise ValueError(
            "Expected outputs that differ from sample to sample, for the "
            "score VIP. Received constant ones: check the data."
        )
    x = x[:, varies]
    regression = partial_least_squares(
        min(components, len(x), x.shape[1]),
        scale=True,
        # At its default, the result depends on the starting point.
        tol=1e-14,
        max_iter=5000,
    )
    with warnings.catch_warnings():
        # The targets may be explained by fewer components.
        warnings.simplefilter("ignore")
        regression.fit(x, y)
    w, t, q = (
        regression.x_weights_,
        regression.x_scores_,
        regression.y_loadings_,
    )
    s = np.square(t).sum(axis=0) * np.square(q).sum(axis=0)
    norms = np.maximum(np.square(w).sum(axis=0), 1e-30)
    scores[varies] = np.sqrt(x.shape[1] * (w**2 / norms) @ s / s.sum())
    return scores


def target_columns(targets):
    """Returns the targets of all batches as one matrix.

    Args:
        targets: List with the targets of each batch, see `Evidence.outputs`.

    Returns:
        Float64 array of shape `(samples, columns)`. Integers of one per
        sample become one-hot; several targets lie side by side.

    Raises:
        ValueError: If there are none, or more than a row for each sample.
    """
    parts = [keras.tree.flatten(y) for y in targets]
    columns = [
        _columns(np.concatenate(part))
        for part in zip(*parts)
        if part[0] is not None
    ]
    if not columns:
        raise ValueError(
            "Expected targets for the score VIP. Received inputs alone: pass "
            "`data=(x_train[:512], y_train[:512])`."
        )
    return np.concatenate(columns, axis=1)


def _columns(y):
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 1 and y.dtype.kind in "iub":
        return (y[:, None] == np.unique(y)).astype(np.float64)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or y.dtype.kind not in "iubf":
        raise ValueError(
            "Expected a label or a row of numbers for each sample, for the "
            f"score VIP. Received targets of shape {y.shape} and type "
            f"{y.dtype}: choose another score."
        )
    return y.astype(np.float64)


def _pls():
    try:
        from sklearn.cross_decomposition import PLSRegression
    except ImportError as error:
        raise ImportError(
            "Expected scikit-learn, which computes the score VIP. Received "
            "an environment without it: pip install "
            '"keras-slr[datasets]".'
        ) from error
    return PLSRegression
