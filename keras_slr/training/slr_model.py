"""A `train_step` that reports the penalty after every step."""

import keras
from keras import ops

from keras_slr.record import register
from keras_slr.solvers.slr_dual_update import penalty
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.by_form import form_of
from keras_slr.training.run import Run


class SLRTrainStep:
    """Mixin whose `train_step` adds the penalty of a run to the metrics.

    The step is that of the class behind this one; the optimizer adds the
    penalty's gradient as in every other step. While a run is attached, the
    step also reports, as means over the epoch:

    - `slr_step_penalty`: the penalty at the weights after the step;
    - `slr_step_residual`: `||W - Z|| / ||W||` there.

    `SLRCallback` adds both, as of the end of an epoch, to the logs of every
    model. Use this class to follow them from step to step. It reads the
    weights once more than a plain step, which slows down very small steps.

    ```python
    class MyModel(SLRTrainStep, keras.Model):
        ...
    ```
    """

    def train_step(self, *args):
        if keras.config.backend() != "jax":
            logs = super().train_step(*args)
            return {**logs, **self._observe()}
        state, data = args
        logs, state = super().train_step(state, data)
        variables = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        mapping = [
            pair
            for own, values in zip(variables, state)
            for pair in zip(own, values)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = {**logs, **self._observe()}
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (*state[:3], metrics)

    @property
    def metrics(self):
        own = super().metrics
        return own if Run.of(self) is None else own + self._slr_metrics()

    def get_metrics_result(self):
        # `train_step` adds them itself; validation has none.
        names = {metric.name for metric in self._slr_metrics()}
        results = super().get_metrics_result()
        return {k: v for k, v in results.items() if k not in names}

    def _slr_metrics(self):
        # Made at first use, so that a subclass need not call an initializer
        # of this mixin.
        if "_slr_means" not in self.__dict__:
            means = _Means(
                keras.metrics.Mean(name="slr_step_penalty"),
                keras.metrics.Mean(name="slr_step_residual"),
            )
            object.__setattr__(self, "_slr_means", means)
        return self._slr_means.metrics

    def _observe(self):
        run = Run.of(self)
        if run is None:
            return {}
        split = run.split
        rho = split.rho.value
        inner = square = size = 0.0
        for slot in split.slots:
            w = ops.cast(slot.w.value, "float32")
            lam, d = form_of(split, slot).read(
                DeviceArrays, w, slot.a.value, slot.c.value, rho
            )
            inner = inner + ops.sum(lam * d)
            square = square + ops.sum(d * d)
            size = size + ops.sum(w * w)
        values = (
            penalty(inner, square, rho),
            ops.sqrt(square / ops.maximum(size, 1e-30)),
        )
        metrics = self._slr_metrics()
        for metric, value in zip(metrics, values):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in metrics}


class _Means:
    """Hides metrics from the attribute tracking of models."""

    def __init__(self, *metrics):
        self.metrics = list(metrics)


@register
class SLRModel(SLRTrainStep, keras.Model):
    """A `keras.Model` with the `train_step` of `SLRTrainStep`.

    Use it like `keras.Model`: as a base class, or with inputs and outputs.

    ```python
    model = keras_slr.SLRModel(inputs, outputs)
    model.compile("adam", "mse")
    model.fit(x, y, callbacks=[keras_slr.SLRCallback(rate=0.9)])
    ```
    """
