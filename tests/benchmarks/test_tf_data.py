"""Benchmarks iterate over data sets that TensorFlow does not tune."""

import keras
import pytest

import benchmarks.tf_data  # noqa: F401

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "tensorflow", reason="tf.data is TensorFlow's"
)


def test_iterators_have_no_tuning(monkeypatch):
    import tensorflow as tf

    given, with_options = [], tf.data.Dataset.with_options

    def recorded(dataset, options):
        given.append(options)
        return with_options(dataset, options)

    monkeypatch.setattr(tf.data.Dataset, "with_options", recorded)
    assert [int(x) for x in tf.data.Dataset.range(3)] == [0, 1, 2]
    assert [options.autotune.enabled for options in given] == [False]
