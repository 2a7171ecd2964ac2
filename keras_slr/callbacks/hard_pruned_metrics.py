"""Validation of the weights as hard pruning would leave them now."""

from keras import ops

from keras_slr.training import backend
from keras_slr.training.masks import apply_mask


def hard_pruned_metrics(model, split):
    """Evaluates the hard-pruned weights, then puts the weights back.

    Uses the validation data that `fit` holds, as its own validation does.

    Args:
        model: Keras model inside `fit`, at the end of an epoch.
        split: `training.split.Split` of the run.

    Returns:
        Dict of `val_hard_...` metrics, empty if `fit` has no validation
        data.
    """
    if getattr(model, "_eval_epoch_iterator", None) is None:
        return {}
    weights = [ops.copy(slot.w.value) for slot in split.slots]
    try:
        for slot, mask in zip(split.slots, split.masks()):
            apply_mask(slot.w, mask)
        with backend.random_state_kept():
            metrics = model.evaluate(
                verbose=0, return_dict=True, _use_cached_eval_dataset=True
            )
    finally:
        for slot, weight in zip(split.slots, weights):
            slot.w.assign(weight)
    return {f"val_hard_{name}": value for name, value in metrics.items()}
