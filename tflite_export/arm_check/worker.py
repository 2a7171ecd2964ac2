"""What the emulated Python runs: one TFLite file on given inputs.

`worker.py FILE.tflite INPUTS.npz OUTPUTS.npz`, without this package.
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(path, inputs, outputs):
    try:
        runner = Interpreter(path, num_threads=1).get_signature_runner()
        np.savez(outputs, **runner(**np.load(inputs)))
    except (RuntimeError, ValueError) as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main(*sys.argv[1:])
