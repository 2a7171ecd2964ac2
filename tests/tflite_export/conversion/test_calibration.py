"""Calibration data in the forms that people have."""

import numpy as np
import pytest

from tflite_export.conversion.calibration import ROWS
from tflite_export.conversion.calibration import as_arrays
from tflite_export.conversion.calibration import by_input
from tflite_export.conversion.calibration_file import calibration_from

pytestmark = pytest.mark.once("reads files")

X = np.arange(12.0).reshape(6, 2)
Z = -np.arange(6.0)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_forms():
    same(as_arrays(X), {"0": X})
    same(as_arrays([X, Z]), {"0": X, "1": Z})
    same(as_arrays({"a": X, "b": Z}), {"a": X, "b": Z})
    same(as_arrays(iter([X[:2], X[2:]])), {"0": X})
    # As `fit` reads them: inputs, labels.
    pairs = ((x, 0) for x in (X[:2], X[2:]))
    same(as_arrays(pairs), {"0": X})
    dicts = ({"a": X[i : i + 3], "b": Z[i : i + 3]} for i in (0, 3))
    same(as_arrays(dicts), {"a": X, "b": Z})


def test_generator_functions():
    def representative_dataset():
        for x in X:
            yield [x[None]]

    same(as_arrays(representative_dataset), {"0": X})
    same(as_arrays(list(representative_dataset())), {"0": X})

    def of_two_inputs():
        for x, z in zip(X, Z):
            yield [x[None], z[None]]

    same(as_arrays(of_two_inputs), {"0": X, "1": Z})

    def by_name():
        for x in X:
            yield {"a": x[None]}

    same(as_arrays(by_name), {"a": X})
    same(as_arrays(lambda: X), {"0": X})
    with pytest.raises(ValueError, match="without arguments"):
        as_arrays(lambda x: [x])
    with pytest.raises(ValueError, match="same inputs in the same shapes"):
        as_arrays(lambda: [[X], [X[:, :1]]])


def test_generator_function_of_the_command_line(tmp_path):
    path = tmp_path / "data.py"
    path.write_text(
        "import numpy as np\n"
        "def representative_dataset():\n"
        "    for i in range(3):\n"
        "        yield [np.full((1, 2), i)]\n"
        "def other():\n"
        "    yield np.zeros((4, 2))\n"
    )
    expected = np.repeat(np.arange(3)[:, None], 2, axis=1)
    same(as_arrays(calibration_from(str(path))), {"0": expected})
    same(as_arrays(calibration_from(f"{path}:other")), {"0": np.zeros((4, 2))})
    assert calibration_from("x.npz") == "x.npz"
    assert calibration_from(None) is None
    with pytest.raises(ValueError, match="to define `third`"):
        calibration_from(f"{path}:third")
    path.write_text("1 / 0")
    with pytest.raises(ValueError, match="does not run: division by zero"):
        calibration_from(str(path))
    with pytest.raises(ValueError, match="does not run: .*No such file"):
        calibration_from(str(tmp_path / "none.py"))


def test_data_sets():
    import keras
    import torch

    class Pairs(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[2 * i : 2 * i + 2], Z[2 * i : 2 * i + 2]

    same(as_arrays(Pairs()), {"0": X})
    pairs = torch.utils.data.TensorDataset(
        torch.from_numpy(X), torch.from_numpy(Z)
    )
    loader = torch.utils.data.DataLoader(pairs, batch_size=4)
    same(as_arrays(loader), {"0": X})
    same(as_arrays(torch.from_numpy(X).requires_grad_()), {"0": X})
    same(as_arrays([(X[:3], Z[:3]), (X[3:], Z[3:])]), {"0": X})


@pytest.mark.slow
def test_tensorflow_data_sets():
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((X, Z)).batch(4)
    same(as_arrays(pairs), {"0": X})
    named = tf.data.Dataset.from_tensor_slices({"a": X, "b": Z}).batch(4)
    same(as_arrays(named), {"a": X, "b": Z})


def test_files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    same(as_arrays(tmp_path / "x.npy"), {"0": X})
    path = tmp_path / "x.npz"
    np.savez(path, X, Z)
    same(as_arrays(path), {"0": X, "1": Z})
    np.savez(path, a=X, b=Z)
    same(as_arrays(str(path)), {"a": X, "b": Z})
    np.savez(path, x_train=X, y_train=Z, x_test=X[:3])
    same(as_arrays(path), {"0": X})
    (tmp_path / "bad.npz").write_text("no")
    for name in ("bad.npz", "none.npz"):
        with pytest.raises(ValueError, match=f"{name}, which is not"):
            as_arrays(tmp_path / name)


def test_rows_are_spread_over_arrays_and_bounded():
    x = np.arange(10 * ROWS)
    (found,) = as_arrays(x).values()
    assert (len(found), found[0], found[-1]) == (ROWS, 0, 10 * ROWS - 1)
    assert set(np.diff(found)) == {10, 11} or set(np.diff(found)) == {10}

    def endless():
        while True:
            yield X

    (found,) = as_arrays(endless()).values()
    assert found.shape == (ROWS, 2)
    for forms in (x, endless()):
        (found,) = as_arrays(forms, rows=5).values()
        assert len(found) == 5


@pytest.mark.parametrize(
    "bad", [3, [], [X, Z[:2]], np.array(["a"]), np.zeros((0, 2)), iter([])]
)
def test_bad_data(bad):
    with pytest.raises(ValueError, match="Expected `calibration` to be an ar"):
        as_arrays(bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(bad):
    x = np.ones((4, 2), "float32")
    x[3, 1] = bad
    with pytest.raises(ValueError, match="NaN or Inf for input 'image'"):
        as_arrays({"mask": np.ones((4, 3)), "image": x})


def test_inputs_by_name_or_position():
    same(by_input({"0": X}, ["image"]), {"image": X})
    same(by_input({"x": X, "y": Z}, ["image"]), {"image": X})
    same(by_input({"0": X, "1": Z}, ["b", "a"]), {"b": X, "a": Z})
    same(by_input({"a": X, "b": Z}, ["b", "a"]), {"a": X, "b": Z})
    with pytest.raises(ValueError, match="name its arrays after"):
        by_input({"a": X, "c": Z}, ["a", "b"])
