"""Recurrent models of every kind, by name, as functions that make them."""

import keras
from keras import layers


def _model(*stack, shape=(6, 5), **kwargs):
    return keras.Sequential([keras.Input(shape, **kwargs), *stack])


def _functional(batch_shape, layer):
    x = keras.Input(batch_shape=batch_shape)
    return keras.Model(x, layer(x))


MODELS = {
    "LSTM": lambda: _model(layers.LSTM(7), layers.Dense(3)),
    "GRU": lambda: _model(layers.GRU(7, return_sequences=True)),
    "GRU, reset before": lambda: _model(layers.GRU(7, reset_after=False)),
    "SimpleRNN": lambda: _model(layers.SimpleRNN(7)),
    "Bidirectional": lambda: _model(
        layers.Bidirectional(layers.LSTM(7, return_sequences=True))
    ),
    "backwards": lambda: _model(layers.LSTM(7, go_backwards=True)),
    "ConvLSTM1D": lambda: _model(layers.ConvLSTM1D(4, 3), shape=(4, 8, 2)),
    "ConvLSTM2D": lambda: _model(layers.ConvLSTM2D(4, 3), shape=(3, 6, 6, 2)),
    "cells": lambda: _model(
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(5)])
    ),
    "stacked cells": lambda: _model(
        layers.RNN(
            layers.StackedRNNCells([layers.LSTMCell(4), layers.LSTMCell(5)]),
            return_sequences=True,
        )
    ),
    "TimeDistributed": lambda: _model(
        layers.TimeDistributed(layers.Conv1D(3, 2)),
        layers.TimeDistributed(layers.Flatten()),
        layers.LSTM(4),
        shape=(4, 6, 2),
    ),
    "Masking": lambda: _model(layers.Masking(), layers.LSTM(7)),
    "masked embedding": lambda: _model(
        layers.Embedding(10, 4, mask_zero=True),
        layers.LSTM(7),
        shape=(6,),
        dtype="int32",
    ),
    "after Conv1D": lambda: _model(layers.Conv1D(4, 2), layers.LSTM(7)),
    "unrolled": lambda: _model(layers.LSTM(7, unroll=True)),
    "stateful": lambda: _functional((1, 6, 5), layers.LSTM(7, stateful=True)),
    "stateful batch": lambda: _functional(
        (4, 6, 5), layers.GRU(7, stateful=True)
    ),
    "fixed batch": lambda: _functional((4, 6, 5), layers.LSTM(7)),
}
