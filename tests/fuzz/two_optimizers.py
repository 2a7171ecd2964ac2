"""A model whose `train_step` trains its two halves with two optimizers."""

import keras

from tests.training.own_optimizers import OwnOptimizers


@keras.saving.register_keras_serializable(package="fuzz")
class TwoOptimizers(keras.Model):
    """Trains a model around which it stands.

    Args:
        net: Keras model with trainable variables.
    """

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        variables = net.trainable_variables
        half = max(len(variables) // 2, 1)
        self.parts = [
            (keras.optimizers.Adam(1e-3), variables[:half]),
            (keras.optimizers.SGD(0.01, momentum=0.9), variables[half:]),
        ]
        for optimizer, part in self.parts:
            optimizer.build(part)
        # State of the model's, so that a step of JAX is given it.
        self.state = [v for o, _ in self.parts for v in o.variables]

    train_step = OwnOptimizers.train_step

    @property
    def own(self):
        """List of the two optimizers."""
        return [optimizer for optimizer, _ in self.parts]

    def call(self, x, training=None):
        return self.net(x, training=training)

    def get_config(self):
        net = keras.saving.serialize_keras_object(self.net)
        return super().get_config() | {"net": net}

    @classmethod
    def from_config(cls, config):
        net = keras.saving.deserialize_keras_object(config.pop("net"))
        return cls(net, **config)
