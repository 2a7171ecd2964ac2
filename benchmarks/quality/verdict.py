"""Comparisons of SLR with the best other method."""

import dataclasses
import statistics

from benchmarks.quality.method_settings import NAMES
from benchmarks.quality.method_settings import TUNED_SLR
from benchmarks.quality.table import percent

SLR = "slr"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """SLR and another method at one rate, over the seeds that both ran.

    Attributes:
        rate: Float.
        other: Key of `NAMES`.
        slr: Float, the mean score of SLR.
        best: Float, the mean of the other method.
        spread: String, whether the difference exceeds the spread over seeds.
    """

    rate: float
    other: str
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
            f"{NAMES[self.other]}, {self.spread})"
        )


def verdicts(group):
    """Returns the `Verdict` on the best other method at each rate.

    The best is the one with the smallest lead of SLR on their common seeds,
    because some methods may lack seeds.
    """
    found = []
    for rate in group.rates:
        others = [m for m in group.methods if m not in (SLR, TUNED_SLR)]
        against = [_against(group, rate, other) for other in others]
        against = [v for v in against if v is not None]
        if against:
            found.append(min(against, key=lambda v: v.difference))
    return found


def _against(group, rate, other):
    """Returns the `Verdict` on a method, `None` without common seeds."""
    ours = group.by_seed(rate, SLR)
    theirs = group.by_seed(rate, other)
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    ours = [ours[seed] for seed in seeds]
    theirs = [theirs[seed] for seed in seeds]
    means = statistics.mean(ours), statistics.mean(theirs)
    return Verdict(rate, other, *means, _spread(ours, theirs))


def summary(found):
    """Returns a sentence on a list of verdicts, empty if there are none."""
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
    """Returns whether two equally long lists overlap, in words."""
    if len(ours) == 1:
        return "one seed each"
    if max(min(ours), min(theirs)) <= min(max(ours), max(theirs)):
        return WITHIN
    return "beyond the spread"
