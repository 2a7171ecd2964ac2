"""Finds the private names that an installed version lacks.

    python -m tests.keras_internals.canary keras tf

prints a sentence for each, of the packages named. With `--without` it first
deletes some from Keras, as a new version might.
"""

import importlib
import sys

import keras

from keras_slr.keras_internals.used import USED
from tests.keras_internals.samples import SAMPLES
from tests.keras_internals.samples import version


def missing(packages):
    """Returns a sentence for each private name that is missing.

    Args:
        packages: Tuple of strings, such as `("keras", "tf")`.
    """
    made, sentences = {}, []
    for each in USED:
        package = each.owner.split(".")[0]
        if (
            package not in packages
            or keras.backend.backend() not in each.backends
            or version() < each.since
        ):
            continue
        try:
            lacks = not _has(each, made)
        except Exception as error:
            # Without one name there may be no object to look for another.
            sentences.append(f"{each.owner} was not made: {error!r}")
            continue
        if lacks:
            module = importlib.import_module(_MODULES[package])
            sentences.append(
                f"{module.__name__} {module.__version__}: {each.owner} has no "
                f"`{each.name}`. {each.breaks}"
            )
    return sentences


_MODULES = {
    "keras": "keras",
    "keras_hub": "keras_hub",
    "tf": "tensorflow",
    "tf_keras": "tf_keras",
    "tfmot": "tensorflow_model_optimization",
}


def _has(private, made):
    kind, make = SAMPLES[private.owner]
    if kind is not None and hasattr(kind, private.name):
        return True
    if make is None:
        return False
    if private.owner not in made:
        made[private.owner] = make()
    return hasattr(made[private.owner], private.name)


def delete(dotted):
    """Deletes a name from a class of Keras, and from its new objects.

    Args:
        dotted: String, such as `"keras.Layer._flatten_layers"`.
    """
    owner, name = dotted.rsplit(".", 1)
    module, kind = owner.rsplit(".", 1)
    kind = getattr(importlib.import_module(module), kind)
    for base in kind.__mro__:
        if name in vars(base):
            delattr(base, name)
            return
    init = kind.__init__

    def __init__(self, *args, **kwargs):
        init(self, *args, **kwargs)
        delattr(self, name)

    kind.__init__ = __init__


if __name__ == "__main__":
    split = [*sys.argv[1:], "--without"].index("--without")
    for without in sys.argv[split + 2 :]:
        delete(without)
    print("\n".join(missing(tuple(sys.argv[1 : split + 1]))))
