"""Measures one TFLite file on request, in a child process.

`python -m tflite_export.benchmark.child FILE THREADS` reads the names and
arguments of methods of `Served` as lines of JSON, and writes a line for each.
"""

import json
import os
import pathlib
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_slr_base.failure import first_sentence
from keras_slr_base.with_parent import die_with_parent
from tflite_export.quantization.stored_values import real
from tflite_export.quantization.stored_values import stored

# The length of a turn: long compared with the resolution of the clock and the
# communication between processes, short compared with drifts in speed.
_TURN = 0.05
_WARM_UP = 5


class Served:
    """A TFLite file in an interpreter, with random inputs.

    Args:
        path: String, path of the file.
        threads: Integer.
    """

    def __init__(self, path, threads):
        self._before = _resident("VmRSS")
        _forget_peak()
        self._interpreter = Interpreter(path, num_threads=threads)
        self._interpreter.allocate_tensors()
        rng = np.random.default_rng(0)
        for details in self._interpreter.get_input_details():
            self._interpreter.set_tensor(
                details["index"], _random(details, rng)
            )
        self._runs = 1

    def warm_up(self):
        """Runs the file until it is warm and chooses the length of a turn."""
        for _ in range(_WARM_UP):
            self._interpreter.invoke()
        self._runs = max(1, round(_TURN / self.turn()[0]))

    def turn(self):
        """Measures some runs in a row.

        Returns:
            List of the mean seconds of a run, and of the share of that time
            in which the process ran on a core: less than 1 if it had to wait.
        """
        # Since the last turn, other files have filled the caches.
        self._interpreter.invoke()
        start, worked = time.perf_counter(), time.process_time()
        for _ in range(self._runs):
            self._interpreter.invoke()
        seconds = time.perf_counter() - start
        worked = time.process_time() - worked
        return [seconds / self._runs, worked / seconds]

    def memory(self):
        """Returns the bytes of memory that the file took at its peak.

        `None` if the system does not report it.
        """
        peak = _resident("VmHWM")
        return peak and max(0, peak - self._before)

    def predict(self, inputs, outputs):
        """Writes the outputs of the file, computed in batches of its own size.

        Args:
            inputs: String, path of an `.npy` file of examples. Floats are
                quantized if the file takes integers.
            outputs: String, path of the `.npy` file to write: floats again.
        """
        taken = self._interpreter.get_input_details()
        given = self._interpreter.get_output_details()
        if len(taken) != 1 or len(given) != 1:
            raise ValueError(
                f"has {len(taken)} inputs and {len(given)} outputs: accuracy "
                "needs one of each"
            )
        x = np.load(inputs, mmap_mode="r")
        shape = tuple(int(n) for n in taken[0]["shape"])
        if x.shape[1:] != shape[1:]:
            raise ValueError(
                f"takes examples of shape {shape[1:]}, but the data is of "
                f"shape {x.shape[1:]}: give it data of that shape"
            )
        found = []
        for start in range(0, len(x), shape[0]):
            chunk = x[start : start + shape[0]]
            # The last batch is padded with repeated examples.
            batch = stored(np.resize(chunk, shape), taken[0])
            self._interpreter.set_tensor(taken[0]["index"], batch)
            self._interpreter.invoke()
            y = self._interpreter.get_tensor(given[0]["index"])
            found.append(real(y, given[0])[: len(chunk)])
        np.save(outputs, np.concatenate(found))


def _random(details, rng):
    shape, dtype = details["shape"], np.dtype(details["dtype"])
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    # Inputs without a scale may be counts or indices, which must be small.
    high = np.iinfo(dtype).max if details["quantization"][0] else 2
    return rng.integers(0, high, shape).astype(dtype)


def _resident(name):
    """Returns a memory figure of Linux in bytes, or `None` elsewhere.

    `getrusage` would start with the peak of the parent.
    """
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = [x for x in status.read_text().splitlines() if name in x]
    return 1024 * int(line.split()[1])


def _forget_peak():
    path = pathlib.Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def main(path, threads):
    # On other systems than Linux it ends when it next reads a request.
    die_with_parent()
    # Output of the runtime must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    served = None
    for line in sys.stdin:
        method, *args = json.loads(line)
        try:
            served = served or Served(path, int(threads))
            answer = {"value": getattr(served, method)(*args)}
        except Exception as error:
            answer = {"failure": first_sentence(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
