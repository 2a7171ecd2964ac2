"""Gradual magnitude pruning in `model.fit`."""

from typing import Any
from typing import Self

from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.scores import Magnitude
from keras_slr.solvers import GradualMagnitude
from keras_slr.structures import Filter
from keras_slr.training.clock import UpdateEvery


@register
class GradualMagnitudeCallback(PruningCallback):
    """Prunes gradually by magnitude, as TF-MOT's `PolynomialDecay` does.

    ```python
    GradualMagnitudeCallback(0.9)
    GradualMagnitudeCallback(
        final_sparsity=0.9, initial_sparsity=0.5, begin_step=0,
        end_step=2000, frequency=100,
    )
    ```

    Args:
        rate: See `PruningCallback`. Defaults to `None`.
        initial_sparsity: See `solvers.GradualMagnitude`.
        final_sparsity: Another name of `rate`. Defaults to `None`.
        begin_step: See `solvers.GradualMagnitude`.
        end_step: See `solvers.GradualMagnitude`.
        frequency: Another name of `update_every`. Defaults to `None`.
        **kwargs: Other arguments of `PruningCallback`.
    """

    default_solver = GradualMagnitude

    def __init__(
        self,
        rate: Rate | None = None,
        *,
        initial_sparsity: float | None = None,
        final_sparsity: float | None = None,
        begin_step: float | None = None,
        end_step: float | None = None,
        frequency: UpdateEvery = None,
        **kwargs: Any,
    ):
        given = {
            "initial_sparsity": initial_sparsity,
            "begin_step": begin_step,
            "end_step": end_step,
        }
        ramp: dict[str, Any] = {
            name: v for name, v in given.items() if v is not None
        }
        if ramp:
            if kwargs.get("solver") is not None:
                raise ValueError(
                    "Expected the ramp either in `solver` or in separate "
                    f"arguments. Received both: {', '.join(ramp)}."
                )
            kwargs["solver"] = GradualMagnitude(**ramp)
        if final_sparsity is not None:
            _check_one_name("rate", rate, "final_sparsity", final_sparsity)
            rate = final_sparsity
        if frequency is not None:
            own = kwargs.get("update_every")
            _check_one_name("update_every", own, "frequency", frequency)
            kwargs["update_every"] = frequency
        super().__init__(rate, **kwargs)

    @classmethod
    def while_training(
        cls,
        rate: Rate | None = None,
        *,
        begin_step: float = 0,
        end_step: float = 0.7,
        **kwargs: Any,
    ) -> Self:
        """Returns the callback as pruning filters while training has it.

        After every epoch between `begin_step` and `end_step`, the same part
        of the filters leaves, those of the smallest L1 norm first. What left
        stays out, and there is no retraining (Roy and others, arXiv
        2003.02800). The other scores that it compares are `"activation"` and
        `"random"`. The full text was not at hand, so that the parts are
        equal is a reading.

        ```python
        GradualMagnitudeCallback.while_training({"conv_1": 0.5, "conv_2": 0.8})
        ```

        Args:
            rate: See `PruningCallback`; a dict has the target of each layer.
            begin_step: See `solvers.GradualMagnitude`.
            end_step: See `solvers.GradualMagnitude`.
            **kwargs: Other arguments of `PruningCallback`, such as
                `update_every` for another interval, or `score="random"`.
        """
        if kwargs.get("solver") is not None:
            raise ValueError(
                "Expected no `solver`: `while_training` makes its own from "
                "`begin_step` and `end_step`. Received: "
                f"solver={kwargs['solver']!r}."
            )
        settings: dict[str, Any] = {
            "solver": GradualMagnitude.while_training(begin_step, end_step),
            "structure": Filter(),
            "score": Magnitude(norm=1),
            "update_every": "epoch",
        }
        return cls(rate, **settings | kwargs)


def _check_one_name(name, value, other, its_value):
    if value is not None:
        raise ValueError(
            f"Expected either `{name}` or `{other}`, its other name. Received "
            f"both: {name}={value!r}, {other}={its_value!r}."
        )
