"""N:M sparsity, such as 2:4."""

import dataclasses

from keras_slr.record import register
from keras_slr.structures.constraint import ALWAYS
from keras_slr.structures.structure import Structure


@register
@dataclasses.dataclass(frozen=True)
class NM(Structure):
    """At most `n` non-zero entries in every `m` along the inputs.

    `NM(2, 4)` is the 2:4 sparsity of current GPUs. The projection keeps the
    `n` entries of largest magnitude in each group of `m`. At a lower rate,
    while the rate still ramps up, it also keeps the largest of the other
    entries: the nearest tensor with no more than that many beyond `n`.

    Args:
        n: Integer, the number of entries to keep per group. Defaults to `2`.
        m: Integer, the size of a group. Defaults to `4`.

    Raises:
        ValueError: If not `0 < n < m`.
    """

    n: int = 2
    m: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.n < self.m:
            raise ValueError(
                "Expected 0 < n < m in NM(n, m), which keeps n entries in "
                f"every m. Received: NM({self.n}, {self.m})."
            )

    @property
    def rate(self):
        return 1.0 - self.n / self.m

    def refusal(self, weight):
        unknown = super().refusal(weight)
        if unknown is not None:
            return unknown
        _, inputs, _ = weight.axes.sizes(weight.shape)
        if not weight.axes.inputs or inputs % self.m:
            return f"{inputs} inputs are not a multiple of {self.m}"
        return None

    def units(self, weight):
        return weight.size

    def scores(self, xp, values, weight):
        matrix = weight.axes.to_matrix(xp, xp.abs(values[0]))
        outputs, inputs, window = matrix.shape
        groups = xp.reshape(matrix, (outputs, inputs // self.m, self.m, window))
        members = [groups[:, :, i] for i in range(self.m)]
        # Larger entries are ahead of an entry, and equal ones before it.
        ahead = [
            sum(
                xp.where(other >= member if i < j else other > member, 1, 0)
                for i, other in enumerate(members)
                if i != j
            )
            for j, member in enumerate(members)
        ]
        scores = xp.stack(
            [
                xp.where(rank < self.n, ALWAYS, member)
                for rank, member in zip(ahead, members)
            ],
            axis=2,
        )
        scores = weight.axes.from_matrix(xp, scores, weight.shape)
        return xp.reshape(scores, (-1,))

    def entries(self, xp, kept, weight):
        return [xp.reshape(kept, weight.shape)]
