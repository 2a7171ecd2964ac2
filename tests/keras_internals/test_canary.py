import os
import subprocess
import sys

import pytest

from keras_slr.keras_internals.used import USED
from tests.keras_internals.canary import missing


def in_child(*args):
    """Returns what the canary prints, as a list of lines."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.keras_internals.canary", *args],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_keras_has_every_private_name_in_use():
    sentences = missing(("keras", "tf"))
    assert not sentences, "\n".join(sentences)


def test_keras_hub_has_every_private_name_in_use():
    pytest.importorskip("keras_hub")
    sentences = missing(("keras_hub",))
    assert not sentences, "\n".join(sentences)


def test_tfmot_has_every_private_name_in_use(backend):
    if backend != "tensorflow":
        pytest.skip("TF-MOT runs on TensorFlow")
    assert in_child("tf_keras", "tfmot") == [""]


@pytest.mark.once("starts a child process, and says the same everywhere")
@pytest.mark.parametrize(
    "owner, name",
    [
        ("keras.Layer", "_flatten_layers"),
        pytest.param(
            "keras.optimizers.Optimizer",
            "_get_variable_index",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "keras.callbacks.CallbackList",
            "_async_train",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_says_what_breaks_without_a_name(owner, name):
    (breaks,) = [
        each.breaks for each in USED if (each.owner, each.name) == (owner, name)
    ]
    printed = in_child("keras", "--without", f"{owner}.{name}")
    sentence = f"{owner} has no `{name}`. {breaks}"
    assert [line for line in printed if line.endswith(sentence)], printed
