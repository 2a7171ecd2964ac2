"""The command line: `keras-slr` or `python -m keras_slr`."""

import argparse
import json
import sys

import keras

from keras_slr.allocation import ALLOCATIONS
from keras_slr.allocation import check_rate
from keras_slr.callbacks import SLRCallback
from keras_slr.data import NAMES
from keras_slr.data import load
from keras_slr.default_compile import compile_classifier
from keras_slr.model_files import check_writable
from keras_slr.model_files import first_sentence
from keras_slr.model_files import load_model
from keras_slr.model_files import save_model
from keras_slr.plan import Plan
from keras_slr.report import report
from keras_slr.report import summary_diff
from keras_slr.shrink import shrink as shrink_model
from keras_slr.shrink import shrink_report
from keras_slr.structures import from_text
from keras_slr.targets import ALIASES
from keras_slr.targets import TARGETS
from keras_slr.version import __version__

USER_ERROR = 2
INTERRUPTED = 130
# Share of the training data that `--monitor` holds out.
_VALIDATION = 0.1


def main(argv=None):
    """Runs a command.

    Args:
        argv: List of strings. Defaults to `None`, those of the process.

    Returns:
        Integer, the exit code: 0, or 2 after an error of the user's, told in
        one sentence on standard error.
    """
    try:
        args = _parser().parse_args(argv)
        args.command(args)
    except SystemExit as exit:  # Of `--help` and `--version`.
        return exit.code or 0
    except KeyboardInterrupt:
        print("keras-slr: interrupted, nothing written", file=sys.stderr)
        return INTERRUPTED
    except (ImportError, OSError, ValueError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"keras-slr: error: {text}", file=sys.stderr)
        return USER_ERROR
    return 0


def prune(args):
    """Prunes a saved model while it trains on, and saves it."""
    _check_numbers(args)
    check_writable(args.out)
    model = load_model(args.model)
    data = load(args.data, args.data_dir)
    _prepare(model, data, args)
    _print_metrics("before", _evaluate(model, data, args.batch_size))
    keras.utils.set_random_seed(args.seed)
    callback = SLRCallback(monitor_hard_pruned=args.monitor, **_plan(args))
    model.fit(
        data.x_train,
        data.y_train,
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation_split=_VALIDATION if args.monitor else 0.0,
        callbacks=[callback],
        verbose=2,
    )
    _print_metrics("after", _evaluate(model, data, args.batch_size))
    print(callback.report())
    save_model(model, args.out)
    print(f"wrote {args.out}")


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
    from keras_slr.demo import run

    run(
        args.dataset,
        data_dir=args.data_dir,
        rate=args.rate,
        out=args.out,
        epochs=args.epochs,
        seed=args.seed,
    )


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments as every other error of the user's."""

    def error(self, message):
        raise ValueError(f"{message}; see `{self.prog} --help`.")


def _parser():
    parser = _Parser(
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
    add = _command(commands, "prune", prune)
    add("model", metavar="MODEL.keras", help="trained model")
    add(
        "--data",
        required=True,
        help=f"{', '.join(NAMES)}, or an .npz file with x_train, y_train, "
        "x_test, y_test",
    )
    add("--out", required=True, metavar="PRUNED.keras", help="file to write")
    _add_rate(add, None)
    add(
        "--structure",
        type=_structure,
        help="what is zero together: 'filter', '2:4', '4x1', 'kernel', "
        "'pattern', 'column', 'channel', 'heads'",
    )
    add(
        "--target",
        choices=(*TARGETS, *ALIASES),
        help="what the model is to run on, in the place of a structure",
    )
    add(
        "--allocation",
        choices=ALLOCATIONS,
        help="how the rate is shared out over layers",
    )
    add("--epochs", type=int, default=10)
    add("--batch-size", type=int, default=128)
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
        help="hold out a tenth of the training data and follow the "
        "hard-pruned model on it",
    )
    add("--seed", type=int, default=0)


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
    add("--dataset", default="digits", choices=NAMES)
    add("--data-dir", help="folder with local copies of the data")
    _add_rate(add, 0.9)
    add("--out", default="demo_output", help="folder to write to")
    add("--epochs", type=int, help="of training, and again of pruning")
    add("--seed", type=int, default=0)


def _command(commands, name, function):
    parser = commands.add_parser(
        name,
        help=function.__doc__,
        description=function.__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(command=function)
    return parser.add_argument


def _add_rate(add, default):
    add(
        "--rate",
        type=float,
        default=default,
        help="share of the entries to set to zero, 0.9 unless a structure "
        "fixes it",
    )


def _structure(text):
    try:
        return from_text(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _plan(args):
    """Returns the arguments of `Plan` as they were given."""
    names = ("rate", "include", "exclude", "structure", "allocation", "target")
    return {name: getattr(args, name) for name in names}


def _check_numbers(args):
    """Raises before anything is loaded if a number is out of range."""
    if args.rate is not None:
        check_rate(args.rate)
    for name in ("epochs", "batch_size"):
        value = getattr(args, name)
        if value < 1:
            option = name.replace("_", "-")
            raise ValueError(
                f"Expected `--{option}` to be 1 or more. Received: {value}."
            )
    if args.learning_rate is not None and not 0 < args.learning_rate < 1e6:
        raise ValueError(
            "Expected `--learning-rate` to be a positive number. Received: "
            f"{args.learning_rate}."
        )


def _prepare(model, data, args):
    """Makes a loaded model ready to train; says early what will not work."""
    Plan(**_plan(args)).constraints(model)
    if not model.compiled:
        compile_classifier(model, data.y_train, args.learning_rate)
    elif args.learning_rate is not None:
        _set_learning_rate(model, args.learning_rate)


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
    # Data of the wrong shape raises what the backend pleases.
    except Exception as error:
        raise ValueError(
            f"Expected data that `{model.name}` can be evaluated on. Received "
            f"inputs of shape {data.x_test.shape} and labels of shape "
            f"{data.y_test.shape}: {first_sentence(error)}"
        ) from error


def _print_metrics(when, metrics):
    # Accuracy first, which is what pruning is judged by.
    names = sorted(metrics, key=lambda name: ("acc" not in name, name))
    figures = ", ".join(f"{name} {metrics[name]:.4f}" for name in names)
    print(f"{when}: {figures}", flush=True)
