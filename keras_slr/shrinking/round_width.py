"""Widths that fit the tiles of matrix products."""

# The number of channels that matrix products compute at once.
TILE = 16


def round_width(width, full):
    """Rounds a number of units to keep down to a width that runs fast.

    Kernels compute tiles of 16 or 8 channels. One channel above a multiple
    costs about as much as another whole tile.

    Args:
        width: Integer in `[1, full]`, the number of units to keep.
        full: Integer, the number of units before pruning.

    Returns:
        Integer: the largest multiple of 16 that is not above `width`; of 8,
        if there is none or `full` is below 32; `width` itself, if it is
        below 8 or nothing is to be cut.

    Raises:
        ValueError: If `width` is not in `[1, full]`.

    Examples:
        >>> round_width(23, full=64), round_width(23, full=24)
        (16, 16)
    """
    if not 1 <= width <= full:
        raise ValueError(
            "Expected `width` to be in [1, full]. Received: "
            f"width={width}, full={full}."
        )
    if width == full or width < 8:
        return width
    tile = TILE if width >= TILE and full >= 2 * TILE else TILE // 2
    return width - width % tile
