"""One row of the benchmark: what is pruned, and how."""

import dataclasses
from typing import Any

from benchmarks.post_training.nets import NETS
from keras_slr.structures.from_text import from_text

DENSE = "dense"
# Methods that look at the weights alone, so that no images are drawn.
WITHOUT_DATA = (DENSE, "hard_prune")


@dataclasses.dataclass(frozen=True)
class Case:
    """What identifies a row.

    Attributes:
        net: String, key of `nets.NETS`.
        method: String, `"dense"`, `"hard_prune"`, or a method of
            `prune_layerwise`.
        zeros: String, a share such as `"0.7"`, or a pattern such as `"2:4"`.
        allocation: String, or `None` where a pattern fixes all rates.
        images: Integer, how many to calibrate on.
        seed: Integer, by which they are drawn, or `None`.
        arguments: Dict, further arguments of `prune_layerwise`.
        on: String, `"test"`, or `"validation"` to choose settings by.
    """

    net: str
    method: str
    zeros: str = "0"
    allocation: str | None = None
    images: int = 0
    seed: int | None = None
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    on: str = "test"

    @property
    def key(self):
        """Dict that the row begins with."""
        return dataclasses.asdict(self)

    @property
    def plan(self):
        """Dict of the arguments of `Plan` that say how much to prune."""
        if ":" in self.zeros:
            return {"structure": from_text(self.zeros)}
        return {"rate": float(self.zeros), "allocation": self.allocation}


def cases(net, zeros, options):
    """Yields the cases of a network, first the dense one if it has labels.

    Args:
        net: String, key of `nets.NETS`.
        zeros: Tuple of strings.
        options: The parsed arguments of the command.
    """
    if NETS[net].dense is not None:
        yield Case(net, DENSE, on=options.on)
    for method in options.methods:
        for share in zeros:
            for allocation in [None] if ":" in share else options.allocations:
                case = Case(net, method, share, allocation, on=options.on)
                if method in WITHOUT_DATA:
                    yield case
                    continue
                for seed in options.seeds:
                    yield dataclasses.replace(
                        case,
                        images=options.images,
                        seed=seed,
                        arguments=dict(options.arguments),
                    )
