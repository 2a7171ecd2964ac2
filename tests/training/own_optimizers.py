"""A model whose `train_step` has its own optimizers."""

import keras

BACKEND = keras.config.backend()


def net():
    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(16, activation="relu", name="middle"),
            keras.layers.Dense(4, name="out"),
        ]
    )


class OwnOptimizers(keras.Model):
    """Mean squared error, each layer by one of several optimizers.

    Args:
        net: Keras model.
        optimizers: Dict of optimizers by the names of the layers they train;
            layers of no optimizer are trained by that of `compile`.
        spare: Keras model that is not trained. Defaults to `None`.
    """

    def __init__(self, net, optimizers, spare=None):
        super().__init__()
        self.net = net
        self.spare = spare
        self.parts = [
            (optimizer, self.variables_of(names.split()))
            for names, optimizer in optimizers.items()
        ]
        own = {id(v) for _, variables in self.parts for v in variables}
        rest = [v for v in net.trainable_variables if id(v) not in own]
        if rest:
            self.parts.append((None, rest))
        for optimizer, variables in self.parts:
            if isinstance(optimizer, keras.optimizers.Optimizer):
                optimizer.build(variables)
        # State of the model, so that a step on JAX gets it.
        self.state = [
            v
            for optimizer, _ in self.parts
            for v in getattr(optimizer, "variables", [])
        ]
        self.build((None, 20))

    def variables_of(self, names):
        return [
            v
            for name in names
            for v in self.net.get_layer(name).trainable_variables
        ]

    def call(self, x, training=False):
        return self.net(x, training=training)

    def build(self, shape):
        self.built = True

    def compile(self, optimizer="adam", **kwargs):
        super().compile(optimizer, loss="mse", **kwargs)
        rest = [variables for each, variables in self.parts if each is None]
        if rest:
            self.optimizer.build(rest[0])


if BACKEND == "tensorflow":
    import tensorflow as tf

    def train_step(self, data):
        x, y = data[:2]
        with tf.GradientTape(persistent=True) as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        for optimizer, variables in self.parts:
            optimizer = optimizer or self.optimizer
            optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss}

elif BACKEND == "jax":
    import jax

    def train_step(self, state, data):
        trainable, others, compiled, metrics = state
        x, y = data[:2]

        def loss_of(trainable, others):
            prediction, others = self.stateless_call(
                trainable, others, x, training=True
            )
            return self.compute_loss(x, y, prediction), others

        (loss, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            trainable, others
        )
        trainable, others = list(trainable), list(others)
        index = {id(v): i for i, v in enumerate(self.trainable_variables)}
        place = {id(v): i for i, v in enumerate(self.non_trainable_variables)}
        for optimizer, variables in self.parts:
            where = [index[id(v)] for v in variables]
            # As they were before a run, in which they are more.
            own = [v for v in self.state if optimizer is not None]
            own = [v for v in own if any(v is w for w in optimizer.variables)]
            old = [others[place[id(v)]] for v in own]
            weights, new = (optimizer or self.optimizer).stateless_apply(
                old if optimizer else compiled,
                [gradients[i] for i in where],
                [trainable[i] for i in where],
            )
            for i, value in zip(where, weights):
                trainable[i] = value
            if optimizer is None:
                compiled = new
            for v, value in zip(own, new):
                others[place[id(v)]] = value
        return {"loss": loss}, (trainable, others, compiled, metrics)

else:
    import torch

    def train_step(self, data):
        x, y = data[:2]
        self.zero_grad()
        loss = self.compute_loss(x, y, self(x, training=True))
        loss.backward()
        for optimizer, variables in self.parts:
            if isinstance(optimizer, torch.optim.Optimizer):
                optimizer.step()
                continue
            with torch.no_grad():
                (optimizer or self.optimizer).apply(
                    [v.value.grad for v in variables], variables
                )
        return {"loss": loss}


OwnOptimizers.train_step = train_step
