"""Which weights of a TFLite file to encode, and in which form."""

import gzip

from keras_slr.planning.targets import THRESHOLD
from keras_slr_base.failure import Failure
from tflite_export.conditions.condition import BLOCKS_PAY
from tflite_export.sparse.encodable_weights import encodable_weights
from tflite_export.sparse.legality import BLOCKS
from tflite_export.sparse.legality import ENTRIES
from tflite_export.sparse.legality import forms
from tflite_export.sparse.legality import needs_safety
from tflite_export.sparse.legality import refusal
from tflite_export.sparse.sparse_encoding import BLOCK
from tflite_export.sparse.sparse_encoding import encode
from tflite_export.xnnpack.sparse_start import sparse_inference

# The largest number of reasons in a sentence.
_REASONS = 2


def choose(model, sparsity, quantize, target):
    """Chooses the weights to encode.

    Args:
        model: `ModelT` of the dense file.
        sparsity: As in `convert`.
        quantize: As in `convert`.
        target: As in `convert`.

    Returns:
        Dict for `encode_weights`; empty if the file should stay dense.

    Raises:
        Failure: If `sparsity` is `"encode"` and no encoding is safe.
    """
    if sparsity == "none" or refusal(quantize, target):
        return {}
    inference = sparse_inference(model)
    weights = [
        (w, forms(quantize, w, inference)) for w in encodable_weights(model)
    ]
    if sparsity == "encode":
        return _all(_apart(weights, inference), quantize, inference)
    if target == "size":
        weights = _apart(weights, inference)
        return _smallest(weights, lambda data: len(gzip.compress(data)))
    if target == "arm" and needs_safety(quantize) and inference.engages:
        found = _sparse_convolutions(weights)
        if found:
            return found
    return {
        weight.key: BLOCKS
        for weight, legal in weights
        if BLOCKS in legal and _pays(weight)
    }


def _apart(weights, inference):
    """Removes blocks where convolutions may run in their sparse form.

    The combination of both was not measured.
    """
    if not inference.engages:
        return weights
    return [
        (weight, tuple(form for form in legal if form != BLOCKS))
        for weight, legal in weights
    ]


def _all(weights, quantize, inference):
    if needs_safety(quantize) and not inference.safe:
        reasons = "; ".join(inference.reasons[:_REASONS])
        raise Failure(
            "may give wrong numbers on ARM once its weights are "
            f"sparse-encoded ({reasons}): convert it with sparsity 'auto'",
            user_error=True,
        )
    found = _smallest(weights, len)
    if not found:
        raise Failure(
            "has no weight that sparse encoding makes smaller and is safe for"
            ", of the convolutions and, unless in int8, Dense layers: prune "
            "it further, or convert it with sparsity 'auto'",
            user_error=True,
        )
    return found


def _smallest(weights, measure):
    found = {}
    for weight, legal in weights:
        sizes = {None: measure(weight.entries.tobytes())}
        for form in legal:
            sizes[form] = measure(_encoded_bytes(weight.entries, form))
        best = min(sizes, key=sizes.get)
        if best:
            found[weight.key] = best
    return found


def _encoded_bytes(entries, form):
    values, sparsity = encode(entries, BLOCK if form == BLOCKS else 1)
    data = values.tobytes()
    for meta in sparsity.dimMetadata:
        if meta.arrayIndices is not None:
            data += meta.arraySegments.values.tobytes()
            data += meta.arrayIndices.values.tobytes()
    return data


def _pays(weight):
    for rows, share in BLOCKS_PAY:
        if weight.rows <= rows:
            return weight.zero_blocks >= share
    return False


def _sparse_convolutions(weights):
    small = [(w, legal) for w, legal in weights if w.is_1x1]
    zeros = sum(weight.zeros for weight, _ in small)
    if zeros <= THRESHOLD * sum(weight.entries.size for weight, _ in small):
        return {}
    return {
        key: form
        for key, form in _smallest(small, len).items()
        if form == ENTRIES
    }
