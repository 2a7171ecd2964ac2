"""Where KerasHub's transformer layers hold their parts."""

SELF_ATTENTION = "_self_attention_layer"
CROSS_ATTENTION = "_cross_attention_layer"
UP = "_feedforward_intermediate_dense"
GATE = "_feedforward_gate_dense"
DOWN = "_feedforward_output_dense"

_KERAS_HUB = "keras_hub.src."


def is_of_keras_hub(obj):
    """Returns whether KerasHub itself defines a class or a function."""
    return (getattr(obj, "__module__", None) or "").startswith(_KERAS_HUB)
