"""Automated pruning with learned thresholds in `model.fit`."""

from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import LearnedThresholds


@register
class LearnedThresholdsCallback(PruningCallback):
    """Learns a threshold for each layer (arXiv 1712.01721).

    ```python
    LearnedThresholdsCallback(0.9)
    LearnedThresholdsCallback(solver=LearnedThresholds(strength=0.2))
    ```

    With a rate, the thresholds distribute it over the layers. With a
    `strength` instead, they also decide how many weights leave. See
    `solvers.LearnedThresholds`.

    Args:
        rate: See `PruningCallback`. Defaults to `None`.
        **kwargs: Other arguments of `PruningCallback`. `allocation` defaults
            to `"pooled"` for single entries and one rate, or none, for all
            layers.
    """

    default_solver = LearnedThresholds
