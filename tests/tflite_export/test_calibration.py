"""Calibration data in the forms that people have."""

import numpy as np
import pytest

from tflite_export.calibration import ROWS
from tflite_export.calibration import as_arrays
from tflite_export.calibration import by_input

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


@pytest.mark.parametrize(
    "bad", [3, [], [X, Z[:2]], np.array(["a"]), np.zeros((0, 2)), iter([])]
)
def test_bad_data(bad):
    with pytest.raises(ValueError, match="Expected `calibration` to be an ar"):
        as_arrays(bad)


def test_inputs_by_name_or_position():
    same(by_input({"0": X}, ["image"]), {"image": X})
    same(by_input({"x": X, "y": Z}, ["image"]), {"image": X})
    same(by_input({"0": X, "1": Z}, ["b", "a"]), {"b": X, "a": Z})
    same(by_input({"a": X, "b": Z}, ["b", "a"]), {"a": X, "b": Z})
    with pytest.raises(ValueError, match="name its arrays after"):
        by_input({"a": X, "c": Z}, ["a", "b"])
