"""The architectures of `keras.applications`, pruned and shrunk."""

import pytest

from benchmarks import shrink_applications


def check(name):
    result = shrink_applications.measure(name)
    assert result["error"] < 1e-4
    assert result["change"] > 100 * result["error"]
    assert result["cut"] > result["groups"] // 2
    for before, after in (result["parameters"], result["macs"]):
        assert after < 0.8 * before


def test_mobile_net(backend):
    if backend == "jax":
        pytest.skip("compiles every operation anew; the slow tests do it")
    check("MobileNetV2")


@pytest.mark.slow
@pytest.mark.parametrize("name", shrink_applications.names())
def test_all(name):
    check(name)
