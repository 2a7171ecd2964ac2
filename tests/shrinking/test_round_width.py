import pytest

from keras_slr.shrinking import round_width

pytestmark = pytest.mark.once("counts")


@pytest.mark.parametrize(
    ("width", "full", "expected"),
    [
        (64, 64, 64),
        (45, 64, 32),
        (33, 64, 32),
        (32, 64, 32),
        (17, 64, 16),
        (15, 64, 8),
        (24, 28, 24),
        (23, 28, 16),
        (7, 64, 7),
        (1, 64, 1),
        (45, 45, 45),
    ],
)
def test_round_width(width, full, expected):
    assert round_width(width, full) == expected


@pytest.mark.parametrize(("width", "full"), [(0, 4), (5, 4)])
def test_width_must_be_in_range(width, full):
    with pytest.raises(ValueError, match="Expected `width`.*Received"):
        round_width(width, full)
