"""TF-MOT's schedules and policies, in a form for the child process."""


def specification_of(value):
    """Returns the description of a schedule or policy for the child process.

    Args:
        value: Object of TF-MOT's, dict with `class_name` and `config`,
            string `"module:name"`, or `None`.

    Returns:
        Dict, string or `None`.

    Raises:
        TypeError: If it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, str) and ":" in value:
        return value
    if isinstance(value, dict) and value.keys() >= {"class_name", "config"}:
        return value
    kind = type(value)
    if kind.__module__.startswith("tensorflow_model_optimization."):
        if hasattr(value, "get_config"):
            return value.get_config()
        return {"class_name": kind.__name__, "config": {}}
    raise TypeError(
        f"Expected a schedule or policy of TF-MOT's, received {value!r}: give "
        "the object, its configuration, or 'module:name' of what makes it."
    )
