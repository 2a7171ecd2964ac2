"""Random models, methods, structures and schedules; hypothesis draws them.

`python -m benchmarks.reliability.fuzz` runs hundreds.
"""

import keras
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.fuzz.case import random_case
from tests.fuzz.invariants import run

# JAX and TensorFlow compile every case anew.
EXAMPLES = 8 if keras.config.backend() == "torch" else 2


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_random_case(tmp_path_factory, data):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    case = random_case(lambda options: data.draw(st.sampled_from(options)))
    run(case, tmp_path_factory.mktemp("case"))
