"""Updates of variables on every replica, on TensorFlow."""

from keras_slr.backend.name import BACKEND

if BACKEND == "tensorflow":
    from keras_slr.keras_internals.tensorflow import merge_call


def update_each(fn, variables, *others):
    """Runs `fn` on each variable and its fellows, on every replica."""

    def update_all(strategy, *columns):
        for v, *values in zip(*columns):
            strategy.extended.update(v, fn, args=tuple(values), group=False)

    merge_call(
        update_all,
        *[[v.value for v in column] for column in (variables, *others)],
    )
