"""`python -m tflite_export.arm_check FILE.tflite`."""

import argparse
import sys

import numpy as np

from keras_slr_base.extras import extra
from tflite_export.arm_check.check import arm_check
from tflite_export.arm_check.emulation import ROOT

# Larger differences cannot be rounding errors.
TOLERANCE = 1e-4


def main(argv=None):
    """Prints what sparse kernels do with a file.

    Returns:
        Integer, the exit code: `1` if the numbers are wrong on ARM64, `2` if
        the file cannot be checked.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tflite_export.arm_check",
        description="Run a TFLite file on an emulated ARM64 processor.",
    )
    parser.add_argument("file", metavar="FILE.tflite")
    parser.add_argument(
        "--inputs",
        metavar="INPUTS.npz",
        help="arrays by the names of the inputs; random ones otherwise",
    )
    parser.add_argument("--root", metavar="FOLDER", default=ROOT)
    args = parser.parse_args(argv)
    try:
        inputs = np.load(args.inputs) if args.inputs else _drawn(args.file)
        found = arm_check(args.file, dict(inputs), args.root)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"sparse kernels start: {'yes' if found.engages else 'no'}")
    if found.failure:
        print(found.failure)
    else:
        print(f"difference from dense kernels: {found.difference:.1e}")
    # Not `>`, so that NaN fails, too.
    return 0 if found.difference <= TOLERANCE else 1


def _drawn(path):
    with extra("export"):
        from ai_edge_litert.interpreter import Interpreter

    rng = np.random.default_rng(0)
    runner = Interpreter(path).get_signature_runner()
    return {
        name: rng.standard_normal(details["shape"]).astype(details["dtype"])
        for name, details in runner.get_input_details().items()
    }


if __name__ == "__main__":
    sys.exit(main())
