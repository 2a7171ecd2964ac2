"""What each target prunes, counted entry by entry."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.planning.targets import TARGETS
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("looks at shapes")


@pytest.fixture
def model():
    """All kinds of kernels: 1x1, depthwise, 3x3, separable, two Dense."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, name="stem"),
            layers.Conv2D(40, 1, activation="relu", name="narrow"),
            layers.DepthwiseConv2D(3, name="depth"),
            layers.Conv2D(
                64, 3, padding="same", activation="relu", name="wide"
            ),
            layers.SeparableConv2D(64, 3, activation="relu", name="both"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, activation="relu", name="hidden"),
            layers.Dense(10, name="head"),
        ]
    )
    model.compile("adam", "mse")
    return model


def kernel(model, name, which="kernel"):
    return to_numpy(getattr(model.get_layer(name), which))


def blocks(w):
    """Returns whether blocks of 4 inputs of an output hold anything."""
    held = (w.reshape(w.shape[0] // 4, 4, w.shape[1]) != 0).sum(1)
    assert np.isin(held, [0, 4]).all()
    return held > 0


def width(w):
    """Returns how many filters hold anything."""
    return int(np.any(w != 0, tuple(range(w.ndim - 1))).sum())


def prune_by_fit(model, **plan):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 8, 8, 3)).astype("float32")
    y = rng.normal(size=(32, 10)).astype("float32")
    callback = keras_slr.SLRCallback(**plan)
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[callback])


WAYS = pytest.mark.parametrize("prune", [keras_slr.hard_prune, prune_by_fit])


@WAYS
def test_arm_has_zeros_in_pointwise_kernels_and_blocks(model, prune):
    prune(model, target="xnnpack")
    for layer, which, left in (
        ("narrow", "kernel", 640 - 576),
        ("both", "pointwise_kernel", 4096 - 3686),
    ):
        assert np.count_nonzero(kernel(model, layer, which)) == left
    assert blocks(kernel(model, "hidden")).sum() == 1024 - round(0.9 * 1024)
    assert blocks(kernel(model, "head")).sum() == 160 - 144
    for layer in ("stem", "depth", "wide"):
        assert kernel(model, layer).all()


@WAYS
def test_x86_has_filters_and_blocks_behind_them(model, prune):
    prune(model, target="x86")
    # Half of them, rounded down to a multiple of 16: of 40 are 20 left.
    assert width(kernel(model, "narrow")) == 16
    assert width(kernel(model, "wide")) == 32
    assert width(kernel(model, "both", "pointwise_kernel")) == 32
    # It reads filters that go; blocks of its inputs would not stay blocks.
    assert kernel(model, "hidden").all()
    assert blocks(kernel(model, "head")).sum() == 160 - 144
    small = keras_slr.shrink(model)
    # Blocks of inputs that no output of the head reads go as a whole.
    inputs, outputs = kernel(small, "hidden").shape
    assert inputs == 32 and outputs % 4 == 0


def test_the_same_by_other_names(model):
    def rows(name):
        return keras_slr.report(model, target=name).rows

    assert rows("xnnpack") == rows("arm") != rows("x86")
    assert rows("gpu") == rows("int8") == rows("micro") != rows("x86")


def test_filters_on_gpus(model):
    keras_slr.hard_prune(model, 0.6, target="gpu")
    small = keras_slr.shrink(model)
    shapes = [small.get_layer(n).kernel.shape for n in ("narrow", "wide")]
    # 16 of 40 and 25 of 64 at 60 %.
    assert [shape[-1] for shape in shapes] == [16, 16]
    assert small.get_layer("hidden").kernel.shape == (16, 16)


def test_filters_are_half_of_them_by_default(model):
    rows = keras_slr.report(model, target="gpu").rows
    rates = {row.path.partition("/")[2]: row.rate for row in rows}
    assert rates["narrow/kernel"] == 1 - 16 / 40
    assert rates["wide/kernel"] == rates["hidden/kernel"] == 0.5


def test_size_is_the_default(model):
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    keras_slr.hard_prune(model, target="size")
    keras_slr.hard_prune(other, 0.9)
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_rate_for_each_of_two_structures(model):
    rate = {"class:Dense": 0.75, "default": 0.6}
    keras_slr.hard_prune(model, rate, target="x86")
    assert width(kernel(model, "wide")) == 16
    assert blocks(kernel(model, "head")).sum() == 160 - 120


def test_a_budget_on_a_target(model):
    budget = keras_slr.Budget(flops=0.5)
    keras_slr.hard_prune(model, budget=budget, target="gpu")
    before = sum(keras_slr.macs(model).values())
    after = sum(keras_slr.macs(keras_slr.shrink(model)).values())
    assert 0.2 * before < after <= 0.5 * before


def test_report_says_what_is_chosen_and_why_not(model):
    report = keras_slr.report(model, target="arm")
    rows = {row.path.partition("/")[2]: row for row in report.rows}
    assert rows["narrow/kernel"].rate == rows["hidden/kernel"].rate == 0.9
    assert rows["wide/kernel"].rate is None
    assert "1x1 and Dense" in str(report).replace("\n", " ")
    report = keras_slr.report(model, target="x86")
    rows = {row.path.partition("/")[2]: row for row in report.rows}
    assert "filters it reads" in rows["hidden/kernel"].reason.value


@pytest.mark.parametrize(
    "layer, chosen",
    [
        (layers.Conv2D(32, 1), True),
        (layers.Conv2D(32, 1, strides=2), False),
        (layers.Conv2D(32, 1, groups=2), False),
        (layers.Conv2D(32, (1, 3)), False),
        (layers.Conv2DTranspose(32, 1), False),
    ],
)
def test_which_kernels_are_of_1x1_convolutions(layer, chosen):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(32, 3, name="stem"),
            layer,
            layers.Flatten(),
            layers.Dense(4, name="head"),
        ]
    )
    report = keras_slr.report(model, target="arm")
    rows = {row.path: row for row in report.rows}
    assert (rows[layer.kernel.path].rate is not None) == chosen


def test_config_round_trip():
    for name in (*TARGETS, "xnnpack", None):
        callback = keras_slr.SLRCallback(0.8, target=name)
        again = keras_slr.SLRCallback.from_config(callback.get_config())
        assert again.pruner.plan == callback.pruner.plan
        assert again.pruner.plan.target == name


def test_arguments():
    with pytest.raises(ValueError, match="'arm', 'x86'.*received 'phone'"):
        keras_slr.SLRCallback(target="phone")
    with pytest.raises(ValueError, match="leave one of them out"):
        keras_slr.Plan(structure=keras_slr.NM(), target="arm")
    with pytest.raises(ValueError, match="at least on target='xnnpack'"):
        keras_slr.SLRPruner(0.65, target="xnnpack")
    keras_slr.Plan(0.65, target="x86")


def test_too_few_zeros_to_pay(model):
    before = model.get_weights()
    low = {"class:Dense": 0.5, "default": 0.9}
    for name in ("arm", "x86"):
        with pytest.raises(ValueError, match="0.7 at least .* 0.5 for"):
            keras_slr.hard_prune(model, low, target=name)
    with pytest.raises(ValueError, match="0.5 for `.*head/kernel`"):
        keras_slr.hard_prune(model, 0.5, target="x86")
    low = {"class:Dense": 0.9, "default": 0.69}
    with pytest.raises(ValueError, match="0.69 for 1x1 convolutions"):
        keras_slr.hard_prune(model, low, target="arm")
    # 0.7 of 4096 entries are not two thirds of 4736.
    with pytest.raises(ValueError, match="received 0.61 with those"):
        keras_slr.hard_prune(model, 0.7, target="arm", exclude="narrow")
    keras_slr.report(model, 0.8, target="arm", exclude="narrow")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_what_cannot_pay(model):
    with pytest.raises(ValueError, match="zeros that pay on the target.*wide"):
        keras_slr.hard_prune(model, target="arm", include="wide")
    only = keras.Sequential([keras.Input((8, 8, 16)), layers.Conv2D(16, 3)])
    with pytest.raises(ValueError, match="none can"):
        keras_slr.hard_prune(only, target="arm", include="class:Conv2D")
