"""Replicas and workers of TensorFlow."""

import tensorflow as tf


def merge_call(fn, *args):
    """Calls a function with the strategy, across replicas.

    Args:
        fn: Function of the `tf.distribute.Strategy` and of `args`.
        *args: What is passed on; lists of variables.
    """
    tf.__internal__.distribute.interim.maybe_merge_call(
        fn, tf.distribute.get_strategy(), *args
    )


def has_several_workers(strategy):
    """Returns whether a strategy spans several processes."""
    return strategy.extended._in_multi_worker_mode()
