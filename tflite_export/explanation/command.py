"""`python -m tflite_export explain MODEL.keras`."""

from keras_slr_base.command_line import Parser
from keras_slr_base.command_line import run
from tflite_export.explanation.explain import explain


def main(argv):
    """Prints whether the zeros of a saved model make it faster.

    Args:
        argv: List of strings, the arguments.

    Returns:
        Integer, the exit code: `2` for invalid input.
    """
    return run(lambda: _explain(argv))


def _explain(argv):
    parser = Parser(
        prog="python -m tflite_export explain",
        description="Say where the zeros of a model make it faster.",
    )
    parser.add_argument("model", metavar="MODEL.keras")
    parser.add_argument("--target", help="one runtime alone, such as 'arm'")
    args = parser.parse_args(argv)
    print(explain(args.model, args.target, progress=True))
