"""Prunes a digit classifier with one line in `fit`.

Run it with `python examples/prune_digits.py`.
"""

import argparse

import keras
import numpy as np
from keras import layers

import keras_slr
from keras_slr.data import load

RATE = 0.9


def make_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def main(argv=None):
    parser = argparse.ArgumentParser(description="Prune a digit classifier.")
    parser.add_argument("--tiny", action="store_true", help="a short run")
    args = parser.parse_args(argv)
    epochs = 5 if args.tiny else 30

    keras.utils.set_random_seed(0)
    data = load("digits")
    model = make_model()
    model.fit(data.x_train, data.y_train, epochs=epochs, verbose=0)
    dense = accuracy(model, data)

    callback = keras_slr.SLRCallback(rate=RATE)
    model.fit(
        data.x_train,
        data.y_train,
        epochs=epochs,
        callbacks=[callback],
        verbose=0,
    )
    pruned = accuracy(model, data)

    print(callback.report())
    print(f"test accuracy: dense {dense:.2%}, pruned {pruned:.2%}")
    return {"dense": dense, "pruned": pruned, "nonzero": nonzero(model)}


def accuracy(model, data):
    logs = model.evaluate(data.x_test, data.y_test, verbose=0, return_dict=True)
    return float(logs["accuracy"])


def nonzero(model):
    return sum(int(np.count_nonzero(w)) for w in model.get_weights())


if __name__ == "__main__":
    main()
