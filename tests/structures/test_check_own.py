"""Structures of users that contradict themselves."""

import dataclasses

import numpy as np
import pytest

import keras_slr
from keras_slr import Structure
from keras_slr.structures.check_own import check_own

pytestmark = pytest.mark.once("nothing is trained")


@dataclasses.dataclass(frozen=True)
class Rows(Structure):
    """Whole rows; a function may replace what a method returns."""

    wrong: tuple = ()

    def _returned(self, name, value):
        replace = dict(self.wrong).get(name)
        return value if replace is None else replace(value)

    def units(self, weight):
        return self._returned("units", weight.shape[0])

    def scores(self, xp, values, weight):
        rows = xp.sqrt(xp.sum(values[0] ** 2, axis=1))
        return self._returned("scores", rows)

    def entries(self, xp, kept, weight):
        rows = xp.broadcast_to(xp.reshape(kept, (-1, 1)), weight.shape)
        return self._returned("entries", [rows])


def test_a_right_structure_prunes(make_model):
    model = make_model()
    keras_slr.hard_prune(model, 0.5, include="hidden", structure=Rows())
    kernel = np.asarray(model.get_layer("hidden").get_weights()[0])
    rows = (kernel == 0).all(axis=1)
    assert rows.sum() == len(rows) // 2


@pytest.mark.parametrize(
    "name, replace, text",
    [
        ("units", lambda n: n + 1, "one score per unit"),
        ("units", float, "`Rows.units` to return a positive integer"),
        ("units", lambda n: 0, "`Rows.units` to return a positive integer"),
        ("scores", lambda s: s[:-1], "`Rows.scores` to return an array"),
        ("scores", lambda s: s[:, None], "`Rows.scores` to return an array"),
        ("scores", lambda s: 3, "Received: int"),
        ("entries", lambda e: e[0], "a list of masks of the shapes"),
        ("entries", lambda e: e * 2, "a list of masks of the shapes"),
        ("entries", lambda e: [e[0].T], "a list of masks of the shapes"),
        ("entries", lambda e: 3, "Received: int"),
        ("entries", lambda e: [~e[0]], "to keep every entry"),
    ],
)
def test_a_wrong_method_is_named(make_model, name, replace, text):
    model = make_model()
    before = [np.array(w) for w in model.get_weights()]
    structure = Rows(((name, replace),))
    with pytest.raises(ValueError, match=text):
        keras_slr.hard_prune(model, include="hidden", structure=structure)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_structures_of_the_package_are_not_called(monkeypatch):
    def units(self, *weights):
        raise AssertionError("called")

    monkeypatch.setattr(keras_slr.Unstructured, "units", units)
    check_own(keras_slr.Unstructured(), ())
