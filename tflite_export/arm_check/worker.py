"""Runs TFLite files on given inputs, under the emulated Python.

`worker.py FILE.tflite INPUTS.npz OUTPUTS.npz [FILE.tflite ...]`, without this
package. A file that the interpreter refuses gets `OUTPUTS.npz.failure`.
"""

import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(*paths):
    for path, inputs, outputs in zip(paths[::3], paths[1::3], paths[2::3]):
        try:
            runner = Interpreter(path, num_threads=1).get_signature_runner()
            given = runner(**np.load(inputs))
        except (RuntimeError, ValueError) as error:
            pathlib.Path(outputs + ".failure").write_text(str(error))
        else:
            np.savez(outputs, **given)


if __name__ == "__main__":
    main(*sys.argv[1:])
