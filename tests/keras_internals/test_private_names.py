import ast
import pathlib
import subprocess

import pytest

from keras_slr.keras_internals.used import USED
from tests.keras_internals.private_names import Sources

ROOT = pathlib.Path(__file__).parents[2]
ROOM = "keras_slr/keras_internals/"
# The table itself, and the tests of the room.
NOT_CODE = ("keras_slr/keras_internals/used.py", "tests/keras_internals/")

pytestmark = pytest.mark.once("reads the sources")


def _trees():
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "*.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [p for p in listed.stdout.split() if not p.startswith(NOT_CODE)]
    return {p: ast.parse((ROOT / p).read_text()) for p in paths}


TREES = _trees()
SOURCES = Sources(TREES)
TABLE = {each.name for each in USED}


EXEMPT = {
    # Counts inside JAX what is copied to the host.
    ("tests/devices/child.py", "jax._src.array"),
    ("tests/devices/child.py", "_value"),
    # Texts that nothing is imported by.
    (
        "tests/interop/test_tfmot.py",
        "tensorflow_model_optimization.python.core.x",
    ),
    ("tests/shrinking/test_transformers.py", "keras_hub.src.models.llama"),
}


def _foreign(path):
    return [
        (line, name)
        for line, name in SOURCES.foreign(TREES[path], TABLE)
        if (path, name) not in EXEMPT
    ]


def test_private_names_are_used_in_their_room_only():
    found = [
        f"{path}:{line}: {name}"
        for path in TREES
        if not path.startswith(ROOM)
        for line, name in _foreign(path)
    ]
    assert not found, "\n".join(found)


def test_the_table_has_every_name_that_the_room_uses():
    found = [
        f"{path}:{line}: {name}"
        for path in TREES
        if path.startswith(ROOM)
        for line, name in _foreign(path)
        # The beginning of a name that is put together.
        if name not in TABLE | {"_"}
    ]
    assert not found, "\n".join(found)


def test_the_room_uses_every_name_in_the_table():
    texts = [(ROOT / p).read_text() for p in TREES if p.startswith(ROOM)]
    # Long strings are broken in two.
    text = "".join(texts).replace('"\n        "', "")
    assert not [name for name in TABLE if name not in text]


CODE = """
import keras
from keras.src.ops.numpy import Pad

class Mine(keras.layers.Layer):
    def __init__(self):
        self._own = 1

    def _method(self):
        return self._own + self._layers

def get(layer, mine, tf):
    return getattr(layer, "_dtype"), mine._method(), mine._tracker, tf.__name__

def more(layer, name, tf):
    layer.evaluate(_cached=True)
    return getattr(layer, f"_{name}"), tf.__internal__, "keras.src.layers"
"""


def test_finds_each_way_to_use_a_private_name():
    tree = ast.parse(CODE)
    found = [name for _, name in Sources({"": tree}).foreign(tree, TABLE)]
    assert found == [
        "keras.src.ops.numpy",
        "_layers",
        "_dtype",
        "_tracker",
        "_cached",
        "_",
        "__internal__",
        "keras.src.layers",
    ]
