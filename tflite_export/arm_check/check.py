"""Whether sparse kernels start on a file on ARM64, and are right."""

import dataclasses
import math

import numpy as np

from keras_slr_base.extras import extra
from keras_slr_base.work_folder import work_folder
from tflite_export.arm_check.emulation import ROOT
from tflite_export.arm_check.emulation import EmulationError
from tflite_export.arm_check.emulation import emulate_all


@dataclasses.dataclass(frozen=True)
class ArmCheck:
    """What a file does on ARM64.

    Attributes:
        engages: Boolean, whether XNNPACK runs it with sparse kernels. They sum
            in another order than the dense ones, so the outputs of the file
            and of its dense twin then differ in their last bits, and are
            equal otherwise.
        difference: Float, the largest difference from the dense twin relative
            to the largest entry of the output; infinite if the file does not
            run or gives another shape.
        outputs: Dict from names to arrays; empty if it does not run.
        failure: String, why it does not run, or `None`.
    """

    engages: bool
    difference: float
    outputs: dict
    failure: str | None = None


def arm_check(path, inputs, root=ROOT):
    """Runs a file and its dense twin under emulation.

    Args:
        path: Path of a TFLite file.
        inputs: Dict from the signature's names to arrays.
        root: Folder made by `arm_root`. Defaults to `".arm"`.

    Returns:
        `ArmCheck`.

    Raises:
        EmulationError: If the dense twin does not run either.
        ImportError: If LiteRT is not installed.
        RuntimeError: If `root` or qemu is missing.
    """
    with extra("export"):
        from tflite_export.arm_check.dense_twin import dense_twin

    with work_folder() as folder:
        twin = folder / "dense.tflite"
        dense_twin(path, twin)
        received, expected = emulate_all([(path, inputs), (twin, inputs)], root)
    if isinstance(expected, EmulationError):
        raise expected
    return judge(received, expected)


def judge(received, expected):
    """Compares the results of `emulate_all` for a file and its dense twin.

    Args:
        received: Dict of arrays, or `EmulationError`.
        expected: Dict of arrays.

    Returns:
        `ArmCheck`.
    """
    if isinstance(received, EmulationError):
        return ArmCheck(True, math.inf, {}, str(received))
    return ArmCheck(
        engages=any(
            not np.array_equal(received[name], expected[name])
            for name in expected
        ),
        difference=float(
            np.max([_difference(received[n], expected[n]) for n in expected])
        ),
        outputs=received,
    )


def _difference(received, expected):
    if received.shape != expected.shape:
        return math.inf
    largest = np.max(np.abs(expected), initial=0.0)
    difference = np.max(np.abs(received - expected), initial=0.0)
    return difference / largest if difference else 0.0
