"""Pruning by magnitude in one step, without training."""

from keras_slr.allocation import check_rate
from keras_slr.allocation import rates_for
from keras_slr.allocation import selectors_of
from keras_slr.projections import keep_count
from keras_slr.projections import keep_mask
from keras_slr.report import Report
from keras_slr.report import report
from keras_slr.selection import select
from keras_slr.training import backend
from keras_slr.training.masks import apply_mask
from keras_slr.training.model_state import check_built
from keras_slr.training.model_state import check_model


def hard_prune(model, rate, include=None, exclude=None) -> Report:
    """Sets the smallest entries of a model's kernels to zero, in place.

    Exactly `n - round(rate n)` entries of each kernel stay, those of largest
    magnitude, ties by the lowest index.

    Args:
        model: Built Keras model.
        rate: Float in `[0, 1)` or a dict of rates, as in `SLRPruner`.
        include: See `selection.select`. Defaults to `None`.
        exclude: See `selection.select`. Defaults to `None`.

    Returns:
        `Report` of the pruned model.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, a rate is invalid, a selector
            matches nothing, or a kernel has NaN or infinite entries; the
            model is then unchanged.
    """
    check_model(model)
    check_built(model)
    check_rate(rate)
    chosen = select(model, include or selectors_of(rate), exclude).chosen
    masks = []
    for weight, share in zip(chosen, rates_for(chosen, rate)):
        w = backend.to_host(weight.variable)
        try:
            masks.append(keep_mask(w, keep_count(w.size, share)))
        except ValueError as error:
            raise ValueError(f"Cannot prune `{weight.path}`. {error}") from None
    for weight, mask in zip(chosen, masks):
        apply_mask(weight.variable, mask)
    return report(model, rate, include, exclude)
