"""LeNet-300-100 on MNIST without most of its neurons, and without training.

    KERAS_BACKEND=jax python -m benchmarks.neurons --data-dir DATA

For each seed: ten epochs of dense training, then, from those weights, each
way of `keras_slr.layerwise.units` to choose which neurons of both hidden
layers stay. `least squares` makes up for the others in the kernels that read
them, from 512 training images, first layer first, towards the outputs of the
dense net. `accuracy` is before any training, `trained` after three epochs of
the smaller net. Accuracies are on the test data, which nothing was chosen by.
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
from keras import layers

from benchmarks import models
from benchmarks.lenet import BATCH
from benchmarks.lenet import compiled
from keras_slr import data
from keras_slr.layerwise import units

DAMPING = 0.01


def incoming(kernel, bias):
    """Returns a row for each neuron, with its bias in the last column."""
    return np.column_stack([kernel.T, bias])


def by_coreset(kernel, bias, reader, keep, seed):
    kept, factors = units.coreset(
        incoming(kernel, bias), reader, keep, seed=seed
    )
    return kept, factors[:, None] * reader[kept]


def by_norm(kernel, bias, reader, keep, seed):
    kept = units.largest(incoming(kernel, bias), keep)
    return kept, reader[kept]


def at_random(kernel, bias, reader, keep, seed):
    kept = units.uniform(len(bias), keep, seed)
    return kept, reader[kept]


CHOICES = {"coreset": by_coreset, "largest": by_norm, "uniform": at_random}


def without_data(net, rate, choose, seed):
    """Returns a net with fewer neurons, chosen from the top layer down."""
    net = list(net)
    for i in reversed(range(len(net) - 1)):
        (kernel, bias), (reader, reader_bias) = net[i], net[i + 1]
        keep = len(bias) - round(rate * len(bias))
        kept, reader = choose(kernel, bias, reader, keep, seed)
        net[i] = kernel[:, kept], bias[kept]
        net[i + 1] = reader, reader_bias
    return net


def with_data(net, rate, choose, seed, x):
    """Returns a net with fewer neurons, the others made up for.

    Args:
        net: List of pairs of a kernel and a bias.
        rate: Float, the share of neurons to remove from hidden layers.
        choose: Value of `CHOICES`, or `None` for `units.greedy`.
        seed: Integer.
        x: Array of flat images.
    """
    small, dense = list(net), x
    for i in range(len(net) - 1):
        kernel, bias = small[i]
        keep = len(bias) - round(rate * len(bias))
        dense = hidden(dense, *net[i])
        consumer = consumer_of(hidden(x, kernel, bias), dense, *net[i + 1])
        if choose is None:
            kept, (reader,) = units.greedy([consumer], len(bias), keep)
        else:
            kept, _ = choose(kernel, bias, net[i + 1][0], keep, seed)
            reader = units.compensated(consumer, kept)
        small[i] = kernel[:, kept], bias[kept]
        small[i + 1] = reader[kept], reader[-1]
        x = hidden(x, *small[i])
    return small


def consumer_of(inputs, dense, kernel, bias):
    """Returns the kernel that reads neurons, with its bias as a last row.

    Args:
        inputs: Array of the smaller net's activations.
        dense: Array of the dense net's activations for the same images.
        kernel: Array, the kernel of the dense net.
        bias: Array, the bias of the dense net.
    """
    weights = np.vstack([kernel, bias])
    x, wanted = (np.column_stack([a, np.ones(len(a))]) for a in (inputs, dense))
    gram = x.T @ x / len(x)
    damping = DAMPING * np.trace(gram) / len(gram) * np.eye(len(gram))
    right = x.T @ (wanted @ weights) / len(x) + damping @ weights
    labels = np.append(np.arange(len(kernel)), -1)
    gram = gram + damping
    return units.Consumer(gram, np.linalg.solve(gram, right), labels)


def hidden(x, kernel, bias):
    return np.maximum(x @ kernel + bias, 0.0)


def accuracy(net, x, y):
    """Returns the accuracy of a net in percent."""
    *before, (kernel, bias) = net
    for layer in before:
        x = hidden(x, *layer)
    right = np.argmax(x @ kernel + bias, axis=1) == y
    return round(100 * float(np.mean(right)), 2)


def make(net):
    """Returns a Keras model with given kernels and biases."""
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten()])
    for i, weights in enumerate(net, 1):
        activation = "relu" if i < len(net) else None
        model.add(layers.Dense(weights[0].shape[1], activation))
        model.layers[-1].set_weights(weights)
    return model


def trained(model, images, seed, epochs):
    """Trains a model and returns its kernels and biases."""
    keras.utils.set_random_seed(seed)
    compiled(model).fit(
        images.x_train,
        images.y_train,
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    )
    return [
        tuple(w.astype("float64") for w in layer.get_weights())
        for layer in model.layers
        if layer.weights
    ]


def run(images, seed, rates, epochs, more_epochs, samples):
    """Returns the accuracies and the seconds of one seed."""
    keras.utils.set_random_seed(seed)
    net = trained(models.lenet_300_100(), images, seed, epochs)
    flat = images.x_test.reshape(len(images.x_test), -1).astype("float64")
    some = np.random.default_rng(seed).choice(
        len(images.x_train), samples, replace=False
    )
    x = images.x_train[some].reshape(samples, -1).astype("float64")
    result = {"seed": seed, "dense": accuracy(net, flat, images.y_test)}

    def timed(find, *args):
        start = time.perf_counter()
        small = find(net, *args)
        seconds = round(time.perf_counter() - start, 4)
        again = trained(make(small), images, seed, more_epochs)
        return {
            "accuracy": accuracy(small, flat, images.y_test),
            "trained": accuracy(again, flat, images.y_test),
            "seconds": seconds,
        }

    for rate in rates:
        found = result[str(rate)] = {}
        for name, choose in CHOICES.items():
            found[name] = timed(without_data, rate, choose, seed)
            found[f"{name}, least squares"] = timed(
                with_data, rate, choose, seed, x
            )
        found["greedy"] = timed(with_data, rate, None, seed, x)
    return result


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder with mnist/ in it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--more-epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.5, 0.9])
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    images = data.load("mnist", args.data_dir)
    runs = []
    for seed in range(args.seeds):
        runs.append(
            run(
                images,
                seed,
                args.rates,
                args.epochs,
                args.more_epochs,
                args.samples,
            )
        )
        print(json.dumps(runs[-1], indent=1), flush=True)
    path = pathlib.Path(args.out) / "neurons.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
