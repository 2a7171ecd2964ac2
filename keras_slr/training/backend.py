"""What differs between TensorFlow, JAX and PyTorch, and nothing else."""

import contextlib
import itertools
import random

import keras
import numpy as np
from keras import ops

BACKEND = keras.config.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
    from jax.experimental import multihost_utils
elif BACKEND == "torch":
    import torch

# What marks a free entry in `C`, see `solvers.forms`. TensorFlow runs the sum
# operation by operation: there two over whole tensors, with `R`, are faster
# than the five that an infinite `C` takes. Where the sum is one pass over
# memory, not reading `R` is faster.
FREE = np.float32(0.0 if BACKEND == "tensorflow" else np.inf)

# Whether a compiled step reads what it is given as its state and nothing else.
STEPS_ARE_STATELESS = BACKEND == "jax"

# Entries from which on one pass over memory is worth a call of XLA on
# TensorFlow; small weights lie in the cache.
_FUSED_FROM = 2**18


def to_host(variable):
    """Returns a variable as a float32 NumPy array, without a copy if possible.

    The array must be read, not written: on JAX and PyTorch it may be the
    variable's own memory. What is sharded over devices is gathered.
    """
    value = variable.value
    if BACKEND == "torch":
        value = value.detach()
        if value.dtype != torch.float32:
            value = value.float()
        return value.cpu().numpy()
    if BACKEND == "tensorflow":
        return to_numpy(variable).astype(np.float32, copy=False)
    if not (value.is_fully_addressable or value.is_fully_replicated):
        value = multihost_utils.process_allgather(value, tiled=True)
    return np.asarray(value).astype(np.float32, copy=False)


def to_numpy(variable):
    """Returns a variable as a NumPy array of its own dtype, to be read."""
    value = variable.value
    if BACKEND == "tensorflow":
        # Inside the scope of a strategy a variable is no array by itself.
        value = tf.convert_to_tensor(value)
    return ops.convert_to_numpy(value)


def to_host_scalar(tensor):
    """Returns a scalar tensor as a Python float."""
    if BACKEND == "torch":
        tensor = tensor.detach()
    return float(tensor)


def on_one_cpu(variable):
    """Returns whether a variable lies whole in the memory of one CPU."""
    value = variable.value
    if BACKEND == "torch":
        return value.device.type == "cpu"
    if BACKEND == "jax":
        devices = value.devices()
        return len(devices) == 1 and next(iter(devices)).platform == "cpu"
    device = getattr(value, "device", None) or ""
    return "GPU" not in device and "TPU" not in device


def fill(variable, number):
    """Sets every entry of a variable, where it lies."""
    if variable._value is None:
        # On JAX a step that fails takes the values with it.
        variable.assign(ops.full(variable.shape, number, variable.dtype))
        return
    variable.assign(ops.full_like(variable.value, number))


def parts(variable):
    """Returns what this process holds of a variable.

    Returns:
        Dict of NumPy arrays by place, one array unless the variable is
        sharded. They must be read, not written, see `to_host`.
    """
    if BACKEND == "jax":
        return _shards(variable.value)
    return {"whole": to_numpy(variable)}


def raw_parts(variable, value=None):
    """Returns the bytes of what this process holds of a variable, a list.

    Args:
        variable: Keras variable.
        value: Tensor in place of the value that it holds, on JAX. Defaults to
            `None`.
    """
    held = parts(variable) if value is None else _shards(value)
    return [part.tobytes() for part in held.values()]


def _shards(value):
    return {
        str(shard.index): np.asarray(shard.data)
        for shard in value.addressable_shards
    }


def assign_parts(variable, arrays):
    """Sets a variable to what `parts` has returned."""
    if BACKEND == "jax":
        value = variable.value
        variable.assign(
            jax.make_array_from_callback(
                value.shape, value.sharding, lambda index: arrays[str(index)]
            )
        )
    else:
        variable.assign(arrays["whole"])


def unshare(variables):
    """Gives every variable a buffer of its own.

    Keras on JAX copies moving averages into the weights at the end of a
    `fit` by sharing their buffers; the next compiled step refuses to be
    given the same buffer twice.
    """
    if BACKEND == "jax":
        for variable in variables:
            variable.assign(ops.copy(variable.value))


def random_state_kept():
    """Returns a context that leaves the global random state as it was.

    On PyTorch every pass over data draws from it, shuffled or not.
    """
    if BACKEND == "torch":
        return torch.random.fork_rng()
    return contextlib.nullcontext()


def global_random_states():
    """Returns the global random states, a dict of arrays."""
    kind, key, *rest = np.random.get_state()
    states = {"numpy": key, "numpy_rest": np.array(rest, "float64")}
    if kind != "MT19937":
        states = {}
    # Keras shuffles a `PyDataset` by it.
    _, key, gauss = random.getstate()
    states["python"] = np.array(key, "uint32")
    states["python_gauss"] = np.array(np.nan if gauss is None else gauss)
    if BACKEND == "torch":
        states["torch"] = torch.get_rng_state().numpy()
    return states


def set_global_random_states(states):
    """Sets the global random states, those that are in a dict."""
    if "numpy" in states:
        place, has_gauss, gauss = states["numpy_rest"]
        np.random.set_state(
            ("MT19937", states["numpy"], int(place), int(has_gauss), gauss)
        )
    if "python" in states:
        key, gauss = states["python"].tolist(), float(states["python_gauss"])
        random.setstate((3, tuple(key), None if np.isnan(gauss) else gauss))
    if BACKEND == "torch" and "torch" in states:
        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))


def draw(args, count):
    """Draws the batches of one call of a model's `train_function`.

    Args:
        args: List of what `fit` calls that function with.
        count: Integer, the batches that such a call takes at most.

    Returns:
        List of the first batch, and on JAX of the state that was given.
    """
    if BACKEND == "torch":
        # `fit` has drawn them.
        return [args[0][0]]
    *state, iterator = args
    first = next(iterator)
    list(itertools.islice(iterator, count - 1))
    return [first, *state]


def compiled(fn):
    """Compiles a function of tensors for the backend in use."""
    if BACKEND == "jax":
        return jax.jit(fn)
    if BACKEND == "tensorflow":
        # Traced anew for tensors of other ranks: one trace for all of them
        # sums some along one axis alone.
        return tf.function(fn)
    return torch.no_grad()(fn)


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
        strategy = optimizer._distribution_strategy
        if strategy.extended._in_multi_worker_mode():
            return float(
                strategy.reduce(
                    tf.distribute.ReduceOp.MEAN,
                    tf.constant(number, "float32"),
                    axis=None,
                )
            )
    return number


def is_torch_optimizer(optimizer):
    """Returns whether an optimizer is one of PyTorch's own."""
    return BACKEND == "torch" and isinstance(optimizer, torch.optim.Optimizer)


def values_after(model, result):
    """Returns the weights after a call of a model's `train_function`.

    Args:
        model: Keras model.
        result: What the call has returned.

    Returns:
        Dict of tensors by the `id` of their variable, of weights that are not
        in their variables yet.
    """
    if BACKEND != "jax":
        return {}
    _, (trainable, *_) = result
    return {id(v): x for v, x in zip(model.trainable_variables, trainable)}


def build(optimizer, variables):
    """Makes an optimizer's own variables, on the devices of its strategy."""
    scope = contextlib.nullcontext()
    if BACKEND == "tensorflow":
        scope = optimizer._distribution_strategy.scope()
    with scope:
        optimizer.build(variables)


def variable_scope(optimizer):
    """Returns the scope in which further variables of it must be made."""
    if BACKEND == "tensorflow":
        return optimizer._distribution_strategy.scope()
    return keras.name_scope(optimizer.name)


# Entries per block in which PyTorch adds a penalty on a CPU. A temporary of a
# whole kernel would be fresh memory from the system in every step, which
# costs several times the addition.
_BLOCK = 1 << 18


def _add_in_place(gradients, weights, shifts, rho, scale):
    scratch = torch.empty(_BLOCK)
    for g, w, c in zip(gradients, weights, shifts):
        w, c = w.value, c.value
        if g.device.type != "cpu" or not (
            g.is_contiguous() and w.is_contiguous()
        ):
            shift = torch.addcmul(c, w.to(c.dtype), rho)
            g.add_(_zero_if_free(shift).to(g.dtype), alpha=scale)
            continue
        # A number, not a tensor of none: several times as fast, and no
        # synchronisation on a CPU.
        number = float(rho)
        blocks = (t.view(-1).split(_BLOCK) for t in (g, w, c))
        for g_part, w_part, c_part in zip(*blocks):
            shift = torch.add(
                c_part,
                w_part.to(c.dtype),
                alpha=number,
                out=scratch[: len(g_part)],
            )
            g_part.add_(_zero_if_free(shift).to(g.dtype), alpha=scale)


def _pull_in_place(weights, shifts, rho):
    scratch = torch.empty(_BLOCK)
    for w, c in zip(weights, shifts):
        w, c = w.value, c.value
        if w.device.type != "cpu" or not w.is_contiguous():
            shift = torch.addcmul(c, w.to(c.dtype), rho)
            w.sub_(_zero_if_free(shift).to(w.dtype))
            continue
        number = float(rho)
        for w_part, c_part in zip(
            w.view(-1).split(_BLOCK), c.view(-1).split(_BLOCK)
        ):
            shift = torch.add(
                c_part,
                w_part.to(c.dtype),
                alpha=number,
                out=scratch[: len(w_part)],
            )
            w_part.sub_(_zero_if_free(shift).to(w.dtype))


def _zero_if_free(shift):
    return torch.nan_to_num_(shift, nan=torch.nan, posinf=0.0)


def _add_up(gradients, weights, shifts, strengths, scale):
    """Returns `G + scale (C + R W)` with whole tensors, on TensorFlow."""
    amended = []
    for g, w, c, r in zip(gradients, weights, shifts, strengths):
        g = tf.convert_to_tensor(g)
        pull = r.value * tf.cast(w.value, "float32")
        if g.dtype == tf.float32 and scale == 1.0:
            amended.append(tf.add_n([g, c.value, pull]))
        else:
            amended.append(g + tf.cast(scale * (c.value + pull), g.dtype))
    return amended


def add_penalty(gradients, weights, shifts, strengths, rho, scale):
    """Adds `scale (C + R W)` to the gradients of the pruned weights.

    Nothing is added to free entries, those with `R = 0`.

    Args:
        gradients: List of backend tensors, one per weight.
        weights: List of Keras variables `W`.
        shifts: List of Keras variables `C`, `FREE` on free entries.
        strengths: List of Keras variables `R`, or the scalar `rho` for a
            weight without free entries.
        rho: Scalar Keras variable, float32, that `R` is elsewhere.
        scale: Float.

    Returns:
        List of backend tensors. On PyTorch they are the given ones, changed
        in place: `zero_grad` drops them before the next backward pass, and
        new ones would cost as much again.
    """
    if BACKEND == "torch":
        with torch.no_grad():
            _add_in_place(gradients, weights, shifts, rho.value, scale)
        return gradients
    if BACKEND == "tensorflow":
        return _add_up(gradients, weights, shifts, strengths, scale)
    amended = []
    for g, w, c in zip(gradients, weights, shifts):
        shift = c.value + rho.value * ops.cast(w.value, "float32")
        shift = ops.where(ops.isinf(shift), 0.0, shift)
        if scale != 1.0:
            shift = shift * scale
        amended.append(g + ops.cast(shift, g.dtype))
    return amended


def pull(weights, shifts, strengths, rho):
    """Takes `C + R W` from the weights, inside a train step.

    Args:
        weights: List of Keras variables `W`.
        shifts: See `add_penalty`.
        strengths: See `add_penalty`.
        rho: See `add_penalty`.
    """
    if BACKEND == "torch":
        with torch.no_grad():
            _pull_in_place(weights, shifts, rho.value)
        return
    if BACKEND == "jax":
        for w, c in zip(weights, shifts):
            shift = c.value + rho.value * ops.cast(w.value, "float32")
            shift = ops.where(ops.isinf(shift), 0.0, shift)
            w.assign(w.value - ops.cast(shift, w.dtype))
        return

    def pulled(w, c, r):
        return w - tf.cast(c + r * tf.cast(w, "float32"), w.dtype)

    def pull_one(w, c, r):
        fused = w.shape.num_elements() >= _FUSED_FROM
        if not fused or tf.executing_eagerly():
            return w.assign(pulled(w, c, r))
        # A function for each weight: one for all would warn of retracing.
        one_pass = tf.function(pulled, jit_compile=True)
        return w.assign(one_pass(w, c, r))

    _update_each(pull_one, weights, shifts, strengths)


def _update_each(fn, variables, *others):
    """Runs `fn` on each variable and its fellows, on every replica."""

    def update_all(strategy, *columns):
        for v, *values in zip(*columns):
            strategy.extended.update(v, fn, args=tuple(values), group=False)

    tf.__internal__.distribute.interim.maybe_merge_call(
        update_all,
        tf.distribute.get_strategy(),
        *[[v.value for v in column] for column in (variables, *others)],
    )


def _mask_in_place(tensor, mask):
    """Sets a tensor to `+0.0` where its mask is zero, whatever it holds.

    A product would leave `-0.0`, and make NaN of Inf.

    Args:
        tensor: PyTorch tensor.
        mask: PyTorch tensor of the same shape, of ones and zeros.
    """
    if tensor.dtype != mask.dtype:
        tensor.masked_fill_(mask == 0, 0)
        return
    # A third of the time of `masked_fill_`: the sign bit of minus one, spread
    # over all bits, keeps an entry; zero clears it.
    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[mask.itemsize]
    keep = mask.view(bits).neg().bitwise_right_shift_(8 * mask.itemsize - 1)
    tensor.view(bits).bitwise_and_(keep)


def mask_gradients(gradients, masks):
    """Returns the gradients with masked entries set to zero."""
    if BACKEND == "torch":
        with torch.no_grad():
            for g, m in zip(gradients, masks):
                _mask_in_place(g, m.value)
        return gradients
    if BACKEND == "tensorflow":
        gradients = [
            tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g
            for g in gradients
        ]
    return [
        ops.where(m.value > 0, g, ops.zeros((), g.dtype))
        for g, m in zip(gradients, masks)
    ]


def mask_variables(variables, masks):
    """Sets the masked entries of variables to zero, inside a train step."""
    if BACKEND == "torch":
        with torch.no_grad():
            for v, m in zip(variables, masks):
                _mask_in_place(v.value, m.value)
        return
    if BACKEND == "jax":
        for v, m in zip(variables, masks):
            v.assign(ops.where(m.value > 0, v.value, ops.zeros((), v.dtype)))
        return

    def mask_one(v, m):
        return v.assign(tf.where(m > 0, v, tf.zeros_like(v)))

    _update_each(mask_one, variables, masks)
