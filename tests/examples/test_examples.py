"""Every example in tiny mode, on each backend that its table claims."""

import importlib
import os
import pathlib
import re
import subprocess
import sys

import keras
import pytest

from tests.examples.checks import RATE
from tests.examples.checks import check
from tests.examples.checks import check_zeros
from tests.examples.checks import nonzero
from tests.helpers import slow_where_compiled

ROOT = pathlib.Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
BACKENDS = {"TensorFlow": "tensorflow", "JAX": "jax", "PyTorch": "torch"}
# What `test_loops` runs.
SCRIPTS = {"prune_digits"} | {f"custom_loop_{b}" for b in BACKENDS.values()}
needs_files = pytest.mark.skipif(
    not all(
        importlib.util.find_spec(name)
        for name in ("tensorflow", "ai_edge_litert")
    ),
    reason="TensorFlow or LiteRT is not installed",
)
DETECTORS = {
    f"detect_{library}": pytest.mark.skipif(
        not all(
            importlib.util.find_spec(name)
            for name in (library, "tensorflow_datasets", "pycocotools")
        ),
        reason=f"{library} or what the example needs is not installed",
    )
    for library in ("keras_cv", "keras_hub")
}
# Models of KerasHub compile themselves when they are made, also by loading.
compiles_itself = pytest.mark.filterwarnings(
    "ignore:Skipping variable loading for optimizer"
)
needs_tfmot = pytest.mark.skipif(
    not importlib.util.find_spec("tensorflow_model_optimization"),
    reason="TF-MOT is not installed",
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def claims():
    """Returns what the table of the README says of each example.

    Returns:
        Dict of pairs by name, the backends of `make test` and of `make slow`.
    """
    text = (ROOT / "examples/README.md").read_text()
    rows = re.findall(
        r"^\| `(\w+)\.py` \|.*?\| ([\w, ]+) \|([\w, ]*)\|$", text, re.M
    )
    return {
        name: tuple(
            {BACKENDS[b] for b in cell.strip().split(", ") if b}
            for cell in cells
        )
        for name, *cells in rows
    }


def compared():
    backend = keras.config.backend()
    found = claims()
    names = found.keys() - SCRIPTS
    names -= {"migrate_from_tfmot", "quantize_after_pruning", "distributed_jax"}
    names -= {"prune_language_model"}
    for name in sorted(names):
        marks = [DETECTORS[name]] if name in DETECTORS else []
        if name == "detect_keras_hub":
            marks.append(compiles_itself)
        if backend in found[name][1]:
            marks.append(pytest.mark.slow)
        yield pytest.param(name, marks=marks)


@pytest.fixture
def run(tmp_path):
    """Function that runs an example in tiny mode, if its table claims it."""

    def main(name, *options):
        if keras.config.backend() not in set().union(*claims()[name]):
            pytest.skip(f"{name} does not claim {keras.config.backend()}")
        module = importlib.import_module(f"examples.{name}")
        options = ["--rate", str(RATE), *options]
        return module.main(["--tiny", "--out", str(tmp_path), *options])

    return main


@pytest.mark.once("reads files")
def test_the_table_names_every_example():
    scripts = {
        path.stem
        for path in (ROOT / "examples").glob("*.py")
        if "def main(" in path.read_text()
    }
    assert set(claims()) == scripts


@pytest.mark.parametrize("name", compared())
def test_example(run, name, tmp_path):
    check(run(name), tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
@pytest.mark.once("real data take the way of generated ones")
@pytest.mark.parametrize(
    "name, told",
    [
        pytest.param(
            "keyword_spotting",
            "Data: spoken digits, ",
            marks=pytest.mark.slow,
        ),
        ("text_transformer", "Data: lines with a word missing, "),
    ],
)
def test_example_on_real_data(run, name, told, tmp_path, capsys):
    comparison = run(name, "--data-dir", str(SHARED))
    check(comparison, tmp_path)
    assert told + str(SHARED) in capsys.readouterr().out
    # Three times as good as chance, and better than the most frequent word.
    assert comparison.rows["SLR, fine-tuned"].score > 0.3


@pytest.mark.once("prints before any training")
@pytest.mark.parametrize("name", ["keyword_spotting", "text_transformer"])
def test_generated_data_are_told(run, name, capsys, monkeypatch):
    module = importlib.import_module(f"examples.{name}")
    monkeypatch.setattr(module, "compare", lambda *_, **options: None)
    run(name)
    assert "Data: generated" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.once("every model runs by itself elsewhere")
@pytest.mark.parametrize("model", ["resnet20", "mobilenetv2", "mixer", "swin"])
def test_models_of_the_papers(run, model, tmp_path):
    check(run("classify_cifar10", "--model", model), tmp_path)


@pytest.mark.once("shrinking is tested on every backend elsewhere")
def test_filters_are_cut_out(run):
    comparison = run("classify_cifar10", "--structure", "filter")
    dense = comparison.rows["dense"].nonzero
    # A quarter of the filters on both sides of most kernels.
    assert comparison.model.count_params() < dense / 8
    # Nothing is left to be zero, but for a bias here and there.
    tuned = comparison.rows["SLR, fine-tuned"]
    assert tuned.nonzero > 0.95 * comparison.model.count_params()


@slow_where_compiled
@needs_files
def test_quantize_after_pruning(run, tmp_path):
    found = run("quantize_after_pruning")
    zeros = {name: row[1] for name, row in found["rows"].items()}
    float32, int8 = zeros["Keras, float32"], zeros["Keras, int8"]
    for row in found["report"].pruned:
        layer = row.path.split("/")[-2]
        assert float32[layer] == round(row.rate * row.size)
        # Rounding makes more zeros and takes none away.
        assert int8[layer] >= float32[layer]
    files = [
        sum(weight.zeros for weight in file.weights)
        for file in found["files"].values()
    ]
    assert sum(float32.values()) <= files[0] <= files[1]
    assert (tmp_path / "quantized.png").stat().st_size > 10_000


@slow_where_compiled
@needs_tfmot
def test_migrate_from_tfmot(run, tmp_path):
    found = run("migrate_from_tfmot")
    check_zeros(found["report"], found["model"])
    dense, *pruned = (row[1] for row in found["rows"].values())
    assert all(count < dense / 2 for count in pruned)
    assert nonzero(found["model"]) == pruned[-1]
    assert (tmp_path / "wrapped.h5").is_file()
    assert (tmp_path / "migrated.png").stat().st_size > 10_000


@slow_where_compiled
def test_prune_language_model(run, tmp_path):
    found = run("prune_language_model", "--samples", "8", "--windows", "2")
    check_zeros(found["report"].weights, found["model"])
    dense, pruned = found["rows"].values()
    # All 128 tokens are about as likely with random weights.
    assert dense.perplexity == pytest.approx(128, rel=0.2)
    assert pruned.text.startswith("The capital of France is")
    saved = keras.models.load_model(tmp_path / "pruned.keras")
    assert nonzero(saved) == pruned.nonzero < dense.nonzero
    assert pruned.megabytes < dense.megabytes


@pytest.mark.skipif(
    keras.config.backend() != "jax", reason="distributed_jax claims JAX alone"
)
@pytest.mark.parametrize(
    "split", [pytest.param("data", marks=pytest.mark.slow), "model"]
)
def test_distributed_jax(tmp_path, split):
    # Devices are counted once in a process.
    code = (
        "import pathlib, sys\n"
        "from examples import distributed_jax\n"
        "from tests.examples.checks import RATE, check\n"
        "out, split = sys.argv[1:]\n"
        "options = ['--tiny', '--out', out, '--split', split]\n"
        "options += ['--rate', str(RATE)]\n"
        "check(distributed_jax.main(options), pathlib.Path(out))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), split],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ, KERAS_BACKEND="jax"),
    )
    assert child.returncode == 0, child.stderr
    assert "On 4 devices" in child.stdout
    spread = "P(None, 'model')" if split == "model" else "P(None, None)"
    assert f"mlp/wide_1/kernel: (64, 64), {spread}" in child.stdout


@pytest.mark.once("reads options")
@pytest.mark.parametrize("rate", ["x", "[1]", '"0.9"'])
def test_a_rate_is_a_number_or_a_dict(run, rate, capsys):
    with pytest.raises(SystemExit):
        run("classify_cifar10", "--rate", rate)
    assert "Expected a number such as 0.9, or JSON" in capsys.readouterr().err
