"""The error that quantization causes in each operation of a model."""

import dataclasses
import os
from typing import TYPE_CHECKING

from keras_slr_base.work_folder import work_folder
from tflite_export.conversion.calibration import as_arrays
from tflite_export.conversion.convert import check_calibration
from tflite_export.conversion.convert import check_source
from tflite_export.conversion.convert import in_child
from tflite_export.conversion.options import QUANTIZE
from tflite_export.conversion.options import Calibration
from tflite_export.conversion.options import Progress
from tflite_export.conversion.options import Quantization
from tflite_export.conversion.progress import reporter

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class OperationError:
    """The error of one operation of a quantized file.

    Errors are norms of the difference to what the float file computes,
    relative to the norm of that.

    Attributes:
        name: String, the converter's name for the result.
        op: String, the operation's name in TFLite.
        own: Float, its error on the inputs of the float file.
        so_far: Float, its error in the quantized file, with the errors of
            all operations before it.
    """

    name: str
    op: str
    own: float
    so_far: float


@dataclasses.dataclass(frozen=True)
class QuantizationError:
    """The errors of all operations, as a table.

    Attributes:
        quantize: String, as in `convert`.
        operations: Tuple of `OperationError`, in the order of the graph.
    """

    quantize: str
    operations: tuple[OperationError, ...]

    @property
    def worst(self) -> OperationError | None:
        """The `OperationError` with the largest own error, or `None`."""
        return max(self.operations, key=lambda row: row.own, default=None)

    def render(self, width: int = 100) -> str:
        """Returns the table as text, in the order of the graph.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.markup import escape
        from rich.table import Table

        from keras_slr_base.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("computes", overflow="fold")
        table.add_column("op", no_wrap=True)
        for name in ("own error", "so far"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.operations:
            table.add_row(
                escape(row.name), row.op, f"{row.own:.2%}", f"{row.so_far:.2%}"
            )
        console = text_console(width)
        console.print(table)
        text = console.file.getvalue()
        if self.worst is None:
            return text + "There is no operation to compare.\n"
        return text + (
            f"{self.quantize}: the largest own error is that of "
            f"`{self.worst.name}` ({self.worst.op}), {self.worst.own:.2%}.\n"
        )

    def __str__(self) -> str:
        return self.render()


def quantization_error(
    model_or_path: "keras.Model | str | os.PathLike[str]",
    calibration: Calibration | None = None,
    quantize: Quantization = "int8",
    progress: Progress | None = None,
) -> QuantizationError:
    """Measures the error that quantization causes in each operation.

    The model is converted to float32 and quantized, and both files run in the
    LiteRT interpreter on up to 64 rows of the calibration data. It works
    where `convert` refuses the file because its outputs do not agree.

    Args:
        model_or_path: As in `convert`.
        calibration: As in `convert`; without it, where it is not needed, the
            files run on random inputs. Defaults to `None`.
        quantize: As in `convert`, but not `None`. Defaults to `"int8"`.
        progress: As in `convert`. Defaults to `None`.

    Returns:
        `QuantizationError`.

    Raises:
        TypeError, ValueError, ImportError, RuntimeError: As in `convert`.
    """
    progress = reporter(progress)
    if quantize not in QUANTIZE[1:]:
        listed = ", ".join(repr(choice) for choice in QUANTIZE[1:])
        raise ValueError(
            f"Expected `quantize` to be one of {listed}, received "
            f"{quantize!r}: choose one of them."
        )
    check_calibration(calibration, quantize)
    check_source(model_or_path)
    if calibration is not None:
        calibration = as_arrays(calibration)
    with work_folder() as folder:
        _, answer = in_child(
            model_or_path,
            folder,
            calibration,
            progress,
            sparsity="none",
            quantize=quantize,
            target="size",
            compares_operations=True,
        )
    rows = [OperationError(**row) for row in answer["operations"]]
    return QuantizationError(quantize, tuple(rows))
