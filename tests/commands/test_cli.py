"""`inspect`, `demo`, help and the module on the command line."""

import json
import subprocess
import sys

import keras
import pytest

from keras_slr.commands import cli
from tests.commands.invocations import assert_user_error

pytestmark = pytest.mark.once(
    "reads arguments and files, and trains as the callbacks do"
)


def test_inspect_prints_the_report(files, capsys):
    assert cli.main(["inspect", str(files / "model.keras")]) == 0
    text = capsys.readouterr().out
    assert "hidden/kernel" in text and "16x32" in text
    assert "fewer than 256 entries" in text


def test_inspect_json(files, capsys):
    model = keras.saving.load_model(files / "model.keras")
    w, b = model.get_layer("hidden").get_weights()
    w[:, :8] = 0
    model.get_layer("hidden").set_weights([w, b])
    model.save(files / "model.keras")
    arguments = ["inspect", str(files / "model.keras"), "--json"]
    assert cli.main([*arguments, "--rate", "0.3"]) == 0
    figures = json.loads(capsys.readouterr().out)
    hidden = next(
        row for row in figures["weights"] if row["path"].endswith("den/kernel")
    )
    assert hidden["zeros"] == 16 * 8 and hidden["shape"] == [16, 32]
    assert hidden["rate"] == pytest.approx(0.3, abs=1 / 512)
    assert figures["sparsity"] == 0.25


def test_inspect_errors(files, capsys):
    path = str(files / "model.keras")
    assert_user_error(cli.main(["inspect", path, "--rate", "2"]), capsys, "2")
    assert_user_error(cli.main(["inspect", path + "x"]), capsys, "kerasx")
    assert_user_error(cli.main(["inspect"]), capsys, "MODEL.keras")


def test_demo_errors(tmp_path, capsys):
    for arguments in (
        ["--rate", "1.5"],
        ["--dataset", "imagenet"],
        ["--epochs", "0"],
        ["--dataset", "mnist", "--data-dir", str(tmp_path / "nowhere")],
    ):
        code = cli.main(["demo", "--out", str(tmp_path / "o"), *arguments])
        assert_user_error(code, capsys)


@pytest.mark.parametrize("option", ["--data", "--dataset"])
def test_demo_takes_the_names_of_prune(tmp_path, capsys, option):
    where = ["--data-dir", str(tmp_path), "--out", str(tmp_path / "o")]
    code = cli.main(["demo", option, "fashion-mnist", *where])
    assert_user_error(code, capsys, "train-images-idx3-ubyte.gz")


def test_help_and_version(capsys):
    assert cli.main(["--help"]) == 0
    assert cli.main(["prune", "--help"]) == 0
    assert "--rate" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out[0].isdigit()
    assert_user_error(cli.main([]), capsys, "COMMAND")


def test_module_runs_and_starts_without_heavy_imports(files):
    code = (
        "import runpy, sys, keras\n"
        "before = set(sys.modules)\n"
        f"sys.argv = ['keras_slr', 'inspect', {str(files / 'no.keras')!r}]\n"
        "try:\n"
        "    runpy.run_module('keras_slr', run_name='__main__')\n"
        "finally:\n"
        "    roots = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "    print(sorted(roots & {'matplotlib', 'rich', 'sklearn'}))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert child.returncode == 2
    assert child.stdout.strip() == "[]"
    assert "keras-slr: error: Expected a model file" in child.stderr
