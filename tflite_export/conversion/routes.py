"""The ways to convert a model, in the order in which they are tried.

A file that takes any batch size is the most useful one. TFLite needs a fixed
one where a model loops over steps, as recurrent layers do: a list of tensors
has to be of known shape. Where the loop itself is in the way, because integers
are calibrated without looking into it, its steps are written out.
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
        unroll: Whether the steps of recurrent layers are written out.
            Defaults to `False`.
    """

    batch: int | None = None
    unroll: bool = False

    @property
    def words(self):
        """Words on what is particular about it, empty for the first route."""
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
    # States are of one batch size.
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
    # That of a sequential model may be the size of the first batch in `fit`,
    # which nobody chose.
    if isinstance(model, keras.Sequential) and not is_stateful(model):
        return 1
    return next((x.shape[0] for x in model.inputs if x.shape[0]), 1)
