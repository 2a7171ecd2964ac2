"""Where SLR is first, and where it is not."""

import dataclasses
import statistics

from benchmarks.quality.methods import NAMES
from benchmarks.quality.methods import TUNED_SLR
from benchmarks.quality.table import percent

SLR = "slr"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """SLR against one of the others in one cell, over seeds that both have.

    Attributes:
        rate: Float.
        rival: Key of `NAMES`.
        slr: Float, the mean of SLR.
        best: Float, the mean of the rival.
        spread: String, how the difference stands to the spread over seeds.
    """

    rate: float
    rival: str
    slr: float
    best: float
    spread: str

    @property
    def difference(self):
        """SLR's lead in points, negative where it is behind."""
        return self.slr - self.best

    def __str__(self):
        return (
            f"{percent(self.rate)} ({self.difference:+.2f} to "
            f"{NAMES[self.rival]}, {self.spread})"
        )


def verdicts(group):
    """Returns a `Verdict` on the best rival at each rate that SLR ran at.

    The best is the one that SLR leads least, since rivals may lack seeds.
    """
    found = []
    for rate in group.rates:
        rivals = [m for m in group.methods if m not in (SLR, TUNED_SLR)]
        against = [_against(group, rate, rival) for rival in rivals]
        against = [v for v in against if v is not None]
        if against:
            found.append(min(against, key=lambda v: v.difference))
    return found


def _against(group, rate, rival):
    """Returns the `Verdict` on a rival, `None` without a seed in common."""
    ours = group.by_seed(rate, SLR)
    theirs = group.by_seed(rate, rival)
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    ours = [ours[seed] for seed in seeds]
    theirs = [theirs[seed] for seed in seeds]
    means = statistics.mean(ours), statistics.mean(theirs)
    return Verdict(rate, rival, *means, _spread(ours, theirs))


def summary(found):
    """Returns one line on a list of verdicts, empty if there are none."""
    if not found:
        return ""
    behind = [v for v in found if v.difference < 0]
    close = [v for v in found if v.difference >= 0 and v.spread == WITHIN]
    text = f"SLR is first in {len(found) - len(behind)} of {len(found)} cells"
    if behind:
        text += "; not at " + ", ".join(map(str, behind))
    if close:
        text += "; narrowly at " + ", ".join(map(str, close))
    return text + "."


WITHIN = "within the spread"


def _spread(ours, theirs):
    """Says whether the ranges of two equally long lists overlap."""
    if len(ours) == 1:
        return "one seed each"
    if max(min(ours), min(theirs)) <= min(max(ours), max(theirs)):
        return WITHIN
    return "beyond the spread"
