"""The doctor on real models and real conversions."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tflite_export import explain
from tflite_export.conditions import CONDITIONS
from tflite_export.explanation.command import main

pytestmark = pytest.mark.once("looks at shapes, and at files of TensorFlow")


def net(padding="valid", head="dense"):
    """A small MobileNet: on the safe list with the default arguments."""
    x = inputs = keras.Input((16, 16, 3))
    if padding == "valid":
        x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(16, 3, strides=2, padding=padding, name="stem")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="narrow")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    x = layers.Conv2D(32, 1, activation="relu", name="wide")(x)
    x = layers.GlobalAveragePooling2D(keepdims=head == "conv")(x)
    if head == "conv":
        x = layers.Flatten()(layers.Conv2D(12, 1, name="head")(x))
    else:
        x = layers.Dense(64, activation="relu", name="hidden")(x)
        x = layers.Dense(10, name="head")(x)
    return keras.Model(inputs, x)


@pytest.fixture(scope="module")
def dense():
    return explain(net())


def answers(explanation, target):
    return {
        row.layer: verdict.answer
        for row in explanation.rows
        for verdict in row.verdicts
        if verdict.target == target
    }


def why(explanation, layer, target):
    [verdict] = [
        verdict
        for row in explanation.rows
        for verdict in row.verdicts
        if (row.layer, verdict.target) == (layer, target)
    ]
    return f"{verdict.why}; {verdict.advice}"


def test_a_dense_model(dense):
    assert [row.layer for row in dense.rows] == [
        *("stem", "narrow", "depth", "wide", "hidden", "head")
    ]
    stem = dense.rows[0]
    assert (stem.op, stem.shape, stem.zeros) == ("Conv2D /2", (3, 3, 3, 16), 0)
    on_arm = ["no", "if", "no", "if", "if", "if"]
    assert list(answers(dense, "arm").values()) == on_arm
    assert list(answers(dense, "x86").values()) == ["no"] * 4 + ["if"] * 2
    for target in ("gpu", "int8", "micro"):
        assert set(answers(dense, target).values()) == {"no"}
    for layer, target, words in (
        ("wide", "arm", "2/3 .* Unstructured"),
        ("stem", "arm", "1x1 .* Filter"),
        ("wide", "x86", "AVX; Filter.* or int8"),
        ("hidden", "x86", "blocks of 4 .*; Block.* at 0.7 "),
        ("depth", "gpu", "Filter.* in front"),
        ("head", "int8", "; nothing .*model's output"),
        ("head", "micro", "sparse-encoded weights; int8 .*output"),
    ):
        assert_matches(why(dense, layer, target), words)
    assert_matches(dense.graph[0], "arm: the graph is on the safe list")
    assert_matches(dense.graph[1], "gpu: the delegate takes all")


def assert_matches(text, words):
    assert re.search(words, text), text


def test_pruned_for_arm():
    model = net()
    keras_slr.hard_prune(model, target="arm")
    found = explain(model, "xnnpack")
    # Some filters of `narrow` are all zero: `shrink` takes their channels out
    # of `depth`.
    assert answers(found, "arm") == {"stem": "no", "depth": "if"} | (
        dict.fromkeys(("narrow", "wide", "hidden", "head"), "yes")
    )
    assert found.rows[3].zeros == 922 / 1024
    found = explain(model, "x86")
    assert list(answers(found, "x86").values()).count("yes") == 2
    # The control: as many zeros, in no blocks.
    model = net()
    keras_slr.hard_prune(model, 0.7, allocation="uniform")
    assert "yes" not in answers(explain(model, "x86"), "x86").values()


def test_filters_pay_once_they_are_cut_out():
    model = net()
    keras_slr.hard_prune(model, 0.5, target="gpu")
    for target in ("x86", "int8", "micro"):
        zeroed = explain(model, target)
        assert answers(zeroed, target)["wide"] == "if"
        assert "keras_slr.shrink" in why(zeroed, "wide", target)
    small = explain(keras_slr.shrink(model), "int8")
    assert set(answers(small, "int8").values()) == {"no"}
    assert small.rows[3].shape == (1, 1, 16, 16)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"padding": "same"}, "do not engage .*`stem.* pads"),
        pytest.param(
            {"head": "conv"}, "not safe .*`head", marks=pytest.mark.slow
        ),
    ],
)
def test_graphs_that_are_not_on_the_safe_list(change, words):
    model = net(**change)
    keras_slr.hard_prune(model, 0.9, include=["narrow", "wide"])
    rng = np.random.default_rng(0)
    for name in ("narrow", "wide"):  # No filter is all zero.
        kernel = keras.ops.convert_to_numpy(model.get_layer(name).kernel)
        shape = kernel.shape[2:]
        single = kernel + 0.1 * (rng.permuted(np.eye(*shape), axis=0) > 0)
        model.get_layer(name).kernel.assign(single)
        model.get_layer(name).bias.assign(np.ones(shape[1]))
    stages = []
    found = explain(model, "arm", progress=stages.append)
    assert answers(found, "arm")["wide"] == "no"
    told = why(found, "wide", "arm")
    assert_matches(told, "see below; tflite_export.friendly.*, or Filter")
    assert_matches(" ".join(found.graph), words)
    assert_matches(found.graph[0], r"friendly\(model\)` builds a variant where")
    assert_matches(found.summary[0], r"Next: tflite_export.friendly.*`wide` an")
    assert stages[0] == "inspect the layers"
    assert stages[-1].startswith("friendly variant: ")


def test_operations_that_the_gpu_delegate_does_not_take():
    x = keras.Input((8, 8, 4))
    y = layers.Conv2D(8, 3)(x)
    model = keras.Model(x, keras.ops.flip(keras.ops.sin(y), axis=1))
    assert explain(model, "gpu").graph == (
        "gpu: the delegate does not take REVERSE_V2; the graph is split there "
        "between GPU and CPU.",
    )


def test_every_kind_of_kernel():
    x = inputs = keras.Input((64,))
    x = layers.Embedding(50, 16, name="words")(x)
    x = layers.MultiHeadAttention(2, 8, name="attention")(x, x)
    x = layers.Conv1D(16, 3, name="line")(x)
    x = layers.LayerNormalization()(x)
    x = layers.EinsumDense("abc,cd->abd", output_shape=(None, 16), name="sum")(
        x
    )
    x = layers.LSTM(8, name="memory")(x)
    x = layers.Dense(30, name="wide")(x)
    model = keras.Model(inputs, layers.Dense(10, name="odd")(x))
    model.get_layer("line").trainable = False
    found = explain(model, "x86")
    assert [(row.layer, row.op) for row in found.rows] == [
        ("attention/query", "EinsumDense"),
        ("attention/key", "EinsumDense"),
        ("attention/value", "EinsumDense"),
        ("attention/attention_output", "EinsumDense"),
        ("line", "Conv1D"),
        ("sum", "EinsumDense"),
        ("memory/lstm_cell", "LSTMCell"),
        ("memory/lstm_cell/recurrent_kernel", "LSTMCell"),
        ("wide", "Dense"),
        ("odd", "Dense"),
    ]
    assert answers(found, "x86")["wide"] == "if"
    assert "divisible by 4" in why(found, "odd", "x86")


@pytest.mark.parametrize(
    "rows, blocks, answer",
    [
        (1, 0.7, "yes"),
        (1, 0.69, "if"),
        (16, 0.89, "if"),
        (16, 0.9, "yes"),
        (64, 0.95, "yes"),
        (65, 0.99, "no"),
    ],
)
def test_blocks_pay_where_rows_are_few(rows, blocks, answer):
    model = keras.Sequential(
        [keras.Input((rows, 40)), layers.Dense(40, name="dense")]
    )
    kernel = np.ones((10, 4, 40), "float32")
    mask = np.arange(400).reshape(10, 1, 40) >= round(400 * blocks)
    model.layers[0].kernel.assign((kernel * mask).reshape(40, 40))
    [row] = explain(model, "x86").rows
    assert row.verdicts[0].answer == answer


def test_model_without_a_graph():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(16, name="dense")

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 8), "float32"))
    found = explain(model)
    assert len(found.rows) == 1
    assert found.rows[0].op == "Dense"
    assert found.rows[0].verdicts[1].answer == "if"
    assert all("could not be examined" in line for line in found.graph)


def test_a_model_that_friendly_refuses(monkeypatch):
    model = net(padding="same")
    module = "tflite_export.xnnpack.friendly_architecture.friendly"

    def refuses(model):
        raise ValueError("not such a model")

    def fails(model):
        raise AttributeError("a bug of ours")

    monkeypatch.setattr(module, refuses)
    assert "friendly" not in explain(model, "arm").graph[0]
    monkeypatch.setattr(module, fails)
    with pytest.raises(AttributeError, match="a bug of ours"):
        explain(model, "arm")


def test_render(dense):
    text = str(dense)
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[0].split() == [
        *("layer", "op", "shape", "zeros", "MACs", "bytes"),
        *CONDITIONS,
    ]
    wide = r"wide +Conv2D +1x1x32x32 +0.0% +44.6% +20.7% +if \d\w +no \d\w "
    assert_matches(text, wide)
    assert_matches(text, r"\d  XNNPACK turns")
    assert_matches(text, r"\w  what pays: Block\(\(4, 1\)\)")
    keras_slr.hard_prune(model := net(), target="x86")
    alone = str(explain(model, "x86"))
    assert "arm" not in alone and "yes" in alone


def test_layers_with_most_work_come_first(dense):
    # Places of the output times entries of the kernel.
    macs = {
        "stem": 8 * 8 * 3 * 3 * 3 * 16,
        "narrow": 8 * 8 * 16 * 32,
        "depth": 8 * 8 * 3 * 3 * 32,
        "wide": 8 * 8 * 32 * 32,
        "hidden": 32 * 64,
        "head": 64 * 10,
    }
    assert {row.layer: row.macs for row in dense.rows} == macs
    assert dense.rows[4].bytes == 4 * 32 * 64
    counted, shares = dense.shares()
    assert counted == "multiply-accumulates"
    assert shares == [n / sum(macs.values()) for n in macs.values()]
    lines = [line.split()[0] for line in str(dense).splitlines()[1:7]]
    assert lines == ["wide", "narrow", "stem", "depth", "hidden", "head"]


def test_a_line_on_each_target_and_what_to_do_next(dense):
    assert [line.split(":")[0] for line in dense.summary] == list(CONDITIONS)
    # 98304 of 146944 multiply-accumulates are those of 1x1 convolutions.
    assert dense.summary[0] == (
        "arm: 0 of 6 layers run faster by their zeros. Next: Unstructured() at "
        "0.7 or more, or int8, for `wide` and 1 more layer (67% of the "
        "multiply-accumulates)."
    )
    keras_slr.hard_prune(model := net(), target="arm")
    for layer in model.layers:
        layer.trainable = False
    [line] = explain(model, "x86").summary
    assert_matches(line, "^x86: 2 of 6 .*, 2% of the mul.* Next: int8 ")
    assert "keras_slr.shrink alone removes" in line


@pytest.mark.parametrize("rate", [0.9, 0.5])
def test_shrink_comes_next_by_what_it_removes(rate):
    model = net()
    if rate == 0.5:
        keras_slr.hard_prune(model, rate, target="gpu")
    else:
        keras_slr.hard_prune(model, rate, allocation="uniform")
    before = sum(keras_slr.macs(model).values())
    after = sum(keras_slr.macs(keras_slr.shrink(model)).values())
    removed = 1 - after / before
    assert removed > 0
    [line] = explain(model, "int8").summary
    shown = f"{removed:.1%} of the multiply-accumulates"
    if rate == 0.5:
        assert removed > 0.5
        assert_matches(line, f"Next: keras_slr.shrink, .*removes {shown}, in `")
    else:
        assert removed < 0.5
        assert_matches(line, r"Next: Filter.* for `wide` and \d more layers \(")
        assert line.endswith(f" keras_slr.shrink alone removes {shown}.")


@pytest.mark.slow
def test_notes_name_the_layers_of_keras():
    x = image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, name="conv2d")(x)
    x = layers.Conv2D(16, 1, name="conv2d_1")(x)
    x = layers.GlobalAveragePooling2D()(x)
    found = explain(keras.Model(image, layers.Dense(4)(x)), "arm")
    assert_matches(found.graph[0], "arm: sparse convolutions do not engage")
    assert "`conv2d` is 3x3 with stride 1 on 1 channels" in found.graph[0]


def test_progress_is_silent_by_default_and_prints_if_asked(capsys):
    explain(net(), "x86")
    assert capsys.readouterr() == ("", "")
    explain(net(), "x86", progress=True)
    assert capsys.readouterr() == ("", "inspect the layers ...\n")
    with pytest.raises(TypeError, match="`progress` .*received 'yes'"):
        explain(net(), "x86", progress="yes")


def test_command_line(tmp_path, capsys):
    source = tmp_path / "model.keras"
    net().save(source)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tflite_export", "explain"),
            *(source, "--target", "x86"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert_matches(done.stdout, "^layer .*x86\n *wide .*no 1a\n *narrow ")
    assert done.stderr == "inspect the layers ...\n"
    source.write_bytes(b"no model")
    for path in (source, tmp_path / "none.keras"):
        assert main([str(path)]) == 2
        told = capsys.readouterr()
        assert told.out == "" and told.err.count("\n") == 1
        assert_matches(told.err, f"^Expected .*{path}")
    assert main([str(source), "--target", "phone"]) == 2
    assert "'phone'" in capsys.readouterr().err


def test_arguments():
    with pytest.raises(ValueError, match="'arm', .*received 'size'"):
        explain(net(), "size")
    with pytest.raises(TypeError, match="Keras"):
        explain(3)
    with pytest.raises(ValueError, match="built"):
        explain(keras.Sequential([layers.Dense(3)]))
