"""Replicas and processes that train one model together."""

from keras_slr.backend.name import BACKEND
from keras_slr.keras_internals.optimizers import strategy_of

if BACKEND == "tensorflow":
    import tensorflow as tf

    from keras_slr.keras_internals.tensorflow import has_several_workers
elif BACKEND == "torch":
    import torch


def replicas():
    """Returns over how many replicas gradients will be summed."""
    if BACKEND != "tensorflow":
        return 1
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context is not None else 1


def mean_over_processes(number, optimizer):
    """Returns the mean of a number over the processes of a cluster.

    Solvers decide by the loss. Processes that see their own part of a batch
    have losses of their own; those that decided differently would go on with
    different `Z`. On JAX the loss of a global batch is the same everywhere.

    Args:
        number: Float.
        optimizer: Keras optimizer that all processes train with.
    """
    if BACKEND == "torch" and torch.distributed.is_initialized():
        device = optimizer.iterations.value.device
        total = torch.tensor(number, dtype=torch.float32, device=device)
        torch.distributed.all_reduce(total)
        return float(total) / torch.distributed.get_world_size()
    if BACKEND == "tensorflow":
        strategy = strategy_of(optimizer)
        if has_several_workers(strategy):
            return float(
                strategy.reduce(
                    tf.distribute.ReduceOp.MEAN,
                    tf.constant(number, "float32"),
                    axis=None,
                )
            )
    return number
