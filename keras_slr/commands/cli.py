"""The command line: `keras-slr` or `python -m keras_slr`."""

import argparse
import dataclasses
import json

import keras

from keras_slr.allocation import ALLOCATIONS
from keras_slr.allocation import check_rate
from keras_slr.commands import recipe as recipes
from keras_slr.commands.calibration import load_inputs
from keras_slr.commands.default_compile import compile_classifier
from keras_slr.commands.extensions import load_extensions
from keras_slr.commands.recipe_fields import LAYERWISE
from keras_slr.data import NAMES
from keras_slr.data import load
from keras_slr.files.load_error import first_sentence
from keras_slr.files.model_files import check_writable
from keras_slr.files.model_files import load_model
from keras_slr.files.model_files import save_model
from keras_slr.grids import GRIDS
from keras_slr.layerwise.prune_layerwise import prune_layerwise
from keras_slr.planning.plan import Plan
from keras_slr.planning.targets import ALIASES
from keras_slr.planning.targets import TARGETS
from keras_slr.reports import report
from keras_slr.reports import summary_diff
from keras_slr.scores.registry import SCORES
from keras_slr.shrinking import shrink as shrink_model
from keras_slr.shrinking import shrink_report
from keras_slr.solvers import SOLVERS
from keras_slr.structures import STRUCTURES
from keras_slr.version import __version__
from keras_slr_base.command_line import Parser
from keras_slr_base.command_line import run

_RATE_HELP = (
    "share of the entries to set to zero; 0.9 unless a structure fixes it, "
    "0 with a constraint"
)
# Share of the training data that `--monitor` holds out.
_VALIDATION = 0.1


def main(argv=None):
    """Runs a command.

    Args:
        argv: List of strings. Defaults to `None`, those of the process.

    Returns:
        Integer, the exit code: 0, or 2 for invalid input, with one sentence
        on standard error that says why.
    """

    def work():
        load_extensions()
        args = _parser().parse_args(argv)
        args.command(args)

    return run(work, prefix="keras-slr: ")


def prune(args):
    """Prunes a saved model, while it trains on or without, and saves it."""
    names = [field.name for field in dataclasses.fields(recipes.Recipe)]
    given = {name: value for name, value in vars(args).items() if name in names}
    recipe = recipes.load(getattr(args, "recipe", None), given)
    for name, form in (
        ("model", "MODEL.keras"),
        ("data", "--data DATA` or `--calibration DATA"),
        ("out", "--out PRUNED.keras"),
    ):
        without_data = name == "data" and recipe.calibration is not None
        if getattr(recipe, name) is None and not without_data:
            raise ValueError(
                f"Expected `{form}`, or `{name}` in a recipe. Received "
                "neither; see `keras-slr prune --help`."
            )
    check_writable(recipe.out)
    model = load_model(recipe.model)
    # Beside `calibration`, only to evaluate.
    data = None
    if recipe.data is not None:
        data = load(recipe.data, recipe.data_dir)
    _prepare(model, data, recipe)
    _print_metrics("before", model, data, recipe)
    if recipe.calibration is None:
        report = _prune_while_training(model, data, recipe)
    else:
        report = _prune_without_training(model, recipe)
    _print_metrics("after", model, data, recipe)
    print(report)
    save_model(model, recipe.out)
    print(f"wrote {recipe.out}")


def _prune_while_training(model, data, recipe):
    keras.utils.set_random_seed(recipe.seed)
    callback = recipe.callback(data)
    model.fit(
        data.x_train,
        data.y_train,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        validation_split=_VALIDATION if recipe.monitor else 0.0,
        callbacks=[callback],
        verbose=2,
    )
    return callback.report()


def _prune_without_training(model, recipe):
    inputs = load_inputs(
        model, recipe.calibration, recipe.data_dir, recipe.samples
    )
    return prune_layerwise(
        model,
        inputs,
        method=recipe.method,
        batch_size=recipe.batch_size,
        **recipe.plan(),
    )


def shrink(args):
    """Cuts what is zero out of a pruned model, and saves the smaller one."""
    check_writable(args.out)
    model = load_model(args.model)
    small = shrink_model(model)
    print(shrink_report(model))
    print(summary_diff(model, small))
    save_model(small, args.out)
    print(f"wrote {args.out}")


def inspect(args):
    """Prints what is pruned in a saved model, and what could be."""
    if args.rate is not None:
        check_rate(args.rate)
    described = report(load_model(args.model), args.rate)
    if not args.json:
        print(described)
        return
    figures = {
        "sparsity": described.sparsity,
        "total_sparsity": described.total_sparsity,
        "weights": described.to_dicts(),
    }
    print(json.dumps(figures, indent=2))


def demo(args):
    """Trains and prunes a small model."""
    from keras_slr.commands.demo import run

    run(
        args.dataset,
        data_dir=args.data_dir,
        rate=args.rate,
        out=args.out,
        epochs=args.epochs,
        seed=args.seed,
    )


def _parser():
    parser = Parser(
        prog="keras-slr",
        description="Prune Keras models by Surrogate Lagrangian Relaxation.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_prune(commands)
    _add_shrink(commands)
    _add_inspect(commands)
    _add_demo(commands)
    return parser


def _add_prune(commands):
    add = _command(commands, "prune", prune, argument_default=argparse.SUPPRESS)
    add("model", metavar="MODEL.keras", nargs="?", help="trained model")
    add(
        "--recipe",
        metavar="FILE",
        help="YAML or JSON file with any of these options; those given here "
        "come before those in it",
    )
    add(
        "--data",
        help=f"{', '.join(NAMES)}, or an .npz file with x_train, y_train, "
        "x_test, y_test",
    )
    add(
        "--calibration",
        metavar="DATA",
        help="prune without training, on these inputs: "
        f"{', '.join(NAMES)}, or an .npy or .npz file; --data is then only "
        "to evaluate the model",
    )
    add(
        "--samples",
        type=int,
        help="the most samples to calibrate on; 512 unless given",
    )
    add("--out", metavar="PRUNED.keras", help="file to write")
    add("--rate", type=float, help=_RATE_HELP)
    add(
        "--structure",
        help="which entries become zero together: '2:4', '4x1', "
        + ", ".join(f"'{name}'" for name in STRUCTURES),
    )
    add(
        "--constraint",
        metavar="GRID",
        help="values that the kept entries may have: '4bits', "
        + ", ".join(f"'{name}'" for name in GRIDS),
    )
    add(
        "--target",
        help="what the model will run on, instead of a structure: "
        f"{', '.join((*TARGETS, *ALIASES))}",
    )
    add(
        "--allocation",
        help="how the rate is distributed over layers: "
        f"{', '.join(ALLOCATIONS)}",
    )
    add(
        "--method",
        help=f"{', '.join(SOLVERS)}; with --calibration "
        f"{', '.join(LAYERWISE)}; slr unless given",
    )
    add(
        "--score",
        help="score to choose weights by, instead of their magnitude: "
        f"{', '.join(SCORES)}",
    )
    add(
        "--teacher",
        metavar="MODEL.keras",
        help="trained model whose outputs replace the labels; 'dense' for "
        "the model as it is before pruning",
    )
    add("--epochs", type=int, help="10 unless given")
    add(
        "--finetune-epochs",
        type=int,
        help="the last epochs, with the zeros held; 0 unless given",
    )
    add("--batch-size", type=int, help="128 unless given")
    add(
        "--learning-rate",
        type=float,
        help="in place of the one the model was saved with",
    )
    for name, text in (
        ("--include", "weights to prune: names, 're:...' or 'class:...'"),
        ("--exclude", "weights to leave alone, in the same way"),
    ):
        add(name, nargs="+", action="extend", metavar="NAME", help=text)
    add("--data-dir", help="folder with local copies of the data")
    add(
        "--monitor",
        action="store_true",
        default=argparse.SUPPRESS,
        help="hold out a tenth of the training data and follow the "
        "hard-pruned model on it",
    )
    add("--seed", type=int, help="0 unless given")


def _add_shrink(commands):
    add = _command(commands, "shrink", shrink)
    add("model", metavar="PRUNED.keras")
    add("--out", required=True, metavar="SMALL.keras", help="file to write")


def _add_inspect(commands):
    add = _command(commands, "inspect", inspect)
    add("model", metavar="MODEL.keras")
    add("--rate", type=float, help="rate to show beside the zeros")
    add("--json", action="store_true", help="print JSON")


def _add_demo(commands):
    add = _command(commands, "demo", demo)
    add(
        *("--data", "--dataset"),
        dest="dataset",
        default="digits",
        type=lambda name: name.replace("-", "_"),
        choices=NAMES,
    )
    add("--data-dir", help="folder with local copies of the data")
    add("--rate", type=float, default=0.9, help=_RATE_HELP)
    add("--out", default="demo_output", help="folder to write to")
    add("--epochs", type=int, help="of training, and again of pruning")
    add("--seed", type=int, default=0)


def _command(commands, name, function, **more):
    parser = commands.add_parser(
        name,
        help=function.__doc__,
        description=function.__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        **more,
    )
    parser.set_defaults(command=function)
    return parser.add_argument


def _prepare(model, data, recipe):
    """Makes a loaded model ready to train, or fails early."""
    Plan(**recipe.plan()).constraints(model)
    if data is None:
        return
    if not model.compiled:
        compile_classifier(model, data.y_train, recipe.learning_rate)
    elif recipe.learning_rate is not None:
        _set_learning_rate(model, recipe.learning_rate)


def _set_learning_rate(model, learning_rate):
    try:
        model.optimizer.learning_rate = learning_rate
    except TypeError as error:
        raise ValueError(
            "Expected a model saved with a fixed learning rate. Received one "
            "with a schedule: leave out `--learning-rate`."
        ) from error


def _evaluate(model, data, batch_size):
    try:
        return model.evaluate(
            data.x_test,
            data.y_test,
            batch_size=batch_size,
            verbose=0,
            return_dict=True,
        )
    # What data of the wrong shape raises depends on the backend.
    except Exception as error:
        raise ValueError(
            f"Expected data that `{model.name}` can be evaluated on. Received "
            f"inputs of shape {data.x_test.shape} and labels of shape "
            f"{data.y_test.shape}: {first_sentence(error)}"
        ) from error


def _print_metrics(when, model, data, recipe):
    if data is None:
        return
    metrics = _evaluate(model, data, recipe.batch_size)
    # Accuracy first, which is what pruning is judged by.
    names = sorted(metrics, key=lambda name: ("acc" not in name, name))
    figures = ", ".join(f"{name} {metrics[name]:.4f}" for name in names)
    print(f"{when}: {figures}", flush=True)
