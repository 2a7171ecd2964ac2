"""What tests of merging share."""


def kernels(weight):
    """Selects all kernels, small ones too."""
    return len(weight.shape) > 1
