"""What variables hold besides their public attributes."""


def layout_of(variable):
    """Returns how a variable is to be sharded over devices, or `None`."""
    # Before Keras 3.15 only the variables of JAX have the attribute.
    return getattr(variable, "_layout", None)


def has_value(variable):
    """Returns whether a variable has a value.

    On JAX a step that fails takes the values with it.
    """
    return variable._value is not None
