"""Registration of methods and structures: what it accepts."""

import dataclasses

import keras
import pytest

from keras_slr import Solver
from keras_slr import Structure
from keras_slr.registration import registration

pytestmark = pytest.mark.once("looks at classes")


def method(base=Solver, frozen=True, **fields):
    made = type("Method", (base,), fields | {"__annotations__": dict(fields)})
    return dataclasses.dataclass(frozen=frozen)(made)


def test_a_class_is_found_under_its_name():
    known = {}
    one = registration(known, Solver, "one", "tests")(method())
    assert known == {"one": one}
    assert keras.saving.get_registered_name(one) == "tests>Method"


def test_a_class_may_be_defined_again_as_in_a_notebook():
    known = {}
    registration(known, Solver, "one", "tests")(method())
    again = registration(known, Solver, "one", "tests")(method())
    assert known == {"one": again}


def test_a_name_of_another_class_is_refused():
    other = method()
    other.__qualname__ = "Other"
    with pytest.raises(ValueError, match="'one', the name of .*Other; choose"):
        registration({"one": other}, Solver, "one", "tests")(method())


def test_other_classes_are_refused():
    for cls, text in (
        (type("Plain", (Solver,), {}), "registration above"),
        (method(frozen=False), "registration above"),
        (method(Structure), "subclass of `keras_slr.Solver`"),
    ):
        known = {}
        with pytest.raises(TypeError, match=text):
            registration(known, Solver, "one", "tests")(cls)
        assert not known


def test_fields_need_default_values():
    @dataclasses.dataclass(frozen=True)
    class Incomplete(Solver):
        seed: int

    with pytest.raises(TypeError, match="without one for seed"):
        registration({}, Solver, "one", "tests")(Incomplete)


@pytest.mark.parametrize("name", ["", "a b", 3, None])
def test_names_are_words(name):
    with pytest.raises(ValueError, match="Expected a name of letters"):
        registration({}, Solver, name, "tests")
