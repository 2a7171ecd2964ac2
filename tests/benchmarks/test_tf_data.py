"""On TensorFlow, an epoch ends with its last step."""

import os
import time

import keras
import pytest

import benchmarks.tf_data  # noqa: F401

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="tf.data is TensorFlow's"
)


@pytest.fixture
def one_core():
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


def test_iterators_do_not_wait_for_their_tuning(one_core):
    import tensorflow as tf

    dataset = tf.data.Dataset.range(1000).map(
        lambda x: x, num_parallel_calls=tf.data.AUTOTUNE
    )
    waited = 0.0
    for _ in range(10):
        iterator = iter(dataset)
        start = time.perf_counter()
        # Between the ends of two sleeps of the thread, at 0.07 s and 0.15 s.
        while time.perf_counter() - start < 0.08:
            next(iterator)
            time.sleep(0.005)
        end = time.perf_counter()
        del iterator
        waited += time.perf_counter() - end

    assert waited < 0.1
