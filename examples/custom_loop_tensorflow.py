"""Prunes a model in a training loop written for TensorFlow.

Run it with `python examples/custom_loop_tensorflow.py`.
"""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# First, to name the extra if the backend is missing.
import keras_slr  # isort: skip
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_slr.data import load

RATE = 0.9
BATCH_SIZE = 32


def make_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    # The pruner needs a compiled optimizer. The loop computes the loss.
    model.compile("adam")
    return model


def batches(x, y, rng):
    """Yields one epoch of shuffled batches, all of the same size."""
    order = rng.permutation(len(x))
    for start in range(0, len(x) - BATCH_SIZE + 1, BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        yield x[rows], y[rows]


def train(model, data, epochs, pruner=None):
    """Trains with a gradient tape in a `tf.function`."""
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    variables = model.trainable_variables
    if not model.optimizer.built:
        model.optimizer.build(variables)

    # Each call of `train` traces the step again, so that the trace after
    # `pruner.begin` includes the penalty.
    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    rng = np.random.default_rng(0)
    for _ in range(epochs):
        for x, y in batches(data.x_train, data.y_train, rng):
            loss = step(tf.constant(x), tf.constant(y))
            if pruner is not None:
                pruner.step(loss)


def accuracy(model, data):
    classes = model.predict(data.x_test, verbose=0).argmax(axis=-1)
    return float(np.mean(classes == data.y_test))


def nonzero(model):
    return sum(int(np.count_nonzero(w)) for w in model.get_weights())


def main(argv=None):
    parser = argparse.ArgumentParser(description="Prune in a custom loop.")
    parser.add_argument("--tiny", action="store_true", help="a short run")
    args = parser.parse_args(argv)
    epochs = 5 if args.tiny else 30

    keras.utils.set_random_seed(0)
    data = load("digits")
    model = make_model()
    train(model, data, epochs)
    dense = accuracy(model, data)

    pruner = keras_slr.SLRPruner(rate=RATE)
    pruner.begin(model, total_steps=epochs * (len(data.x_train) // BATCH_SIZE))
    train(model, data, epochs, pruner)
    report = pruner.finalize()
    pruned = accuracy(model, data)

    print(report)
    print(f"test accuracy: dense {dense:.2%}, pruned {pruned:.2%}")
    return {"dense": dense, "pruned": pruned, "nonzero": nonzero(model)}


if __name__ == "__main__":
    main()
