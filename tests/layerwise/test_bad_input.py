"""Data and rates that will not do, and interruptions: the model stays whole."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise import run
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from tests.helpers import to_numpy

X = np.random.default_rng(0).normal(size=(20, 16)).astype("float32")


def make():
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", name="a"),
            layers.BatchNormalization(),
            layers.Dense(16, name="b"),
        ]
    )


def prune(model, data=X, rate=0.5, **options):
    return keras_slr.prune_layerwise(model, data, rate, verbose=0, **options)


def with_entry(value):
    x = X.copy()
    x[3, 2] = value
    return x


def batches(count):
    return ((X[:4],) for _ in range(count))


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return X[:4], X[:4, 0]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    "options, message",
    [
        ({"data": with_entry(np.nan)}, "finite inputs of `.*a/kernel`"),
        ({"data": with_entry(np.inf)}, "finite inputs of `.*a/kernel`"),
        (
            {"data": with_entry(np.nan), "order": "parallel"},
            "finite inputs of `.*a/kernel`",
        ),
        (
            {
                "data": with_entry(np.nan),
                "include": "a",
                "structure": keras_slr.Filter(),
            },
            "finite inputs of `.*b/kernel`",
        ),
        ({"data": X[:0]}, "without a batch to read: pass some inputs"),
        ({"data": []}, "pass some inputs"),
        ({"data": "x.npz"}, "pass some inputs"),
        ({"data": batches(0)}, "pass some inputs"),
        ({"data": (X, X[:, 0])}, "Received 2: pass inputs alone"),
        ({"data": ((row,) for row in X)}, "a single sample: batch the data"),
        ({"data": Endless(workers=1)}, "repeat for ever: say how many"),
        ({"samples": 40}, "Received 20: lower `samples`"),
        ({"data": batches(3), "samples": 40}, "Received 12: lower `samples`"),
        ({"data": X[:, :5]}, "expected axis -1 of input shape"),
        ({"rate": 1.0}, r"in \[0, 1\)"),
    ],
)
def test_what_will_not_do_is_refused(options, message):
    model = make()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        prune(model, **options)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("structure", [None, keras_slr.Filter()])
def test_constant_inputs_leave_finite_weights(value, structure):
    model = make()
    prune(model, np.full_like(X, value), include="a", structure=structure)
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("method", LAYER_SOLVERS)
@pytest.mark.parametrize("rate, rows", [(0.25, 8), (0.8, 0)])
def test_weights_of_inputs_that_were_always_zero_go_first(method, rate, rows):
    x, model = X.copy(), make()
    x[:, :12] = 0.0
    before = to_numpy(model.get_layer("a").kernel)
    (row,) = prune(model, x, rate, method=method, include="a").rows
    kernel = to_numpy(model.get_layer("a").kernel)
    unseen, stayed = kernel[:12], kernel[:12] != 0.0
    np.testing.assert_array_equal(unseen[stayed], before[:12][stayed])
    if method == "net-trim":
        # It decides itself how many more entries become zero.
        assert row.zeros >= rate
        return
    np.testing.assert_allclose(row.zeros, rate, atol=0.01)
    # Magnitudes say nothing of inputs.
    if method != "magnitude":
        assert stayed.sum() == 32 * rows


def test_no_layer_is_emptied():
    model = make()
    prune(model, rate=0.9999)
    for name in ("a", "b"):
        assert np.count_nonzero(to_numpy(model.get_layer(name).kernel)) == 1


@pytest.mark.once("checks shapes")
def test_a_missing_input_is_told():
    both = [keras.Input((4,)), keras.Input((4,))]
    joined = layers.Concatenate()(both)
    model = keras.Model(both, layers.Dense(8, name="a")(joined))
    with pytest.raises(ValueError, match="Expected 2 inputs.*Received 1"):
        prune(model, X[:, :4], include="a")


def test_few_samples_are_told():
    report = prune(make(), X[:5])
    text = " ".join(str(report).split())
    assert "2 of 2 kernels saw fewer rows than they have inputs" in text
    assert "a/kernel` with 5 for 16: more samples help" in text


@pytest.mark.parametrize("keep", [False, True])
def test_interruption(monkeypatch, keep):
    model = make()
    before = model.get_weights()
    calls = []

    def solve(task):
        calls.append(task)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solution(task)

    solution = run.solve
    monkeypatch.setattr(run, "solve", solve)
    with pytest.raises(KeyboardInterrupt):
        prune(model, keep_finished=keep, allocation="uniform")
    a, b = (to_numpy(model.get_layer(name).kernel) for name in "ab")
    if keep:
        assert np.count_nonzero(a) == a.size // 2
        np.testing.assert_array_equal(b, before[-2])
        return
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("keep", [False, True])
def test_interruption_after_the_last_kernel(monkeypatch, keep):
    model = make()
    before = model.get_weights()

    def report_of(*args):
        raise KeyboardInterrupt

    module = sys.modules[keras_slr.prune_layerwise.__module__]
    monkeypatch.setattr(module, "report_of", report_of)
    with pytest.raises(KeyboardInterrupt):
        prune(model, keep_finished=keep)
    same = [np.array_equal(*w) for w in zip(before, model.get_weights())]
    assert all(same) is not keep


def test_errors_do_not_quote_all_data():
    with pytest.raises(ValueError, match="pass some inputs") as error:
        prune(make(), X.tolist())
    assert len(str(error.value)) < 1000


class Batches(keras.utils.PyDataset):
    """The data in batches of eight, with targets."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(8 * index, 8 * index + 8)
        return X[rows], np.zeros(len(X[rows]))


def tf_data():
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((X, X[:, 0])).batch(8)


def torch_loader():
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.tensor(X))
    return torch.utils.data.DataLoader(data, batch_size=8)


# Keras says both of `predict`, too.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize(
    "data",
    [
        lambda: X,
        lambda: [X],
        lambda: {"x": X},
        tf_data,
        lambda: Batches(),
        torch_loader,
        lambda: ((X[i : i + 8],) for i in range(0, 20, 8)),
    ],
    ids=["array", "list", "dict", "tf.data", "PyDataset", "torch", "generator"],
)
def test_all_forms_of_data_give_the_same(data):
    kernels = []
    for form in (X, data()):
        keras.utils.set_random_seed(0)
        x = keras.Input((16,), name="x")
        model = keras.Model(x, layers.Dense(32, name="a")(x))
        report = prune(model, form, batch_size=None)
        assert report.samples == 20
        kernels.append(to_numpy(model.get_layer("a").kernel))
    np.testing.assert_allclose(*kernels, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(kernels[0] == 0, kernels[1] == 0)


def test_optional_inputs_may_be_missing():
    class Sum(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

        def compute_output_spec(self, x, y=None):
            return keras.KerasTensor(x.shape)

    inputs = [keras.Input((16,)), keras.Input((16,), optional=True)]
    y = layers.Dense(32, name="a")(Sum()(*inputs))
    model = keras.Model(inputs, y)
    report = prune(model, [X, None], include="a", batch_size=8)
    assert report.samples == 20


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_batches_may_have_different_lengths():
    inputs = keras.Input((None, 16))
    y = layers.Dense(32, name="a")(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(y))
    rng = np.random.default_rng(0)
    data = ((rng.normal(size=(4, n, 16)),) for n in (5, 9, 1))
    (row,) = prune(model, data, include="a").rows
    assert row.rows == 4 * (5 + 9 + 1)


@pytest.mark.once  # TensorFlow's data sets say the same on every backend.
def test_a_repeated_data_set_is_refused_unless_the_samples_are_said():
    tf = pytest.importorskip("tensorflow")
    repeated = tf.data.Dataset.from_tensor_slices(X).batch(4).repeat()
    with pytest.raises(ValueError, match="such as `samples=512`"):
        prune(make(), repeated)
    assert prune(make(), repeated, samples=8).samples == 8


@pytest.mark.once  # Names of arguments are read before the model.
@pytest.mark.parametrize(
    "function, arguments",
    [
        (keras_slr.prune_layerwise, (X,)),
        (keras_slr.hard_prune, ()),
    ],
)
def test_an_argument_that_there_is_not_is_named(function, arguments):
    message = f"argument that `{function.__name__}` has. Received: `rates`"
    with pytest.raises(TypeError, match=message):
        function(make(), *arguments, rates=0.5)
    with pytest.raises(TypeError, match="argument that `SLRPruner` has"):
        keras_slr.SLRPruner(rates=0.5)
