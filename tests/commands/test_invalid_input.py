"""Options and files that the command line refuses."""

import os

import keras
import pytest

from keras_slr.commands import cli
from tests.commands.invocations import assert_user_error
from tests.commands.invocations import make
from tests.commands.invocations import prune

pytestmark = pytest.mark.once(
    "reads arguments and files, and trains as the callbacks do"
)


@pytest.mark.parametrize(
    "option, value",
    [
        ("--rate", "1"),
        ("--rate", "-0.1"),
        ("--rate", "nan"),
        ("--rate", "much"),
        ("--epochs", "0"),
        ("--batch-size", "0"),
        ("--learning-rate", "0"),
        ("--learning-rate", "nan"),
        ("--include", "hiden"),
        ("--exclude", "re:("),
        ("--colour", "red"),
    ],
)
def test_bad_options(files, capsys, option, value):
    code = prune(files, option, value)
    assert_user_error(code, capsys, value if option != "--colour" else option)
    assert not (files / "out.keras").exists()


def test_bad_files(files, capsys):
    assert_user_error(prune(files, model="no.keras"), capsys, "no.keras")
    assert_user_error(prune(files, data="no.npz"), capsys, "no.npz")
    assert_user_error(prune(files, data="data.csv"), capsys, "data.csv")
    (files / "model.h5").write_bytes(b"")
    assert_user_error(prune(files, model="model.h5"), capsys, "`.keras`")
    assert_user_error(prune(files, out="out.h5"), capsys, "`.keras`")


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "no config"])
def test_corrupt_model(files, capsys, kind):
    path = files / "model.keras"
    whole = path.read_bytes()
    contents = {
        "empty": b"",
        "text": b"hello",
        "cut": whole[: len(whole) // 2],
        "no config": whole.replace(b"config.json", b"konfig.json"),
    }
    path.write_bytes(contents[kind])
    assert_user_error(prune(files), capsys, "model.keras", "does not load")
    assert_user_error(cli.main(["inspect", str(path)]), capsys, "model.keras")


def _unregistered(x):
    return x


class Unregistered(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            lambda: keras.layers.Lambda(lambda x: x),
            "the model holds a `lambda`, which Keras does not load in safe",
        ),
        (
            lambda: keras.layers.Dense(3, activation=lambda x: x, name="own"),
            "`own` holds a `lambda`, which Keras does not load in safe mode",
        ),
        (
            lambda: keras.layers.Dense(3, activation=_unregistered, name="own"),
            "`own` uses the custom function `_unregistered`; first",
        ),
        (
            lambda: keras.layers.Dense(
                3, kernel_regularizer=_unregistered, name="own"
            ),
            "`own` uses the custom function `_unregistered`; first",
        ),
        (
            Unregistered,
            "the model uses the custom class `Unregistered`; first",
        ),
    ],
)
# Keras warns of a lambda when it is saved.
@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_what_does_not_load_is_named(files, capsys, layer, reason):
    model = make()
    model.add(layer())
    model.save(files / "model.keras")
    assert_user_error(prune(files), capsys, f"does not load: {reason}")


def test_data_that_does_not_fit_the_model(files, capsys):
    assert_user_error(prune(files, data="digits"), capsys, "(360, 8, 8, 1)")


def test_output_that_cannot_be_written(files, capsys):
    code = prune(files, out="no/out.keras")
    assert_user_error(code, capsys, "no", "folder")
    code = prune(files, out="data.npz/out.keras")
    assert_user_error(code, capsys, "folder")
    (files / "folder.keras").mkdir()
    code = prune(files, out="folder.keras")
    assert_user_error(code, capsys, "folder.keras")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="the superuser may write everywhere",
)
def test_folder_without_write_access(files, capsys):
    (files / "locked").mkdir(mode=0o500)
    code = prune(files, out="locked/out.keras")
    assert_user_error(code, capsys, "locked")


@pytest.mark.parametrize("step", ["save", "replace"])
def test_failed_write_leaves_the_old_file_and_nothing_else(
    files, capsys, monkeypatch, step
):
    (files / "out.keras").write_bytes(b"the old one")

    def fail(*args, **kwargs):
        raise PermissionError("no access")

    if step == "replace":
        monkeypatch.setattr(os, "replace", fail)
    else:
        original = keras.Model.save

        def half(self, path, **kwargs):
            original(self, path, **kwargs)
            path.write_bytes(path.read_bytes()[:100])
            fail()

        monkeypatch.setattr(keras.Model, "save", half)
    assert_user_error(prune(files), capsys, "no access")
    assert (files / "out.keras").read_bytes() == b"the old one"
    assert len(list(files.iterdir())) == 3


def test_interrupt_writes_nothing(files, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupt)
    assert prune(files) == 130
    assert not (files / "out.keras").exists()
