"""The ways to convert a model, in the order in which they are tried.

A file that takes any batch size is the most useful one. TFLite needs a fixed
one for models that loop over steps, as recurrent layers do: a list of tensors
needs a known shape. Quantization to integers does not support the loop itself,
so its steps are unrolled there.
"""

import dataclasses

import keras

from tflite_export.conversion.recurrent import is_stateful
from tflite_export.conversion.recurrent import rolled

INTEGER = ("int8", "int16x8")


@dataclasses.dataclass(frozen=True)
class Route:
    """One way to convert a model.

    Attributes:
        batch: Integer, the batch size that the file is for, or `None` for
            any. Defaults to `None`.
        unroll: Whether the steps of recurrent layers are unrolled.
            Defaults to `False`.
    """

    batch: int | None = None
    unroll: bool = False

    @property
    def words(self):
        """Text on the route for messages, empty for the first one."""
        found = "" if self.batch is None else f" at batch size {self.batch}"
        return found + (", unrolled" if self.unroll else "")


ANY_BATCH = Route()


def routes(model, quantize):
    """Lists the ways to convert a model.

    Args:
        model: Keras model.
        quantize: As in `convert`.

    Returns:
        List of `Route`.
    """
    if not getattr(model, "inputs", None):
        return [ANY_BATCH]
    size = _batch(model)
    loops = rolled(model)
    unroll = [Route(size, unroll=True)] if loops else []
    if loops and quantize in INTEGER:
        return unroll
    # States have a fixed batch size.
    any_size = [] if is_stateful(model) else [ANY_BATCH]
    return [*any_size, Route(size), *unroll]


def signature(model, batch):
    """Describes the inputs of a model at a batch size.

    Args:
        model: Keras model with `inputs`.
        batch: Integer.

    Returns:
        List for the `input_signature` of Keras's `export`.
    """
    # A sequential model has no `input` before it is called.
    structure = getattr(model, "input", None)
    if structure is None:
        (structure,) = model.inputs
    return [
        keras.tree.map_structure(
            lambda x: keras.InputSpec(
                shape=(batch, *x.shape[1:]), dtype=x.dtype, name=x.name
            ),
            structure,
        )
    ]


def _batch(model):
    # A sequential model may have the size of the first batch in `fit`, which
    # nobody chose.
    if isinstance(model, keras.Sequential) and not is_stateful(model):
        return 1
    return next((x.shape[0] for x in model.inputs if x.shape[0]), 1)
