"""`python -m tflite_export quantization-error MODEL.keras`."""

from keras_slr_base.command_line import Parser
from keras_slr_base.command_line import run
from tflite_export.conversion.calibration_file import calibration_from
from tflite_export.conversion.options import QUANTIZE
from tflite_export.quantization.quantization_error import quantization_error


def main(argv):
    """Prints the quantization error of each operation of a saved model.

    Args:
        argv: List of strings, the arguments.

    Returns:
        Integer, the exit code: `2` for invalid input, `1` if the
        conversion fails.
    """
    return run(lambda: _compare(argv))


def _compare(argv):
    parser = Parser(
        prog="python -m tflite_export quantization-error",
        description="Show the error of each operation after quantization.",
    )
    parser.add_argument("model", metavar="MODEL.keras")
    parser.add_argument(
        "--calibration", metavar="FILE", help=".npy, .npz or .py file of inputs"
    )
    parser.add_argument("--quantize", choices=QUANTIZE[1:], default="int8")
    args = parser.parse_args(argv)
    found = quantization_error(
        args.model,
        calibration_from(args.calibration),
        args.quantize,
        progress=True,
    )
    print(found.render(), end="")
