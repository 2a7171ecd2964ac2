"""Published accuracies of other methods on the same trained weights.

They come from CHITA's paper (arXiv 2302.14623): no retraining, and one share
of zeros for the whole network, which each method distributes over the layers.
`CHITA++` prunes in several stages.
"""

SOURCE = "arXiv 2302.14623"
PUBLISHED = {
    "chita_resnet_20": {
        "magnitude": {"0.7": 78.8, "0.8": 54.0, "0.9": 11.8},
        "WoodFisher": {"0.7": 81.1, "0.8": 62.6, "0.9": 11.5},
        "CHITA": {"0.7": 84.1, "0.8": 57.9, "0.9": 15.6},
        "CHITA++": {"0.7": 90.4, "0.8": 88.7, "0.9": 79.3},
    },
    "chita_mlpnet": {
        "magnitude": {"0.98": 32.3},
        "CBS": {"0.98": 55.5},
        "CHITA++": {"0.98": 90.7},
    },
}
