"""The page on migrating names what there is."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import keras
import pytest

import keras_slr
from keras_slr.interop import tfmot

pytestmark = pytest.mark.once("reads a page")

PAGE = pathlib.Path("docs/migrating_from_tfmot.md").read_text()


def test_our_names():
    ours = set(re.findall(r"keras_slr\.(\w+)", PAGE)) - {"interop"}
    assert {"SLRCallback", "hard_prune", "keep_masks", "NM"} <= ours
    assert [name for name in ours if not hasattr(keras_slr, name)] == []
    calls = set(re.findall(r"tfmot\.(\w+)\(", PAGE))
    assert calls == {n for n in tfmot.__all__ if n[0].islower()}


@pytest.mark.slow
@pytest.mark.skipif(
    keras.config.backend() != "tensorflow"
    or not importlib.util.find_spec("tensorflow_model_optimization"),
    reason="needs TF-MOT, and is the same on every backend",
)
def test_their_names():
    code = """
import tensorflow_model_optimization as tfmot
theirs = tfmot.sparsity.keras
theirs.prune_low_magnitude, theirs.PolynomialDecay, theirs.ConstantSparsity
theirs.UpdatePruningStep, theirs.strip_pruning, theirs.prune_scope
theirs.PruningSummaries
tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
