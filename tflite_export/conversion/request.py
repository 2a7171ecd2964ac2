"""The job that the parent process sends to the child."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Job:
    """A conversion to do.

    Attributes:
        source: String, path of the `.keras` file.
        out: String, path of the TFLite file to write, in a folder of
            its own.
        sparsity: As in `convert`.
        quantize: As in `convert`.
        target: As in `convert`.
        calibration: String, path of an `.npz` file of samples, or `None`.
        io_dtype: As in `convert`. Defaults to `"float32"`.
        compares_operations: Boolean, whether to measure the quantization
            error of each operation instead of checking the outputs.
            Defaults to `False`.
    """

    source: str
    out: str
    sparsity: str
    quantize: str | None
    target: str
    calibration: str | None
    io_dtype: str = "float32"
    compares_operations: bool = False
