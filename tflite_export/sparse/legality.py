"""Which weights may be sparse-encoded, according to measurements.

Measured with TensorFlow 2.21 and LiteRT 1.4.0 to 2.3.0, on x86-64 and emulated
ARM64. Anything else does not load there, crashes or gives wrong numbers.
"""

# Forms of a weight: single entries, which a DENSIFY operation unpacks when the
# file is loaded, and 1x4 blocks, with which FULLY_CONNECTED computes itself.
ENTRIES = "entries"
BLOCKS = "blocks"
CONVOLUTION = "convolution"
DENSE = "Dense"
# Forms by `quantize` and kind of weight.
FORMS = {
    (None, CONVOLUTION): (ENTRIES,),
    (None, DENSE): (ENTRIES, BLOCKS),
    # In blocks, DEQUANTIZE reads the values as if they were dense.
    ("float16", CONVOLUTION): (ENTRIES,),
    ("float16", DENSE): (ENTRIES,),
    # Dense: LiteRT 2.3.0 does not delegate single entries; 1x16 blocks are
    # right, but take 1.7 times as long at 90 % zeros, and more below.
    ("int8", CONVOLUTION): (ENTRIES,),
}
# Why nothing may be encoded, by `quantize`.
NEVER = {
    "dynamic": "with dynamic-range quantization sparse weights do not load "
    "or give wrong numbers",
    "int16x8": "sparse weights with 16-bit activations are not measured on ARM",
    "weights_int8": "sparse weights behind DEQUANTIZE are not measured in int8",
    "weights_int4": "sparse weights behind DEQUANTIZE are not measured in int4",
}
# Why nothing may be encoded, by `target`.
NEVER_ON = {"micro": "TFLite Micro has no DENSIFY operation"}


def refusal(quantize, target):
    """Returns why no weight may be encoded.

    Args:
        quantize: As in `convert`.
        target: As in `convert`.

    Returns:
        String, or `None` if some may.
    """
    return NEVER.get(quantize) or NEVER_ON.get(target)


def needs_safety(quantize):
    """Returns whether XNNPACK on ARM may compute with sparse convolutions.

    They give wrong numbers in many graphs. A DENSIFY operation switches them
    on, but only among floating-point values.

    Args:
        quantize: As in `convert`.
    """
    return quantize != "int8"


def forms(quantize, weight, inference):
    """Lists the forms that are correct and load everywhere.

    Args:
        quantize: As in `convert`.
        weight: `EncodableWeight`.
        inference: `SparseInference` of the model.

    Returns:
        Tuple of `ENTRIES` and `BLOCKS`, possibly empty.
    """
    found = FORMS.get((quantize, weight.kind), ())
    if needs_safety(quantize) and not inference.safe:
        found = tuple(form for form in found if form != ENTRIES)
    if not weight.divides:
        found = tuple(form for form in found if form != BLOCKS)
    return found
