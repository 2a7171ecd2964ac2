"""The zeros of a model's weights at each stage of int8 training."""

import dataclasses

from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class Count:
    """Entries of one weight of two axes or more.

    Attributes:
        name: String, the name of its layer. TF-MOT makes two layers of a
            separable convolution.
        size: Integer, the number of its entries.
        zeros: Integer, the number of those that are exactly zero.
        values: Integer, the largest number of distinct values that one
            output channel has.
    """

    name: str
    size: int
    zeros: int
    values: int


@dataclasses.dataclass(frozen=True)
class Station:
    """The weights of a model at one point.

    Attributes:
        name: `"given"`, `"clustered"`, `"trained"` or `"file"`.
        weights: Tuple of `Count`.
    """

    name: str
    weights: tuple[Count, ...]

    @property
    def zeros(self) -> int:
        return sum(weight.zeros for weight in self.weights)

    @property
    def size(self) -> int:
        return sum(weight.size for weight in self.weights)


@dataclasses.dataclass(frozen=True)
class Quantized:
    """An int8 TFLite file that was written, and how it was made.

    Attributes:
        path: String, the path of the file.
        bytes: Integer, the size of the file.
        gzip_bytes: Integer, the size of the file compressed with gzip.
        max_difference: Float, the largest difference between an output of
            the file and of the model trained for it, relative to the largest
            output.
        stations: Tuple of `Station`, in order.
        history: Dict from the names of metrics to lists, one value an epoch
            of quantization-aware training.
    """

    path: str
    bytes: int
    gzip_bytes: int
    max_difference: float
    stations: tuple[Station, ...]
    history: dict[str, list[float]]

    def render(self, width: int = 100) -> str:
        """Returns the stations as a table.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("station")
        table.add_column("weight", overflow="fold")
        for name in ("zeros", "of", "values"):
            table.add_column(name, justify="right")
        for station in self.stations:
            for w in station.weights:
                cells = (w.zeros, w.size, w.values)
                table.add_row(station.name, escape(w.name), *map(str, cells))
        console = text_console(width)
        console.print(table)
        return console.file.getvalue() + (
            f"{self.path}: {self.bytes} bytes, {self.gzip_bytes} with gzip\n"
        )

    def __str__(self) -> str:
        return self.render()
