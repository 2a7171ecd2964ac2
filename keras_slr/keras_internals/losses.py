"""Arguments that losses keep to themselves."""


def class_axis(loss):
    """Returns the axis along which a loss has its classes."""
    return getattr(loss, "_fn_kwargs", {}).get("axis", -1)
