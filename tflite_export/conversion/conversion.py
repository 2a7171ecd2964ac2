"""The result of a conversion, as figures and as a table."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Weight:
    """One weight tensor of a TFLite file.

    Attributes:
        name: The converter's name for it, similar to that of the layer.
        shape: Tuple of integers, in TFLite's order of axes.
        dtype: Name of the type it is stored in.
        zeros: Integer, the number of entries that are exactly zero; of
            integers, equal to their zero point.
        encoding: `"dense"`, `"sparse"` (single entries) or `"sparse blocks"`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    zeros: int
    encoding: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def sparsity(self) -> float:
        return self.zeros / self.size if self.size else 0.0


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or an output of a TFLite file.

    Attributes:
        name: String.
        shape: Tuple of integers, `-1` for a size that is open.
        dtype: Name of its type.
        scale: Float, or `None` if it is not quantized.
        zero_point: Integer, or `None`. A stored integer `q` means
            `(q - zero_point) * scale`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None

    def __str__(self) -> str:
        if self.scale is None:
            return f"`{self.name}` as {self.dtype}"
        return (
            f"`{self.name}` as {self.dtype}, "
            f"(q - {self.zero_point}) * {self.scale:.6g}"
        ).replace("- -", "+ ")


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A TFLite file that was written, with its size, weights and accuracy.

    Attributes:
        path: String, the path of the file.
        bytes: Integer, the size of the file.
        gzip_bytes: Integer, the size of the file compressed with gzip.
        max_difference: Float, the largest absolute difference between an
            output of the file and the same output of the Keras model.
        same_argmax: Float, the share of the compared samples whose largest
            output is the same one in both; `None` if all outputs are single
            numbers.
        batch: Integer, the batch size that the file takes; `None` for any.
        weights: Tuple of `Weight`, read back from the file.
        inputs: Tuple of `Port`.
        outputs: Tuple of `Port`.
    """

    path: str
    bytes: int
    gzip_bytes: int
    max_difference: float
    same_argmax: float | None
    batch: int | None
    weights: tuple[Weight, ...]
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    @property
    def sparsity(self) -> float:
        """Share of zeros over all the weights of the file."""
        size = sum(weight.size for weight in self.weights)
        return sum(weight.zeros for weight in self.weights) / max(size, 1)

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.markup import escape
        from rich.table import Table

        from keras_slr_base.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("weight", overflow="fold")
        table.add_column("shape")
        table.add_column("dtype")
        for name in ("zeros", "sparsity"):
            table.add_column(name, justify="right")
        table.add_column("encoding")
        for weight in self.weights:
            table.add_row(
                escape(weight.name),
                "x".join(str(n) for n in weight.shape),
                weight.dtype,
                f"{weight.zeros}",
                f"{weight.sparsity:.2%}",
                weight.encoding,
            )
        console = text_console(width)
        console.print(table)
        text = console.file.getvalue()
        for kind, ports in (("takes", self.inputs), ("gives", self.outputs)):
            if any(port.scale is not None for port in ports):
                text += f"{kind} {'; '.join(str(port) for port in ports)}\n"
        same = ""
        if self.same_argmax is not None:
            same = f", the largest the same in {self.same_argmax:.1%}"
        takes = ""
        if self.batch is not None:
            takes = f"; takes {self.batch} at a time, no other batch size"
        return text + (
            f"{self.path}: {self.bytes} bytes, {self.gzip_bytes} with gzip; "
            f"{self.sparsity:.2%} zeros; outputs within "
            f"{self.max_difference:.1e} of Keras{same}{takes}\n"
        )

    def __str__(self) -> str:
        return self.render()
