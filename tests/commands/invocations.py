"""Calls of the command line, and checks of what they leave."""

import keras

from keras_slr.commands import cli

# Kernels of the model below: 16 x 32 and 32 x 4; the second is left alone
# by default, for it is small.
HIDDEN = 16 * 32


def make(activation="softmax", units=4):
    return keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(units, activation=activation, name="out"),
        ]
    )


def prune(folder, *more, model="model.keras", data="data.npz", out="out.keras"):
    data = data if data == "digits" else str(folder / data)
    arguments = ["prune", str(folder / model), "--data", data]
    arguments += ["--out", str(folder / out), "--epochs", "1", *more]
    return cli.main(arguments)


def kernel(path, name="hidden"):
    return keras.saving.load_model(path).get_layer(name).get_weights()[0]


def assert_user_error(code, capsys, *words):
    """One line on standard error, exit code 2, no traceback."""
    error = capsys.readouterr().err
    assert code == 2, error
    lines = [line for line in error.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("keras-slr: error: ")
    assert "Traceback" not in error
    for word in words:
        assert word in error, error
