"""How the package is imported, and what it leaves alone."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot

import keras_slr
from keras_slr import plots

pytestmark = pytest.mark.once("imports")


def test_an_attribute_that_is_imported_when_asked_for():
    code = """
import sys
import keras_slr
print("keras_slr.plots" in sys.modules)
print(keras_slr.plots.kernel_mask.__name__)
"""
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert child.stdout.split() == ["False", "kernel_mask"], child.stderr
    with pytest.raises(AttributeError, match="'plot'"):
        _ = keras_slr.plot


def test_without_matplotlib():
    code = """
import sys
sys.modules["matplotlib"] = None
import keras_slr
try:
    keras_slr.plots
except ImportError as error:
    print(error)
"""
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert 'pip install "keras-slr[plot]"' in child.stdout, child.stderr


def test_every_plot_is_public_and_opens_its_own_figure():
    assert all(hasattr(plots, name) for name in plots.__all__)
    first, second = (plots.kernel_mask(np.eye(3)) for _ in range(2))
    assert first.figure is not second.figure
    assert pyplot.get_fignums() == []
