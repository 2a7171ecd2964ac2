"""The projections of attention layers, of Keras and of KerasHub."""

PARTS = ("query", "key", "value", "output")


def projection_names(attention):
    """Returns the attributes that hold the four projections, as a list.

    Layers of Keras name them `_query_dense` and so on; some attention layers
    of KerasHub omit the underscore.
    """
    public = [f"{part}_dense" for part in PARTS]
    private = [f"_{name}" for name in public]
    return private if hasattr(attention, private[0]) else public


def gate_of(attention):
    """Returns the projection of the gate of an attention layer.

    Args:
        attention: Built attention layer.

    Returns:
        Keras layer, or `None`: only layers made with `use_gate=True`, which
        came with Keras 3.14, have one.
    """
    return getattr(attention, "_gate_dense", None)


def set_head_counts(attention, queries, pairs):
    """Sets the numbers of heads that an attention layer computes with.

    Args:
        attention: Attention layer of Keras or KerasHub.
        queries: Integer, the number of query heads.
        pairs: Integer, the number of key and value heads.
    """
    counts = {
        "_num_heads": queries,
        "num_query_heads": queries,
        "num_key_value_heads": pairs,
        "num_key_value_groups": queries // pairs,
    }
    # Each class has those that it needs.
    for name, count in counts.items():
        if hasattr(attention, name):
            setattr(attention, name, count)
