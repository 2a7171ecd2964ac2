"""The split for weights that have thresholds, see `latent_weights`."""

import dataclasses

from keras import ops

from keras_slr import backend
from keras_slr.solvers.pruning_function import agreement
from keras_slr.training import latent_weights
from keras_slr.training.pruned_weight import PrunedWeight
from keras_slr.training.pruned_weight import add_slots
from keras_slr.training.split import Split


@dataclasses.dataclass
class LatentWeight(PrunedWeight):
    """A weight for the form `Latent`.

    Attributes:
        t: Scalar Keras variable, float32, the threshold.
    """

    t: object = None


class LatentSplit(Split):
    """The split of a method with the form `Latent`, see `Split`."""

    @staticmethod
    def add_slots(optimizer, weight, rate):
        slot = add_slots(optimizer, weight, rate)
        name = f"{weight.variable.path.replace('/', '_')}_slr_t"
        t = optimizer.add_variable((), dtype="float32", name=name)
        return LatentWeight(**vars(slot), t=t)

    @property
    def variables(self):
        return super().variables + [slot.t for slot in self.slots]

    @property
    def latent(self):
        return [slot.a for slot in self.slots]

    @property
    def thresholds(self):
        return [float(backend.to_host(slot.t)) for slot in self.slots]

    def agreements(self):
        return [
            float(
                ops.convert_to_numpy(
                    agreement(ops, s.a.value, s.c.value, s.t.value)
                )
            )
            for s in self.slots
        ]

    def soften(self, masks, thresholds):
        for slot, threshold in zip(self.slots, thresholds):
            slot.t.assign(threshold)
        self.ascend(masks, 1.0, 1.0)
        latent_weights.show(self.slots)

    def release(self):
        super().release()
        for slot in self.slots:
            slot.t.assign(-1.0)
