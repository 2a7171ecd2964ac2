"""Calls of the child process that has TF-MOT."""

from keras_slr.interop.process import run_child

_CHILD = "keras_slr.interop.tfmot.child"
_PACKAGES = ("tensorflow", "tf_keras", "tensorflow_model_optimization")
MODEL, MASKS, DATA, WEIGHTS = (
    "model.keras",
    "masks.npz",
    "data.npz",
    "weights.npz",
)


def call_child(operation, folder, label, **arguments):
    """Runs one of the child's operations.

    Args:
        operation: String, its name.
        folder: `pathlib.Path` of the folder with what it needs.
        label: String that names the model in errors.
        **arguments: Plain values.

    Returns:
        Dict of plain values.

    Raises:
        ValueError: If TF-MOT does not support the model or an argument.
        RuntimeError: If the work fails.
    """
    return run_child(
        _CHILD,
        folder,
        {"operation": operation, "arguments": arguments},
        label,
        "tfmot",
        _PACKAGES,
        TF_USE_LEGACY_KERAS="1",
    )
