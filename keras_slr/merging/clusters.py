"""Sorts units into clusters, and says which unit stands for which."""

import warnings

import numpy as np


def kmeans(likeness, harms, weights, count, seed):
    """Finds clusters of units by k-means.

    Args:
        likeness: Float array of shape `(units, units)`, the products of the
            vectors that describe the units.
        harms: Not used, see `agglomerative`.
        weights: Float array of shape `(units,)`, how much a unit counts.
        count: Integer, the number of clusters.
        seed: Integer.

    Returns:
        Integer array of shape `(units,)`, the cluster of each unit.
    """
    del harms
    values, vectors = np.linalg.eigh(likeness)
    points = vectors * np.sqrt(np.maximum(values, 0.0))
    means = _sklearn().KMeans(count, n_init=4, random_state=seed)
    with warnings.catch_warnings():
        # Among equal units there are fewer clusters.
        warnings.simplefilter("ignore")
        # No weight may be zero: a cluster of such units had no centre.
        least = 1e-6 * weights.mean() or 1.0
        return means.fit(points, sample_weight=weights + least).labels_


def agglomerative(likeness, harms, weights, count, seed):
    """Finds clusters of units by joining the nearest ones.

    Two clusters are as far from each other as their two units that do the
    most harm to each other (complete linkage).

    Args:
        likeness: Not used, see `kmeans`.
        harms: Float array of shape `(units, units)`: what is lost where the
            unit of the column stands for that of the row.
        weights: Not used, see `kmeans`.
        count: Integer, the number of clusters.
        seed: Not used.

    Returns:
        Integer array of shape `(units,)`, the cluster of each unit.
    """
    del likeness, weights, seed
    joining = _sklearn().AgglomerativeClustering(
        count, metric="precomputed", linkage="complete"
    )
    # The unit that goes is the one that does less harm.
    return joining.fit(np.minimum(harms, harms.T)).labels_


METHODS = {"kmeans": kmeans, "agglomerative": agglomerative}


def clustering(method):
    """Returns one of `METHODS`.

    Raises:
        ImportError: If scikit-learn is missing.
        ValueError: If there is no such method.
    """
    if method not in METHODS:
        names = ", ".join(f"'{name}'" for name in METHODS)
        raise ValueError(
            f"Expected `method` to be one of {names}. Received: "
            f"method={method!r}."
        )
    _sklearn()
    return METHODS[method]


def representatives(harms, labels, count):
    """Chooses the units that stay, and one of them for each unit.

    In each cluster the unit stays that does the least harm in place of the
    others. Each unit then goes to the one that stays and does it least harm,
    which can be that of another cluster.

    Args:
        harms: See `agglomerative`.
        labels: Integer array of shape `(units,)`, the cluster of each unit.
        count: Integer, how many units stay. There may be fewer clusters: the
            units that lose most then stay, too.

    Returns:
        Integer array of shape `(units,)`, the unit that stands for each unit:
        itself, where it stays.
    """
    stays = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        units = np.flatnonzero(labels == label)
        stays[units[np.argmin(harms[np.ix_(units, units)].sum(axis=0))]] = True
    while True:
        kept = np.flatnonzero(stays)
        chosen = kept[np.argmin(harms[:, kept], axis=1)]
        chosen[kept] = kept
        if len(kept) == count:
            return chosen
        losses = harms[np.arange(len(labels)), chosen]
        stays[np.argmax(np.where(stays, -1.0, losses))] = True


def _sklearn():
    try:
        from sklearn import cluster
    except ImportError as error:
        raise ImportError(
            "Expected scikit-learn, which finds the clusters. Received an "
            'environment without it: pip install "keras-slr[datasets]".'
        ) from error
    return cluster
