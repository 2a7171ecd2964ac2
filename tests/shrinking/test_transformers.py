"""Heads and feed-forward units of KerasHub's layers."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.keras_internals.keras_hub import SELF_ATTENTION
from keras_slr.keras_internals.keras_hub import UP
from keras_slr.shrinking import Narrow
from keras_slr.shrinking.blocks import BLOCKS
from keras_slr.shrinking.heads import projections
from keras_slr.shrinking.options import parameters
from keras_slr.shrinking.rules.transformers import OPTIONS
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize

hub = pytest.importorskip("keras_hub")

WORDS, LENGTH, WIDTH, UNITS, SIZE = 30, 6, 16, 24, 4


def encoder(name):
    return getattr(hub.models, f"{name}Backbone")(
        vocabulary_size=WORDS,
        num_layers=2,
        num_heads=4,
        hidden_dim=WIDTH,
        intermediate_dim=UNITS,
        max_sequence_length=LENGTH,
    )


def grouped(name, pairs=2, **arguments):
    return getattr(hub.models, f"{name}Backbone")(
        vocabulary_size=WORDS,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=pairs,
        hidden_dim=WIDTH,
        **({"intermediate_dim": UNITS} | arguments),
    )


def gemma(pairs=2):
    arguments = {"intermediate_dim": 2 * UNITS, "head_dim": SIZE}
    return grouped("Gemma", pairs, **arguments)


MODELS = {
    "bert": lambda: encoder("Bert"),
    "gpt2": lambda: encoder("GPT2"),
    "llama": lambda: grouped("Llama"),
    "gemma": gemma,
}
# The same layers, or the same rules.
RELATIVES = {
    "distilbert": lambda: encoder("DistilBert"),
    "roberta": lambda: encoder("Roberta"),
    "mistral": lambda: grouped("Mistral"),
    "llama, one key": lambda: grouped("Llama", pairs=1),
    "gemma, one key": lambda: gemma(pairs=1),
}


def tokens(model):
    words = np.random.default_rng(0).integers(0, WORDS, (3, LENGTH))
    mask = np.ones((3, LENGTH), "int32")
    mask[0, 4:] = 0
    x = {"token_ids": words, "padding_mask": mask, "segment_ids": 0 * words}
    return {name: x[name] for name in model.input}


def outputs(model):
    return keras.tree.flatten(model.predict_on_batch(tokens(model)))


def assert_equal(expected, model):
    for a, b in zip(expected, outputs(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(a).max())


def heads(name):
    """Entries in half the heads of a layer."""
    queries = 2 * (2 * WIDTH * SIZE)
    if name.endswith("one key"):
        # Keys and values stay.
        return queries
    pairs = 1 if name in ("llama", "gemma", "mistral") else 2
    biases = 0 if pairs == 1 else 3 * 2 * SIZE
    return queries + pairs * (2 * WIDTH * SIZE) + biases


def feed_forward(name):
    """Entries in half the feed-forward units of a layer."""
    has_gate = name[:5] in ("llama", "gemma", "mistr")
    return UNITS // 2 * (3 * WIDTH if has_gate else 2 * WIDTH + 1)


def removed_in(report):
    """Entries that a report says go: each weight is cut along one axis."""
    return sum(
        np.isin(member.units, range(row.group.size)).sum()
        * np.prod(member.variable.shape)
        // member.variable.shape[member.axis]
        * (row.group.size - row.kept)
        // row.group.size
        for row in report.rows
        for member in row.group.members
    )


def check(name, model, structure, removed, path):
    randomize(model)
    keras_slr.hard_prune(model, 0.5, structure=structure)
    expected = outputs(model)
    small = keras_slr.shrink(model)
    assert model.count_params() - small.count_params() == removed
    assert removed_in(keras_slr.shrink_report(model)) == removed
    total = keras_slr.summary_diff(model, small).total.parameters
    assert total == (model.count_params(), small.count_params())
    assert_equal(expected, small)
    small.save(path)
    loaded = keras.saving.load_model(path)
    assert_equal(expected, loaded)
    # What is small is known as well: nothing more goes.
    assert keras_slr.shrink_report(loaded).removed == 0
    return loaded


@pytest.mark.parametrize("name", MODELS)
def test_heads_go(name, tmp_path):
    removed = 2 * heads(name)
    structure = keras_slr.Heads()
    path = tmp_path / "small.keras"
    check(name, MODELS[name](), structure, removed, path)


@pytest.mark.once("the same rules as above")
@pytest.mark.parametrize("name", MODELS)
def test_heads_and_feed_forward_units_go(name, tmp_path):
    removed = 2 * (heads(name) + feed_forward(name))
    structure = keras_slr.Filter()
    path = tmp_path / "small.keras"
    check(name, MODELS[name](), structure, removed, path)


@pytest.mark.once("shapes and the same rules as above")
@pytest.mark.parametrize("structure", [keras_slr.Filter, keras_slr.Heads])
@pytest.mark.parametrize("name", RELATIVES)
def test_relatives(name, structure, tmp_path):
    is_filter = structure is keras_slr.Filter
    removed = 2 * (heads(name) + is_filter * feed_forward(name))
    path = tmp_path / "small.keras"
    loaded = check(name, RELATIVES[name](), structure(), removed, path)
    assert_equal(outputs(loaded), keras_slr.shrink(loaded))


@pytest.mark.once("the same rules as above, in graphs inside of others")
@pytest.mark.parametrize("name", MODELS)
def test_a_backbone_inside_of_a_model(name, tmp_path):
    backbone = MODELS[name]()
    x = {n: keras.Input((LENGTH,), name=n) for n in backbone.input}
    y = backbone(x)
    y = y["sequence_output"] if isinstance(y, dict) else y
    model = keras.Model(x, layers.Dense(3)(y))
    removed = 2 * (heads(name) + feed_forward(name))
    if name == "bert":
        # Nothing reads the pooled output, of which one unit stays.
        removed += (WIDTH - 1) * (WIDTH + 1)
    structure = keras_slr.Filter()
    check(name, model, structure, removed, tmp_path / "small.keras")


@pytest.mark.once("the same rules as above, in a graph of another class")
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma"])
def test_a_causal_language_model(name, tmp_path):
    kind = {"gpt2": "GPT2CausalLM", "llama": "LlamaCausalLM"}
    kind = getattr(hub.models, kind.get(name, "GemmaCausalLM"))
    model = kind(backbone=MODELS[name](), preprocessor=None)
    removed = 2 * (heads(name) + feed_forward(name))
    structure = keras_slr.Filter()
    check(name, model, structure, removed, tmp_path / "small.keras")


def cross_attention():
    x, memory = keras.Input((5, WIDTH)), keras.Input((7, WIDTH))
    layer = hub.layers.TransformerDecoder(UNITS, 4, activation="gelu")
    return keras.Model([x, memory], layers.Dense(3)(layer(x, memory)))


def shared():
    x = keras.Input((5, WIDTH))
    layer = hub.layers.TransformerEncoder(UNITS, 4, normalize_first=True)
    return keras.Model(x, layers.Dense(3)(layer(layers.ReLU()(layer(x)))))


def cached():
    x = keras.Input((5, WIDTH))
    layer = hub.layers.CachedMultiHeadAttention(4, 8)
    return keras.Model(x, layers.Dense(3)(layer(x, x)))


def grouped_queries(pairs):
    x = keras.Input((5, WIDTH))
    layer = layers.GroupQueryAttention(8, 4, pairs)
    y = layer(x, x, use_causal_mask=True)
    return keras.Model(x, layers.Dense(3)(y))


OTHERS = {
    "cross attention": cross_attention,
    "shared": shared,
    "cached": cached,
    "grouped queries": lambda: grouped_queries(2),
    "one key": lambda: grouped_queries(1),
}


@pytest.mark.once("shapes and rules")
@pytest.mark.parametrize("name", OTHERS)
def test_other_layers(name, structure=keras_slr.Filter):
    model = randomize(OTHERS[name]())
    keras_slr.hard_prune(model, 0.5, structure=structure())
    small = keras_slr.shrink(model)
    assert_same(model, small)
    removed = removed_in(keras_slr.shrink_report(model))
    assert model.count_params() - small.count_params() == removed > 0
    assert keras_slr.shrink_report(small).removed == 0


@pytest.mark.once("the same rules as above")
@pytest.mark.parametrize("name", OTHERS)
def test_heads_of_other_layers(name):
    test_other_layers(name, keras_slr.Heads)


@pytest.mark.once("looks at signatures")
def test_rules_know_every_option_of_this_keras_hub():
    with_a_place_for_each_head = {
        "cache",
        "cache_update_index",
        "cross_attention_cache",
        "cross_attention_cache_update_index",
        "return_attention_scores",
        "self_attention_cache",
        "self_attention_cache_update_index",
        "use_gate",
    }
    for name in BLOCKS:
        package, _, kind = name.partition("/")
        if package == "keras_hub":
            (kind,) = [k for k in kinds(keras.Layer) if k.__name__ == kind]
            options = set().union(*parameters(kind))
            unknown = options - set(OPTIONS) - with_a_place_for_each_head
            assert not unknown, f"`{kind}` has {unknown}"


def kinds(parent):
    for kind in parent.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.once("graphs and shapes")
def test_heads_whose_scores_are_asked_for_stay():
    x = keras.Input((5, WIDTH))
    layer = hub.layers.TransformerEncoder(UNITS, 4, name="scored")
    y = layer(x, return_attention_scores=True)
    model = keras.Model(x, layers.Dense(3)(y))
    reason = "`scored/self_attention_layer/.*: is inside `scored` .Transformer"
    with pytest.raises(ValueError, match=reason):
        keras_slr.hard_prune(model, 0.5, structure=keras_slr.Heads())


@pytest.mark.once("the same rule on every backend")
def test_a_constant_goes_to_the_bias_behind_it():
    model = randomize(encoder("GPT2"))
    decoder = model.get_layer("transformer_layer_0")
    dense = getattr(decoder, UP)
    kernel = keras.ops.convert_to_numpy(dense.kernel).copy()
    kernel[:, :5] = 0
    dense.kernel.assign(kernel)
    small = keras_slr.shrink(model)
    assert small.get_layer("transformer_layer_0").intermediate_dim == UNITS - 5
    assert_equal(outputs(model), small)


@pytest.mark.once("the same rule on every backend")
def test_a_dead_head_with_a_constant_stays_and_says_so():
    """Where a query sees nothing, the weights of its values are all zero."""
    model = randomize(encoder("GPT2"))
    layer = model.get_layer("transformer_layer_0")
    value = projections(getattr(layer, SELF_ATTENTION))[2]
    kernel = keras.ops.convert_to_numpy(value.kernel).copy()
    kernel[:, 1] = 0
    value.kernel.assign(kernel)
    rows = keras_slr.shrink_report(model).rows
    assert rows[0].kept == 4
    assert "stays with a constant that `transformer_layer_0`" in rows[0].reason


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_training_prunes_what_is_cut():
    model = grouped("Llama")
    model.compile("adam", "mse")
    x, y = tokens(model), np.zeros((3, LENGTH, WIDTH), "float32")
    callback = keras_slr.SLRCallback(
        0.5, structure=keras_slr.Filter(), update_every=1
    )
    model.fit(x, y, epochs=3, verbose=0, callbacks=[callback])
    small = keras_slr.shrink(model)
    removed = 2 * (heads("llama") + feed_forward("llama"))
    assert model.count_params() - small.count_params() == removed
    assert_equal(outputs(model), small)


def with_attributes(small, backbone):
    """Gives a small model what `generate` reads, as the guide does."""
    for name in dir(backbone):
        is_new = hasattr(backbone, name) and not hasattr(small, name)
        if name.startswith("_") or not is_new:
            continue
        value = getattr(backbone, name)
        if isinstance(value, keras.Layer):
            value = small.get_layer(value.name)
        elif isinstance(value, list):
            value = [small.get_layer(layer.name) for layer in value]
        setattr(small, name, value)
    return small


@pytest.mark.once("the same layers as above, with a cache")
@pytest.mark.parametrize("name", ["GPT2", "Llama", "Gemma", "Mistral"])
def test_generation_with_a_cache(name):
    """Each layer takes a cache of all the heads, or of those that are left."""
    backbone = randomize((MODELS | RELATIVES)[name.lower()]())
    keras_slr.hard_prune(backbone, 0.5, structure=keras_slr.Filter())
    small = with_attributes(keras_slr.shrink(backbone), backbone)
    if name in ("Gemma", "Mistral"):
        small.num_key_value_heads = 1
    prompt = {
        "token_ids": tokens(backbone)["token_ids"],
        "padding_mask": np.arange(LENGTH)[None] < [[2], [2], [3]],
    }
    texts = []
    for part in (backbone, small):
        kind = getattr(hub.models, f"{name}CausalLM")
        model = kind(backbone=part, preprocessor=None)
        model.compile(sampler="greedy")
        texts.append(model.generate(prompt, stop_token_ids=None)["token_ids"])
    np.testing.assert_array_equal(*texts)
    assert small.count_params() < backbone.count_params()


LOAD = """
import sys
import keras
import numpy as np

folder, *names = sys.argv[1:]
for name in names:
    x = dict(np.load(f"{folder}/{name}.npz"))
    y = x.pop("y")
    if name == "llama":
        import keras_slr
    z = keras.saving.load_model(f"{folder}/{name}.keras").predict_on_batch(x)
    np.testing.assert_allclose(y, z, rtol=0, atol=1e-5 * np.abs(y).max())
    print(name, "keras_slr" in sys.modules)
"""


@pytest.mark.once("the same files on every backend")
def test_a_fresh_process_loads_what_is_small(tmp_path):
    """Without `keras_slr` where the arguments of a layer say its sizes."""
    for name in ("gemma", "llama"):
        model = randomize(MODELS[name]())
        keras_slr.hard_prune(model, 0.5, structure=keras_slr.Filter())
        keras_slr.shrink(model).save(tmp_path / f"{name}.keras")
        x = tokens(model)
        y = model.predict_on_batch(x)
        np.savez(tmp_path / f"{name}.npz", y=y, **x)
    child = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path), "gemma", "llama"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert child.stdout.splitlines() == ["gemma False", "llama True"], (
        child.stderr
    )


@pytest.mark.once("a name is looked up")
@pytest.mark.parametrize("module", ["os", "keras_hub.src.models.llama"])
def test_a_file_cannot_name_another_class(module):
    config = {"layer": [module, "system"], "heads": {}, "units": None}
    with pytest.raises(ValueError, match="Expected a layer of KerasHub"):
        Narrow.from_config(config)
