"""Rules for layers with attention and a feed-forward part.

Heads and feed-forward units can be cut. The width of the model stays, because
the layers normalize over it.
"""

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.keras_internals.keras_hub import is_of_keras_hub
from keras_slr.shrinking import constants
from keras_slr.shrinking.blocks import block_of
from keras_slr.shrinking.heads import counts
from keras_slr.shrinking.heads import heads_axis
from keras_slr.shrinking.heads import projections
from keras_slr.shrinking.heads import slices_of
from keras_slr.shrinking.labels import Unfollowed
from keras_slr.shrinking.narrow_layers import Narrow
from keras_slr.shrinking.rules.products import pin_masked_heads
from keras_slr.shrinking.trace import INPUT
from keras_slr.shrinking.trace import OUTPUT
from keras_slr.shrinking.trace import VECTOR
from keras_slr.shrinking.trace import Read

# Not attention scores and caches, which have a slot per head, nor gates.
OPTIONS = (
    *("num_heads", "key_dim", "value_dim", "num_query_heads"),
    *("num_key_value_heads", "head_dim", "query_head_dim_normalize"),
    *("output_shape", "attention_axes", "use_bias", "dropout"),
    *("flash_attention", "logit_soft_cap", "sliding_window"),
    *("use_sliding_window_attention", "sliding_window_size"),
    *("rope_max_wavelength", "rope_scaling_factor"),
    *("rope_position_scaling_factor", "rope_frequency_adjustment_factor"),
    *("rope_low_freq_factor", "rope_high_freq_factor"),
    "rope_pretraining_sequence_length",
    *("hidden_dim", "intermediate_dim", "activation", "normalize_first"),
    *("layer_norm_epsilon", "use_post_ffw_norm", "use_post_attention_norm"),
    # Those of narrow layers.
    *("heads", "units"),
    *("value", "key", "encoder_sequence", "use_causal_mask"),
    *("query_mask", "key_mask", "value_mask", "attention_mask"),
    *("padding_mask", "decoder_padding_mask", "decoder_attention_mask"),
    *("encoder_padding_mask", "encoder_attention_mask"),
)


def follow(trace, call):
    """Notes the heads and the feed-forward units of a layer."""
    layer = call.operation
    block = block_of(layer)
    attentions = block.attentions_of(layer).values()
    if not all(map(projections, attentions)):
        return trace.leave_whole(call)
    for x in call.inputs:
        trace.pin(x, f"goes into {call}, whose width stays")
    for attention in attentions:
        _follow_heads(trace, call, attention)
    if block.reader is not None:
        _follow_units(trace, call, *block.feed_forward_of(layer))
    return [Unfollowed(f"the output of {call}")]


def resize(layer, cut):
    """Returns the numbers of heads and units as a config says them."""
    block = block_of(layer)
    heads, units = _sizes(layer, cut)
    changes = {}
    if block.heads:
        (attention,) = block.attentions_of(layer).values()
        changes = dict(zip(block.heads, *heads.values()))
        if block.head_size is not None:
            query, *_ = projections(attention)
            changes[block.head_size] = query.kernel.shape[-1]
    if block.width is not None:
        changes[block.width] = units * block.factor
    return changes


def replace(layer, cut, name):
    """Returns a narrow layer where no config has these sizes, else `None`."""
    block = block_of(layer)
    heads, units = _sizes(layer, cut)
    same = all(
        heads[name] == counts(attention)
        for name, attention in block.attentions_of(layer).items()
    )
    has_config = block.has_config and not isinstance(layer, Narrow)
    if has_config and (same or block.heads):
        return None
    return Narrow.of(layer, name, heads, units)


def _sizes(layer, cut):
    """Returns the numbers of heads, by attention layer, and of units."""
    block = block_of(layer)
    heads = {}
    for name, attention in block.attentions_of(layer).items():
        query, _, value, _ = projections(attention)
        heads[name] = tuple(
            cut.width(dense.kernel, heads_axis(dense))
            for dense in (query, value)
        )
    if block.reader is None:
        return heads, None
    _, reader = block.feed_forward_of(layer)
    return heads, cut.width(reader.kernel, 0)


def _follow_heads(trace, call, attention):
    first, *others = slices_of(attention)
    heads = trace.produce(first.variable, first.axis)
    pin_masked_heads(trace, call, heads)
    for part in others:
        found = heads[part.units]
        trace.site(part.variable, part.axis, part.role, found)
    _, _, value, output = projections(attention)
    queries, size, width = output.kernel.shape
    weights = np.moveaxis(to_host(value.kernel), heads_axis(value), 1)
    held = _after_product(value, weights.reshape(len(weights), -1))
    held = np.repeat(held.reshape(-1, size), queries // (len(held) // size), 0)
    # Where a query sees nothing, weights do not add up to one: a constant
    # that is not zero stays.
    read = Read(
        layer=call.operation,
        bias=None,
        weights=to_host(output.kernel).reshape(-1, width),
        units=np.repeat(heads[others[-1].units], size),
        outputs=trace.new_units(width),
        constants=held.ravel(),
        folds=False,
    )
    trace.read(output.kernel, read)


def _follow_units(trace, call, makers, reader):
    first, *others = makers
    units = trace.produce(first.kernel, 1, first.bias)
    for dense in others:
        trace.site(dense.kernel, 1, OUTPUT, units)
        if dense.bias is not None:
            trace.site(dense.bias, 0, VECTOR, units)
    trace.site(reader.kernel, 0, INPUT, units)
    activation = _activation(call.operation, first)
    held = _after_product(first, to_host(first.kernel))
    if _is_elementwise(activation):
        held = constants.after(activation, held)
    else:
        name = getattr(activation, "__name__", type(activation).__name__)
        trace.pin(units, f"goes through the activation `{name}` of {call}")
        held = np.full_like(held, np.nan)
    for dense in others:
        factor = _after_product(dense, to_host(dense.kernel))
        zero = (held == 0.0) | (factor == 0.0)
        held = np.where(zero, 0.0, held * factor)
    read = Read(
        layer=call.operation,
        bias=reader.bias,
        weights=to_host(reader.kernel),
        units=units,
        outputs=trace.new_units(reader.kernel.shape[1]),
        constants=held,
        folds=reader.bias is not None,
    )
    trace.read(reader.kernel, read)


def _after_product(dense, weights):
    """Returns what the outputs of a kernel hold whatever its inputs."""
    inputs = np.full(len(weights), np.nan)
    bias = None if dense.bias is None else to_host(dense.bias).ravel()
    return constants.after_product(weights, inputs, bias)


def _activation(layer, dense):
    """Returns the activation behind the first layer of a feed-forward part."""
    if dense.activation is not keras.activations.linear:
        return dense.activation
    return getattr(layer, "activation", keras.activations.gelu)


def _is_elementwise(activation):
    """Whether an activation of Keras or KerasHub changes single numbers."""
    name = getattr(activation, "__name__", "")
    if activation is getattr(keras.ops, name, None):
        activation = getattr(keras.activations, name, None)
    if is_of_keras_hub(activation):
        return name == "gelu_approximate"
    return constants.is_elementwise(activation)
