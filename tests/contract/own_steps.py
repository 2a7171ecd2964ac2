"""Models with a `train_step` of their own, as each backend wants it.

They report their loss under another name than Keras's own step does.
"""

import keras


class OwnStep(keras.Model):
    """Mean squared error with a step written out by hand."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = 0

    def _loss(self, y, prediction):
        return keras.ops.mean(keras.ops.square(y - prediction))


if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    def train_step(self, data):
        self.steps += 1
        x, y = data
        with tf.GradientTape() as tape:
            loss = self._loss(y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"total": loss}

elif keras.config.backend() == "jax":
    import jax

    def train_step(self, state, data):
        self.steps += 1
        trainable, others, optimizer, metrics = state
        x, y = data

        def loss_of(trainable, others):
            prediction, others = self.stateless_call(
                trainable, others, x, training=True
            )
            return self._loss(y, prediction), others

        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            trainable, others
        )
        trainable, optimizer = self.optimizer.stateless_apply(
            optimizer, gradients, trainable
        )
        return {"total": loss}, (trainable, others, optimizer, metrics)

else:
    import torch

    def train_step(self, data):
        self.steps += 1
        x, y = data
        self.zero_grad()
        loss = self._loss(y, self(x, training=True))
        loss.backward()
        variables = list(self.trainable_weights)
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in variables], variables)
        return {"total": loss}


OwnStep.train_step = train_step
