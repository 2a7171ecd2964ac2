"""The error messages of the command lines for invalid input.

    python -m benchmarks.reliability.bad_inputs

writes the table of docs/bad_input.md. Each input is passed to the real command,
which runs in this process.
"""

import contextlib
import dataclasses
import functools
import io
import json
import pathlib
import tempfile
import zipfile

import h5py
import keras
import numpy as np

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "bad_input.md"
_HEAD = """# Error messages for invalid input

This table lists what the commands print for invalid input. Each message is one
line on standard error. The command then exits with code 2, without a traceback,
and leaves existing output files unchanged.
`python -m benchmarks.reliability.bad_inputs` runs each command and writes the
table; `tests/reliability/test_bad_inputs.py` checks it.

| input | command | message |
|---|---|---|
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """An invalid input.

    Attributes:
        given: String, what is wrong with the input.
        command: String, the arguments, with paths in the current folder.
        word: String that the message has to contain.
        tool: String, the module that is run.
    """

    given: str
    command: str
    word: str
    tool: str = "keras_slr"


def _recipes():
    """Returns the contents of the recipes, by file name, and their cases."""
    texts = {
        "an empty recipe": ("", "JSON"),
        "a truncated recipe": ('{"rate": 0.9', "delimiter"),
        "a list instead of fields": ("[0.9]", "[0.9]"),
        "a field twice": ('{"rate": 0.5, "rate": 0.9}', "'rate'"),
        "100,000 opening brackets": ("[" * 100000, "recursion"),
        "a recipe of two megabytes": (" " * 2_000_000, "2,000,000"),
    }
    fields = [
        ("a misspelt field", {"rtae": 0.9}, "'rate'"),
        ("a field in the singular", {"epoch": 3}, "'epochs'"),
        ("a field that names code", {"__class__": "os.system"}, "__class__"),
        ("a rate in words", {"rate": "much"}, "'much'"),
        ("a rate above 1", {"rate": 1.5}, "1.5"),
        ("a rate that is not a number", {"rate": float("nan")}, "nan"),
        ("an empty dict of rates", {"rate": {}}, "empty"),
        ("a rate of 2 for one layer", {"rate": {"hidden": 2}}, "2"),
        ("a rate of true", {"rate": True}, "True"),
        ("a misspelt method", {"method": "sLr2"}, "'slr'"),
        (
            "a misspelt structure",
            {"structure": "filtre"},
            "mean 'filter'",
        ),
        ("an unknown structure", {"structure": "3-4"}, "'2:4'"),
        ("a structure as a number", {"structure": 24}, "24"),
        ("a misspelt allocation", {"allocation": "rek"}, "'erk'"),
        ("a misspelt target", {"target": "amr"}, "'arm'"),
        ("no epochs", {"epochs": 0}, "0"),
        ("half an epoch", {"epochs": 2.5}, "2.5"),
        ("epochs in words", {"epochs": "ten"}, "'ten'"),
        ("epochs of true", {"epochs": True}, "True"),
        ("a negative batch size", {"batch_size": -1}, "-1"),
        ("a learning rate of 0", {"learning_rate": 0}, "0"),
        ("a learning rate as text", {"learning_rate": "1e-3"}, "'1e-3'"),
        ("an empty list of names", {"include": []}, "[]"),
        ("a name that is a number", {"include": [1]}, "[1]"),
        ("names as a dict", {"exclude": {"a": 1}}, "{'a': 1}"),
        ("a misspelt limit", {"budget": {"flop": 0.5}}, "'flops'"),
        ("a limit above the dense model", {"budget": {"flops": 2.0}}, "2.0"),
        ("a budget without the name of a limit", {"budget": 0.5}, "0.5"),
        ("a misspelt interval", {"update_every": "epochs"}, "'epochs'"),
        ("an interval of 0", {"update_every": 0}, "0"),
        ("a negative number of epochs", {"finetune_epochs": -1}, "-1"),
        ("a switch in words", {"monitor": "yes"}, "'yes'"),
        ("a negative seed", {"seed": -1}, "-1"),
        ("a path that is a number", {"model": 3}, "3"),
        ("no data", {"model": "model.keras", "out": "out.keras"}, "--data"),
        (
            "nothing but fine-tuning",
            {
                "model": "model.keras",
                "data": "data.npz",
                "out": "out.keras",
                "epochs": 2,
                "finetune_epochs": 2,
            },
            "finetune_epochs=2",
        ),
    ]
    texts |= {
        given: (json.dumps(content), word) for given, content, word in fields
    }
    contents, cases = {}, []
    for i, (given, (text, word)) in enumerate(texts.items()):
        name = f"recipe_{i}.json"
        contents[name] = text
        shown = text if 0 < len(text) < 60 else ""
        cases.append(
            Case(
                f"{given}{shown and f': `{shown}`'}",
                f"prune --recipe {name}",
                word,
            )
        )
    return contents, cases


_CONTENTS, _OF_RECIPES = _recipes()
_PRUNE = "prune model.keras --data data.npz --out out.keras"
_FROM = "prune {} --data data.npz --out out.keras".format
_DATA = "prune model.keras --data {} --out out.keras".format
_CALIBRATED = "prune model.keras --calibration {} --out out.keras".format
_OUT = "prune model.keras --data data.npz --out {}".format
_TFLITE = functools.partial(Case, tool="tflite_export")
_BENCHMARK = functools.partial(Case, tool="tflite_export.benchmark")
CASES = (
    *_OF_RECIPES,
    Case("a missing recipe", "prune --recipe no.json", "no.json"),
    Case("a recipe in another format", "prune --recipe r.toml", "r.toml"),
    Case("a folder as the recipe", "prune --recipe r.json", "r.json"),
    Case("a recipe not in UTF-8", "prune --recipe latin.json", "utf-8"),
    Case("no command", "", "COMMAND"),
    Case("a misspelt command", "prnue", "prnue"),
    Case("an unknown option", f"{_PRUNE} --colour red", "--colour"),
    Case("a rate in words", f"{_PRUNE} --rate much", "'much'"),
    Case("a rate of 1", f"{_PRUNE} --rate 1", "1.0"),
    Case("no epochs", f"{_PRUNE} --epochs 0", "--epochs"),
    Case("a misspelt structure", f"{_PRUNE} --structure kernl", "'kernel'"),
    Case("a misspelt target", f"{_PRUNE} --target x68", "'x86'"),
    Case("a misspelt layer", f"{_PRUNE} --include hiden", "hiden"),
    Case("an invalid regular expression", f"{_PRUNE} --exclude re:(", "re:("),
    Case(
        "a structure that no weight can have",
        f"{_PRUNE} --structure kernel",
        "none",
    ),
    Case(
        "a rate beside a structure that fixes it",
        f"{_PRUNE} --structure 2:4 --rate 0.9",
        "0.5",
    ),
    Case("a missing model", _FROM("no.keras"), "no.keras"),
    Case("a model in another format", _FROM("model.h5"), "model.h5"),
    Case("an empty model file", _FROM("empty.keras"), "empty.keras"),
    Case("a text file as the model", _FROM("text.keras"), "text.keras"),
    Case("a truncated model", _FROM("cut.keras"), "cut.keras"),
    Case("a zip file that is not a model", _FROM("zip.keras"), "zip.keras"),
    Case(
        "a model with a damaged byte", _FROM("damaged.keras"), "damaged.keras"
    ),
    Case("a model that contains code", _FROM("lambda.keras"), "lambda.keras"),
    Case("a layer of negative width", _FROM("negative.keras"), "units=-3"),
    Case("a layer with a quadrillion units", _FROM("huge.keras"), "memory"),
    Case("weights of another shape", _FROM("shapes.keras"), "(3, 3)"),
    Case("a model that unpacks to 3 GB", _FROM("bomb.keras"), "3,000 MB"),
    Case("data that unpacks to 3 GB", _DATA("bomb.npz"), "3,000 MB"),
    Case("missing data", _DATA("no.npz"), "no.npz"),
    Case("data in another format", _DATA("data.csv"), "data.csv"),
    Case("truncated data", _DATA("cut.npz"), "cut.npz"),
    Case("data with Python objects", _DATA("objects.npz"), "objects.npz"),
    Case("data without labels", _DATA("unlabelled.npz"), "unlabelled.npz"),
    Case("fewer labels than inputs", _DATA("uneven.npz"), "(39,)"),
    Case("inputs of another shape", _DATA("other.npz"), "(4, 5)"),
    Case("NaN in the inputs", _DATA("nan.npz"), "NaN"),
    Case(
        "a method without training, and no calibration data",
        f"{_PRUNE} --method wanda",
        "'wanda'",
    ),
    Case(
        "calibration data for a method that trains",
        f"{_CALIBRATED('data.npz')} --method greg",
        "'greg'",
    ),
    Case(
        "epochs beside calibration data",
        f"{_CALIBRATED('data.npz')} --epochs 3",
        "epochs=3",
    ),
    Case("missing calibration data", _CALIBRATED("no.npy"), "no.npy"),
    Case("truncated calibration data", _CALIBRATED("cut.npz"), "cut.npz"),
    Case(
        "calibration data of another shape",
        _CALIBRATED("other.npz"),
        "(40, 5)",
    ),
    Case("NaN in the calibration data", _CALIBRATED("nan.npz"), "NaN"),
    Case("a missing output folder", _OUT("no/out.keras"), "no"),
    Case("a folder as the output", _OUT("folder.keras"), "folder.keras"),
    Case("an output in another format", _OUT("out.h5"), "out.h5"),
    Case("a missing model", "inspect no.keras", "no.keras"),
    Case("a rate of 2", "inspect model.keras --rate 2", "2"),
    Case("a truncated model", "shrink cut.keras --out out.keras", "cut.keras"),
    Case("an unknown data set", "demo --dataset imagenet", "imagenet"),
    _TFLITE("no output", "model.keras", "--out"),
    _TFLITE("a missing model", "no.keras -o o.tflite", "no.keras"),
    _TFLITE("a truncated model", "cut.keras -o o.tflite", "cut.keras"),
    _TFLITE(
        "a zip file that is not a model", "zip.keras -o o.tflite", "zip.keras"
    ),
    _TFLITE(
        "a model with a damaged byte",
        "damaged.keras -o o.tflite",
        "damaged.keras",
    ),
    _TFLITE(
        "a model that unpacks to 3 GB", "bomb.keras -o o.tflite", "3,000 MB"
    ),
    _TFLITE("an output in another format", "model.keras -o o.onnx", "o.onnx"),
    _TFLITE("a missing output folder", "model.keras -o no/o.tflite", "no/"),
    _TFLITE(
        "a misspelt quantization",
        "model.keras -o o.tflite --quantize int9",
        "int9",
    ),
    _TFLITE(
        "no calibration data", "model.keras -o o.tflite --quantize int8", "int8"
    ),
    _TFLITE(
        "truncated calibration data",
        "model.keras -o o.tflite --quantize int8 --calibration cut.npz",
        "cut.npz",
    ),
    _TFLITE(
        "calibration data that unpacks to 3 GB",
        "model.keras -o o.tflite --quantize int8 --calibration bomb.npz",
        "3,000 MB",
    ),
    _TFLITE("a truncated model", "explain cut.keras", "cut.keras"),
    _TFLITE("a layer of negative width", "explain negative.keras", "units=-3"),
    _TFLITE("weights of another shape", "explain shapes.keras", "(3, 3)"),
    _TFLITE("a model that unpacks to 3 GB", "explain bomb.keras", "3,000 MB"),
    _TFLITE(
        "an unknown target",
        "explain model.keras --target phone",
        "phone",
    ),
    _BENCHMARK("a missing file", "no.tflite", "no.tflite"),
    _BENCHMARK("a file in another format", "text.tflite", "text.tflite"),
    _BENCHMARK("a truncated file", "cut.tflite", "cut.tflite"),
    _BENCHMARK("threads in words", "cut.tflite --threads two", "two"),
)


def make_files(folder):
    """Writes all files that the cases name into a folder."""
    for name, text in _CONTENTS.items():
        (folder / name).write_text(text)
    (folder / "latin.json").write_bytes('{"model": "é"}'.encode("latin-1"))
    for name in ("r.json", "folder.keras"):
        (folder / name).mkdir()
    for name in ("r.toml", "data.csv", "text.keras", "text.tflite"):
        (folder / name).write_text("hello")
    for name in ("empty.keras", "model.h5"):
        (folder / name).write_bytes(b"")
    _make_models(folder)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 16)).astype("float32")
    y = rng.integers(0, 4, 40)
    np.savez(folder / "data.npz", x=x, y=y)
    np.savez(folder / "objects.npz", x=np.array([{}] * 40), y=y)
    np.savez(folder / "unlabelled.npz", x=x)
    np.savez(folder / "uneven.npz", x=x, y=y[:-1])
    np.savez(folder / "other.npz", x=x[:, :5], y=y)
    np.savez(folder / "nan.npz", x=np.full_like(x, np.nan), y=y)
    _cut(folder / "data.npz", folder / "cut.npz")
    _copy_zip(folder / "data.npz", folder / "bomb.npz", declared=3_000_000_000)
    np.savez(folder / "zip.npz", x=x)
    (folder / "zip.npz").rename(folder / "zip.keras")
    # The head of a TFLite file, and nothing that it points to.
    (folder / "cut.tflite").write_bytes(b"\x1c\0\0\0TFL3" + b"\1" * 40)


def _make_models(folder):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(4, activation="softmax", name="out"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.optimizer.build(model.trainable_variables)
    model.save(folder / "model.keras")
    _cut(folder / "model.keras", folder / "cut.keras")
    _spoil_model(folder)
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "damaged.keras").write_bytes(content)
    model.add(layers.Lambda(lambda x: x))
    model.save(folder / "lambda.keras")


def _spoil_model(folder):
    """Writes variants of the model that Keras would not have saved."""
    model = folder / "model.keras"
    with zipfile.ZipFile(model) as file:
        config = file.read("config.json").decode()
        weights = io.BytesIO(file.read("model.weights.h5"))
    for name, width in (("negative", "-3"), ("huge", str(10**15))):
        spoilt = config.replace('"units": 4', f'"units": {width}')
        _copy_zip(
            model, folder / f"{name}.keras", **{"config.json": spoilt.encode()}
        )
    with h5py.File(weights, "a") as file:
        bias = file["layers/dense_1/vars"]
        del bias["1"]
        bias["1"] = np.zeros((3, 3), "float32")
    _copy_zip(
        model,
        folder / "shapes.keras",
        **{"model.weights.h5": weights.getvalue()},
    )
    _copy_zip(model, folder / "bomb.keras", declared=3_000_000_000)


def _copy_zip(path, out, declared=None, **contents):
    """Copies an archive, with other contents or another declared size."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, contents.get(name) or source.read(name))
        if declared:
            target.infolist()[-1].file_size = declared


def _cut(path, out):
    content = path.read_bytes()
    out.write_bytes(content[: len(content) // 2])


def run(case):
    """Runs a case in the present folder.

    Returns:
        The exit code, and what was written to standard error.
    """
    told = io.StringIO()
    with (
        contextlib.redirect_stderr(told),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        code = _main_of(case.tool)(case.command.split())
    return code, told.getvalue()


def _main_of(tool):
    if tool == "keras_slr":
        from keras_slr.commands.cli import main
    elif tool == "tflite_export":
        from tflite_export.__main__ import main
    else:
        from tflite_export.benchmark.__main__ import main
    return main


def messages():
    """Yields every case with its exit code and message."""
    with tempfile.TemporaryDirectory() as folder:
        make_files(pathlib.Path(folder))
        with contextlib.chdir(folder):
            for case in CASES:
                yield case, *run(case)


def page(found):
    """Returns the page of all that `messages` yields."""

    def cell(text):
        return " ".join(text.split()).replace("|", "\\|")

    rows = [
        f"| {cell(case.given)} | `{case.tool} {cell(case.command)}` | "
        f"{cell(told.removeprefix('keras-slr: error: '))} |"
        for case, _, told in found
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(messages()))
