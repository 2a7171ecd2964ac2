"""The smallest TFLite file that keeps a model's accuracy."""

import dataclasses
import os
from typing import TYPE_CHECKING
from typing import Any

from keras_slr_base.atomic_file import put
from tflite_export.benchmark import accuracy
from tflite_export.benchmark import score
from tflite_export.benchmark.benchmark import Metric
from tflite_export.conversion.conversion import Conversion
from tflite_export.conversion.convert import checked_out
from tflite_export.conversion.convert import convert
from tflite_export.conversion.convert import folder_beside
from tflite_export.conversion.options import Calibration
from tflite_export.conversion.options import Quantization

if TYPE_CHECKING:
    import keras

# Ways to store weights. The first one is the reference for the others.
STORED: tuple[Quantization | None, ...] = (None, "float16", "dynamic", "int8")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A file that was tried.

    Attributes:
        quantize: As in `convert`.
        bytes: Integer, the size of the file, or `None` if there is none.
        gzip_bytes: Integer, its size compressed with gzip, or `None`.
        score: Float, the metric of its outputs, or `None`.
        reason: String, why it was refused, or `None` if it was acceptable.
    """

    quantize: str | None
    bytes: int | None = None
    gzip_bytes: int | None = None
    score: float | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class Smallest:
    """The file that was written, and all that were tried.

    Attributes:
        conversion: `Conversion` of the file that was written.
        quantize: How it stores weights, as in `convert`.
        candidates: Tuple of `Candidate`.
    """

    conversion: Conversion
    quantize: str | None
    candidates: tuple[Candidate, ...]

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        from keras_slr_base.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("weights")
        for name in ("KB", "gzip KB", "score"):
            table.add_column(name, justify="right")
        table.add_column("", overflow="fold")
        for row in self.candidates:
            sizes = (row.bytes, row.gzip_bytes)
            taken = "taken" if row.quantize == self.quantize else ""
            table.add_row(
                row.quantize or "float32",
                *("-" if n is None else f"{n / 1000:.1f}" for n in sizes),
                "-" if row.score is None else f"{row.score:.4g}",
                row.reason or taken,
            )
        console = text_console(width)
        console.print(table, markup=False)
        return console.file.getvalue() + f"Wrote {self.conversion.path}.\n"

    def __str__(self) -> str:
        return self.render()


def smallest(
    model_or_path: "keras.Model | str | os.PathLike[str]",
    out: str | os.PathLike[str],
    calibration: Calibration | None = None,
    data: tuple[Any, Any] | None = None,
    metric: Metric = accuracy,
    max_drop: float = 0.01,
) -> Smallest:
    """Writes the file with the smallest download size.

    Converts the model with weights in float32, float16, dynamic-range int8
    and full int8, each sparse-encoded where that is safe and smaller, and
    keeps the file that is smallest with gzip. `convert` refuses files that do
    not agree with the Keras model. With data, files whose score is too far
    below that of the float32 file are refused, too.

    Args:
        model_or_path: As in `convert`.
        out: Path of the `.tflite` file, in a folder that exists.
        calibration: As in `convert`; without it full int8 is not tried.
            Defaults to `None`.
        data: Pair of arrays, inputs and targets, as in `benchmark`, or
            `None`. Defaults to `None`.
        metric: As in `benchmark`, larger for better outputs. Defaults to
            `accuracy`.
        max_drop: Float, how much of the float32 file's score may be lost.
            Defaults to `0.01`.

    Returns:
        `Smallest`.

    Raises:
        TypeError, ValueError, ImportError, RuntimeError: As in `convert`, if
            not even the float32 file can be made, or if it does not run on
            the data; `out` is then as it was.
    """
    out = checked_out(out)
    files = {}
    with folder_beside(out) as tmp:
        for quantize in STORED:
            path = tmp / f"{quantize or 'float32'}.tflite"
            try:
                files[quantize] = _convert(
                    model_or_path, path, quantize, calibration
                )
            except (ValueError, RuntimeError) as error:
                if quantize is None:
                    raise
                files[quantize] = str(error)
        candidates = _judged(files, data, metric, max_drop)
        best = min(
            (row for row in candidates if row.reason is None),
            key=lambda row: row.gzip_bytes,
        )
        conversion = files[best.quantize]
        put(conversion.path, out)
    return Smallest(
        dataclasses.replace(conversion, path=str(out)),
        best.quantize,
        candidates,
    )


def _convert(model_or_path, path, quantize, calibration):
    if quantize != "int8":
        calibration = None
    elif calibration is None:
        raise ValueError("needs `calibration` data")
    return convert(
        model_or_path,
        path,
        quantize=quantize,
        calibration=calibration,
        target="size",
    )


def _judged(files, data, metric, max_drop):
    """Returns a `Candidate` for each way to store weights.

    Args:
        files: Dict by `quantize` of a `Conversion`, or of a string that says
            why there is none.
        data: See `smallest`.
        metric: See `smallest`.
        max_drop: See `smallest`.
    """
    found = []
    for quantize, file in files.items():
        if isinstance(file, str):
            found.append(Candidate(quantize, reason=file))
            continue
        given = None if data is None else score(file.path, data, metric)
        lost = 0.0 if data is None or not found else found[0].score - given
        reason = f"loses {lost:.4g} of the score" if lost > max_drop else None
        found.append(
            Candidate(quantize, file.bytes, file.gzip_bytes, given, reason)
        )
    return tuple(found)
