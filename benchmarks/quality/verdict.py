"""Where SLR is first, and where it is not."""

import dataclasses

from benchmarks.quality.methods import NAMES
from benchmarks.quality.table import percent

SLR = "slr"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """SLR against the best of the others in one cell.

    Attributes:
        rate: Float.
        rival: Key of `NAMES`, the best of the others.
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
    """Returns a `Verdict` for each rate that SLR and others ran at."""
    found = []
    for rate in group.rates:
        means = {m: group.mean(rate, m) for m in group.methods}
        means = {m: mean for m, mean in means.items() if mean is not None}
        slr = means.pop(SLR, None)
        if slr is None or not means:
            continue
        rival = max(means, key=means.get)
        spread = _spread(group.values(rate, SLR), group.values(rate, rival))
        found.append(Verdict(rate, rival, slr, means[rival], spread))
    return found


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
    """Says whether the ranges of two lists of scores overlap."""
    if len(ours) == len(theirs) == 1:
        return "one seed each"
    if max(min(ours), min(theirs)) <= min(max(ours), max(theirs)):
        return WITHIN
    return "beyond the spread"
