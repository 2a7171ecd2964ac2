"""What is restored is restored as a whole, whenever Ctrl-C is pressed."""

import pytest

from keras_slr.completed import completed
from keras_slr.keras_internals import products


def test_a_function_is_called_once_without_an_interruption():
    calls = []
    completed(lambda: calls.append(0))
    assert calls == [0]


def interrupted(function):
    """Returns a function that is interrupted after it has begun."""
    calls = []

    def wrapper(*args):
        calls.append(args)
        if len(calls) == 1:
            function(*(part[:1] for part in args))
            raise KeyboardInterrupt
        function(*args)

    return wrapper


def test_the_functions_of_the_backend_come_back(monkeypatch):
    modules = products.backend.numpy, products.backend.nn
    before = [dict(vars(module)) for module in modules]
    monkeypatch.setattr(products, "_put", interrupted(products._put))
    with (
        pytest.raises(KeyboardInterrupt),
        products.products_seen_by(lambda *args: None),
    ):
        assert [dict(vars(module)) for module in modules] != before
    assert [dict(vars(module)) for module in modules] == before
