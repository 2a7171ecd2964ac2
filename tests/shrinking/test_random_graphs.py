"""Random small graphs: pruned at random, shrunk, and the same."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

from keras_slr import dependency_groups
from keras_slr import shrink
from keras_slr.shrinking import zero_units
from tests.fuzz.graphs import image_graph
from tests.shrinking.helpers import outputs
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import zero_kernels

pytestmark = pytest.mark.once(
    "the rules of test_shrink, which run on every backend"
)

# Other backends trace or compile every graph anew.
EXAMPLES = 12 if keras.config.backend() == "torch" else 3


def check(choose):
    """Asserts that a random graph with zeros is the same when it is small.

    Args:
        choose: See `tests.fuzz.graphs`.
    """
    x, y = image_graph(choose)
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    rng = np.random.default_rng(choose(range(100)))
    for group in dependency_groups(model):
        if group.reason is None:
            units = np.flatnonzero(rng.random(group.size) < 0.4)
            # Units with a bias hold another constant than zero.
            choose([zero_units, zero_kernels])(group, units)
    small = shrink(model)
    for a, b in zip(outputs(model), outputs(small)):
        np.testing.assert_allclose(
            a, b, rtol=1e-4, atol=1e-4 * max(np.abs(a).max(), 1e-3)
        )


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(st.data())
def test_random_graph(data):
    keras.backend.clear_session()
    check(lambda options: data.draw(st.sampled_from(options)))
