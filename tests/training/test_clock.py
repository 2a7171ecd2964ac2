"""The progress of a run, by steps and by learning rate."""

import math

import keras
import pytest

import keras_slr
from keras_slr import SLRPruner
from keras_slr.training.clock import Clock


def clock_of(rate, total=1000):
    clock = Clock(None)
    clock.learning_rate = rate
    clock.set_length(total)
    return clock


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.75, 1.0])
def test_share_of_a_cosine_decay(share):
    clock = clock_of(lambda step: 1 + math.cos(math.pi * step / 1000))
    clock.advance_to(round(1000 * share))
    # The integral of 1 + cos(pi t) up to t, over that up to one.
    expected = share + math.sin(math.pi * share) / math.pi
    assert clock.learned == pytest.approx(expected, abs=2e-3)
    assert clock.progress == share


def test_a_rate_that_falls_to_a_tenth_half_way():
    clock = clock_of(lambda step: 1.0 if step < 500 else 0.1)
    clock.advance_to(500)
    assert clock.learned == pytest.approx(1.0 / 1.1, abs=5e-3)


def test_without_a_known_rate_steps_count():
    clock = clock_of(None)
    assert clock.learned == 0.0
    clock.advance_to(300)
    assert clock.learned == clock.progress == 0.3
    silent = clock_of(lambda step: 0.0)
    silent.advance_to(300)
    assert silent.learned == pytest.approx(0.3)


def test_a_run_reads_the_schedule_of_its_optimizer(make_model):
    total = 40
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10 + total)
    model = make_model(keras.optimizers.SGD(schedule))
    model.optimizer.build(model.trainable_variables)
    # Ten steps of an earlier run.
    model.optimizer.iterations.assign(10)
    pruner = SLRPruner(0.5, update_every=1)
    pruner.begin(model, total_steps=total)
    pruner.clock.advance_to(20)
    model.optimizer.iterations.assign(30)

    def spent(step):
        share = step / (10 + total)
        return share + math.sin(math.pi * share) / math.pi

    expected = (spent(30) - spent(10)) / (spent(50) - spent(10))
    assert pruner.clock.learned == pytest.approx(expected, abs=5e-3)
    pruner.abandon()


class Settled(keras.callbacks.Callback):
    """Notes after every step whether the support has settled."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.seen = slr, []

    def on_train_batch_end(self, batch, logs=None):
        if self.slr.pruner.attached:
            self.seen.append(self.slr.pruner.run.state.settled)


@pytest.mark.parametrize(
    "rate, structure, share",
    [
        (0.01, None, 0.8),
        # A cosine has spent 0.8 of its sum at 0.484 of the steps.
        (keras.optimizers.schedules.CosineDecay(0.01, 120), None, 0.484),
        # Whole filters leave most of the learning for recovery.
        (0.01, keras_slr.Filter(), 0.2),
    ],
    ids=["entries", "entries, paced by a schedule", "filters"],
)
def test_the_support_settles_by_its_share_of_learning(
    make_model, data, rate, structure, share
):
    model = make_model(keras.optimizers.SGD(rate))
    callback = keras_slr.SLRCallback(0.5, structure=structure, update_every=1)
    settled = Settled(callback)
    model.fit(
        *data,
        batch_size=8,
        epochs=10,
        verbose=0,
        callbacks=[callback, settled],
    )
    assert settled.seen.index(True) == pytest.approx(120 * share, abs=2)
