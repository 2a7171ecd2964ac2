"""LeNet-300-100 on MNIST: hard-pruned accuracy without retraining.

    KERAS_BACKEND=jax python -m benchmarks.lenet --data-dir DATA

For each seed: ten epochs of dense training, then, from those weights and for
each rate, ten epochs with `SLRCallback(rate, allocation="erk")`, Adam at its
default learning rate throughout. Accuracies are on the test data, which
nothing was chosen by. `--solver` runs another form of the solver.
`--fixed-order` draws the initial weights by NumPy and never shuffles, so that
all backends start from the same weights and see the same batches.
"""

import argparse
import json
import pathlib
import statistics
import time

import keras
import numpy as np

import keras_slr
from benchmarks import models
from keras_slr import SLR
from keras_slr import data

BATCH = 128
RATES = (0.9, 0.95, 0.98)
ALLOCATION = "erk"
SOLVERS = {
    "default": {},
    # The penalty in the gradient.
    "coupled": {"solver": SLR.coupled()},
    # That, and kept entries held at the Z of the last update.
    "held": {"solver": SLR.coupled(free_support=False)},
    # The papers' constants, with as many updates as by default.
    "paper": {"solver": SLR.paper()},
}


def compiled(model):
    model.compile(
        keras.optimizers.Adam(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def accuracy(model, images):
    _, share = model.evaluate(
        images.x_test, images.y_test, batch_size=1000, verbose=0
    )
    return 100 * share


def set_numpy_weights(model, seed):
    """Sets Glorot-uniform kernels that are the same on every backend."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if layer.weights:
            rows, columns = layer.kernel.shape
            limit = np.sqrt(6 / (rows + columns))
            layer.kernel.assign(rng.uniform(-limit, limit, (rows, columns)))


def run(images, seed, rates, epochs, solver, fixed_order):
    """Returns the accuracies of one seed in percent."""
    keras.utils.set_random_seed(seed)
    model = compiled(models.lenet_300_100())
    if fixed_order:
        set_numpy_weights(model, seed)

    def fit(callbacks=()):
        return model.fit(
            images.x_train,
            images.y_train,
            batch_size=BATCH,
            epochs=epochs,
            shuffle=not fixed_order,
            verbose=0,
            callbacks=list(callbacks),
        )

    fit()
    result = {"seed": seed, "dense": accuracy(model, images)}
    dense = model.get_weights()
    for rate in rates:
        model.set_weights(dense)
        keras_slr.hard_prune(model, rate, allocation=ALLOCATION)
        one_shot = accuracy(model, images)
        model.set_weights(dense)
        keras.utils.set_random_seed(1000 + seed)
        compiled(model)
        callback = keras_slr.SLRCallback(
            rate, allocation=ALLOCATION, **SOLVERS[solver]
        )
        start = time.perf_counter()
        history = fit([callback]).history
        report = callback.report()
        result[str(rate)] = {
            "slr": accuracy(model, images),
            "one_shot": one_shot,
            "zeros": sum(row.zeros for row in report.pruned),
            "entries": sum(row.size for row in report.pruned),
            "residual": history["slr_residual"][-1],
            "seconds": time.perf_counter() - start,
        }
    return result


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder with mnist/ in it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--solver", choices=SOLVERS, default="default")
    parser.add_argument("--fixed-order", action="store_true")
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    images = data.load("mnist", args.data_dir)
    backend = keras.config.backend()
    runs = []
    for seed in range(args.seeds):
        runs.append(
            run(
                images,
                seed,
                args.rates,
                args.epochs,
                args.solver,
                args.fixed_order,
            )
        )
        print(backend, json.dumps(runs[-1]), flush=True)
    print(f"{backend} dense {statistics.mean(r['dense'] for r in runs):.2f}")
    for rate in args.rates:
        slr = [r[str(rate)]["slr"] for r in runs]
        one_shot = statistics.mean(r[str(rate)]["one_shot"] for r in runs)
        print(
            f"{backend} rate {rate}: SLR {statistics.mean(slr):.2f} "
            f"({min(slr):.2f} to {max(slr):.2f}), one-shot {one_shot:.2f}"
        )
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    suffix = "" if args.solver == "default" else f"_{args.solver}"
    suffix += "_fixed_order" if args.fixed_order else ""
    path = out / f"lenet_300_100_{backend}{suffix}.json"
    path.write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    main()
