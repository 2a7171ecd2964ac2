"""`python -m tflite_export MODEL.keras -o OUT.tflite`.

`python -m tflite_export explain MODEL.keras` says which layers zeros speed up;
`python -m tflite_export quantization-error MODEL.keras` compares operations.
"""

import sys
from collections.abc import Sequence

from keras_slr_base.command_line import Parser
from keras_slr_base.command_line import run
from tflite_export.conversion.calibration_file import calibration_from
from tflite_export.conversion.convert import convert
from tflite_export.conversion.options import QUANTIZE
from tflite_export.conversion.options import SPARSITY
from tflite_export.conversion.options import TARGET
from tflite_export.explanation import command as explain_cli
from tflite_export.quantization import command as quantization_error_cli


def main(argv: Sequence[str] | None = None) -> int:
    """Converts a file and prints a table of its weights, or explains one.

    Returns:
        Integer, the exit code: `2` for invalid input, `1` if the conversion
        fails.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["explain"]:
        return explain_cli.main(argv[1:])
    if argv[:1] == ["quantization-error"]:
        return quantization_error_cli.main(argv[1:])
    return run(lambda: _convert(argv))


def _convert(argv):
    parser = Parser(
        prog="python -m tflite_export",
        description="Convert a Keras model to TFLite and check the result.",
        epilog="`python -m tflite_export explain MODEL.keras` says where "
        "zeros make a model faster, `python -m tflite_export "
        "quantization-error MODEL.keras` which operation loses how much when "
        "it is quantized.",
    )
    parser.add_argument("model", metavar="MODEL.keras")
    parser.add_argument("-o", "--out", metavar="OUT.tflite", required=True)
    parser.add_argument("--quantize", choices=[q for q in QUANTIZE if q])
    parser.add_argument("--sparsity", choices=SPARSITY, default="auto")
    parser.add_argument("--target", choices=TARGET, default="arm")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="inputs for int8 and int16x8: an .npy or .npz file, or a .py "
        "file with the generator function representative_dataset (or "
        "FILE.py:NAME)",
    )
    parser.add_argument(
        "--io-dtype",
        choices=("float32", "int8", "uint8", "int16"),
        default="float32",
        help="type of inputs and outputs; integers with int8 and int16x8",
    )
    args = parser.parse_args(argv)
    conversion = convert(
        args.model,
        args.out,
        sparsity=args.sparsity,
        quantize=args.quantize,
        calibration=calibration_from(args.calibration),
        target=args.target,
        progress=True,
        io_dtype=args.io_dtype,
    )
    print(conversion.render(), end="")


if __name__ == "__main__":
    sys.exit(main())
