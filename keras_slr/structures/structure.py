"""What every sparsity structure is to the rest."""

from keras_slr.record import Record


class Structure(Record):
    """Which entries of a kernel are zero together.

    A subclass is a frozen dataclass, registered with Keras. Weights come as
    `selection.Weight`, which knows its shape and the roles of its axes.

    Attributes:
        rate: Float, the share of zeros where the structure fixes it, `None`
            where it is asked for.
        least: Integer, the number of units that stay at any rate.
        freeze_at: Float in `(0, 1]`, the fraction of a run's learning after
            which it suits the structure that the units which stay no longer
            change: what costs more to make up for goes earlier.
        statistics: Pairs of a variable that is no weight and goes with the
            units, such as a moving mean, and how it does. `finish` sets it.
        metric: Float in `[0, 1]`, the power of the metric that suits the
            structure's projection, see `SLR`.
    """

    rate = None
    least = 1
    freeze_at = 0.8
    metric = 1 / 4
    statistics = ()

    def refusal(self, weight):
        """Returns why a weight cannot carry the structure, or `None`."""
        if weight.axes is None:
            return "roles of its axes not known"
        return None

    def couple(self, model, chosen, left):
        """Returns which weights are constrained together.

        Args:
            model: Keras model, built.
            chosen: List of `selection.Weight` that carry the structure.
            left: List of pairs of a weight that is not to be pruned and the
                reason.

        Returns:
            List of pairs of a structure and the list of weights that it is
            about, and list of pairs of a chosen weight and the `Refusal` to
            prune it.
        """
        del model, left
        return [(self, [weight]) for weight in chosen], []

    def units(self, *weights):
        """Returns the number of units of coupled weights."""
        raise NotImplementedError

    def scores(self, xp, values, *weights):
        """Returns the scores of all units as a vector.

        The projection keeps those of largest magnitude.

        Args:
            xp: `numpy` or `keras.ops`.
            values: List of float32 arrays of the weights' shapes.
            *weights: The coupled weights.
        """
        raise NotImplementedError

    def entries(self, xp, kept, *weights):
        """Returns masks of the weights' shapes.

        Args:
            xp: `numpy` or `keras.ops`.
            kept: Boolean vector, one entry per unit.
            *weights: The coupled weights.
        """
        raise NotImplementedError

    def removed(self, share, *weights):
        """Returns what a model can do without when units are zero.

        Args:
            share: Float, the share of the units that are zero.
            *weights: The coupled weights.

        Returns:
            List of triples of a Keras variable; a tuple of axes along which
            whole slices of it go, or `None` where single entries do; and a
            float, the share of the slices or entries that goes.
        """
        return [(weight.variable, None, share) for weight in weights]

    def finish(self, *weights):
        """Does what is left to do once the weights are pruned for good."""

    def rounded(self, rate, *weights):
        """Returns the rate to prune at where `rate` was asked for."""
        del weights
        return rate
