"""Redundancy: a filter that others resemble matters little."""

import dataclasses
from typing import Literal

import numpy as np

from keras_slr.merging.clusters import clustering
from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.scores.score import over_outputs
from keras_slr.scores.score import per_output


@register_score("redundancy", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Redundancy(Score):
    """How far a filter is from the others of its layer.

    This is the family of clustering in the survey of Vadera and Ameen (arXiv
    2011.00241). Distances are relative to the root mean square of the norms
    of the layer's filters, so that they compare across layers. Filters that
    are zero do not count. Neither do biases. Needs no data.

    Args:
        to: Distance to what. `"nearest"`: the nearest of the filters that
            have not left before, so that of two equal filters one stays.
            `"median"`: the mean distance to all others, which is small near
            the geometric median (FPGM, He and others, arXiv 1811.00250).
            `"centroid"`: the centroid of its cluster, found by k-means of
            scikit-learn; the filter of each cluster that is nearest to the
            centroid stays until all others have left. This last rule is a
            reading of the survey. Defaults to `"nearest"`.
        clusters: Integer, how many clusters there are in a layer, for
            `"centroid"`. Defaults to `8`.

    Raises:
        ValueError: If `to` is something else, or `clusters` not positive.
    """

    to: Literal["nearest", "median", "centroid"] = "nearest"
    clusters: int = 8

    ranks = "outputs"

    def __post_init__(self):
        super().__post_init__()
        if self.to not in ("nearest", "median", "centroid"):
            raise ValueError(
                "Expected `to` to be 'nearest', 'median' or 'centroid'. "
                f"Received: to={self.to!r}."
            )
        if self.clusters < 1:
            raise ValueError(
                "Expected a positive number of `clusters`. Received: "
                f"clusters={self.clusters!r}."
            )

    def of(self, weights, evidence):
        return [
            over_outputs(self._scores(w, weight), weight)
            if weight.is_kernel
            else np.zeros(weight.shape, np.float32)
            for w, weight in zip(evidence.values(), weights)
        ]

    def _scores(self, w, weight):
        scores = np.zeros(per_output(w, weight).size)
        rows = weight.axes.to_matrix(np, w.astype(np.float64))
        rows = rows.reshape(len(scores), -1)
        alive = np.flatnonzero(rows.any(axis=1))
        rows = rows[alive]
        if len(rows) == 1:
            scores[alive] = 1.0
        elif len(rows):
            rows = rows / np.sqrt(np.mean(np.sum(rows**2, axis=1)))
            scores[alive] = self._between(rows)
        return scores

    def _between(self, rows):
        if self.to == "centroid":
            return from_centroids(rows, self.clusters)
        d = distances(rows)
        return to_nearest(d) if self.to == "nearest" else to_all(d)


def distances(rows):
    """Returns the Euclidean distances between rows.

    Args:
        rows: Float64 array of shape `(filters, entries)`.

    Returns:
        Float64 array of shape `(filters, filters)`.
    """
    gram = rows @ rows.T
    norms = np.add.outer(np.diag(gram), np.diag(gram))
    squares = norms - 2.0 * gram
    # Rounding leaves traces of the norms.
    return np.sqrt(np.where(squares > 1e-12 * norms, squares, 0.0))


def to_all(d):
    """Returns the mean distance of each filter to the others.

    Args:
        d: Array of shape `(filters, filters)`, the distances.
    """
    return d.sum(axis=1) / (len(d) - 1)


def to_nearest(d):
    """Returns the distances to the nearest filters that are left.

    In each step, one filter of the nearest pair leaves: the one whose second
    neighbour is nearer, or the later one if both are as near. Its score is
    the distance of the pair. Scores therefore rise in the order of leaving.
    The last filter's score is its largest distance to any other.

    Args:
        d: Array of shape `(filters, filters)`, the distances.
    """
    scores = d.max(axis=1)
    d = d.copy()
    np.fill_diagonal(d, np.inf)
    nearest = d.argmin(axis=1)
    least = d[np.arange(len(d)), nearest]
    for _ in range(len(d) - 1):
        i = int(least.argmin())
        j = int(nearest[i])
        distance = d[i, j]
        d[i, j] = d[j, i] = np.inf
        second_i, second_j = d[i].min(), d[j].min()
        d[i, j] = d[j, i] = distance
        leaves = max(i, j)
        if second_i != second_j:
            leaves = i if second_i < second_j else j
        scores[leaves] = distance
        d[leaves, :] = d[:, leaves] = np.inf
        least[leaves] = np.inf
        for k in np.flatnonzero((nearest == leaves) & np.isfinite(least)):
            nearest[k] = d[k].argmin()
            least[k] = d[k, nearest[k]]
    return scores


def from_centroids(rows, count):
    """Returns the distances to the centroids of clusters.

    The filter of each cluster that is nearest to the centroid stands for the
    others. Its score is the distance to the nearest other such filter, added
    to the largest score of the filters that leave before.

    Args:
        rows: Float64 array of shape `(filters, entries)`.
        count: Integer, the number of clusters; fewer, if there are fewer
            different filters.

    Raises:
        ImportError: If scikit-learn is missing.
    """
    kmeans = clustering("kmeans")
    d = distances(rows)
    count = min(count, len(rows))
    labels = kmeans(rows @ rows.T, d, np.ones(len(rows)), count, 0)
    scores, stay = np.zeros(len(rows)), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        centroid = rows[members].mean(axis=0)
        scores[members] = np.linalg.norm(rows[members] - centroid, axis=1)
        stay.append(members[scores[members].argmin()])
    others = np.delete(scores, stay).max(initial=0.0)
    apart = d[np.ix_(stay, stay)]
    np.fill_diagonal(apart, np.inf)
    apart = apart.min(axis=1) if len(stay) > 1 else np.ones(1)
    scores[stay] = others + apart
    return scores
