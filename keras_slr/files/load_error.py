"""Why a saved model does not load, in words that fit into a sentence."""

import re

# Keras wraps the cause in errors that repeat whole configs.
_WRAPPER = re.compile(
    r"could not be deserialized properly|^Error when deserializing class"
)
_LAYER = re.compile(r"using config=\{'name': '([^']+)'")
# A lambda that is not a layer of its own is saved as Python bytecode.
_BYTECODE = re.compile(
    r"identifier: \{'value': \[|class_name': '__lambda__'|Python lambda"
)
_UNKNOWN = re.compile(
    r"Could not locate (class|function) '([^']+)'"
    r"|'class_name': '(function)', 'config': '([^']+)'"
)
# `<Dense name=dense, built=True>`, and what was wrong with its weights.
_WEIGHTS = re.compile(
    r"could not be loaded\. Example error message for object <\w+ "
    r"name=([^,>]+)[^>]*>:\s+(.+)",
    re.DOTALL,
)
_SHAPES = re.compile(
    r"variable\.shape=\(([^)]*)\), Received: value\.shape=\D*\(\[?([\d, ]*)"
)
# Of PyTorch, JAX, TensorFlow and NumPy.
_MEMORY = re.compile(
    r"can't allocate memory|Out of memory|OOM when alloc|Unable to allocate"
)
_LONGEST = 300


def why_not_loaded(error: BaseException) -> str:
    """Returns the reason why Keras could not load a model.

    Args:
        error: The exception that `keras.saving.load_model` raised.

    Returns:
        String that follows "which does not load: ", without a full stop.
    """
    layer = "the model"
    while _WRAPPER.search(str(error)) and error.__context__ is not None:
        named = _LAYER.search(str(error))
        layer = f"`{named[1]}`" if named else layer
        error = error.__context__
    if _BYTECODE.search(str(error)):
        return (
            f"{layer} holds a `lambda`, which Keras does not load in safe "
            "mode; replace it by a function with "
            "`@keras.saving.register_keras_serializable()`"
        )
    unknown = _UNKNOWN.search(str(error))
    if unknown:
        kind, name = (group for group in unknown.groups() if group)
        return (
            f"{layer} uses the custom {kind} `{name}`; first import the "
            "module that registers it"
        )
    if isinstance(error, MemoryError) or _MEMORY.search(str(error)):
        return "its weights need more memory than there is"
    weights = _WEIGHTS.search(str(error))
    if weights:
        return _why_no_weights(*weights.groups())
    reason = " ".join(str(error).split())
    if layer != "the model" and len(reason) <= _LONGEST:
        return f"{layer}: {reason.rstrip('.')}"
    return first_sentence(error).rstrip(".")


def _why_no_weights(layer, message):
    shapes = _SHAPES.search(message)
    if shapes:
        expected, received = (
            tuple(int(size) for size in re.findall(r"\d+", shape))
            for shape in shapes.groups()
        )
        return (
            f"`{layer}` has weights of shape {expected} by its config, and "
            f"of shape {received} in the file"
        )
    return f"the weights of `{layer}`: {first_sentence(message).rstrip('.')}"


def first_sentence(error: BaseException | str) -> str:
    """Returns the head of an error's text on one line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    head, _, _ = " ".join(lines[0].split()).partition(". ")
    return head[:_LONGEST].rstrip(".") + "."
