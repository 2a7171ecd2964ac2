"""Whether TFLite can take the inputs of a model, before it is converted."""

# Types that both the interpreter and Keras support.
_NUMBERS = ("float", "int", "uint", "bool")


def fault(model):
    """Returns why TFLite cannot take an input of a model.

    Args:
        model: Keras model.

    Returns:
        String that completes "received a model which", or `None`.
    """
    found = map(_fault, getattr(model, "inputs", None) or [])
    return next((reason for reason in found if reason), None)


def _fault(tensor):
    name, shape = tensor.name, tuple(tensor.shape)
    for kind in ("sparse", "ragged"):
        if getattr(tensor, kind, False):
            return (
                f"takes its input `{name}` as a {kind} tensor, which TFLite "
                f"does not have: rebuild it without `{kind}=True`"
            )
    if not str(tensor.dtype).startswith(_NUMBERS):
        return (
            f"takes its input `{name}` as {tensor.dtype}: give it numbers "
            "instead, and keep the conversion to numbers outside the model"
        )
    if not shape:
        return (
            f"takes its input `{name}` without a batch axis: rebuild it with "
            "one"
        )
    if None in shape[1:]:
        return (
            f"leaves sizes of its input `{name}` open beside the batch, "
            f"{shape}: rebuild it with an input shape of fixed sizes, or make "
            "`keras.Model(x, model(x))` where `x` is `keras.Input` of fixed "
            "sizes, or a dict or list of them as the model takes"
        )
    return None
