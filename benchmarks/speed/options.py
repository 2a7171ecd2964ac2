"""What the command line asks for."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of all parts.

    Attributes:
        models: Tuple of names, those to measure; empty for all.
        entries: Tuple of integers, the sizes to measure; empty for all.
        quick: Boolean, whether to measure the fewest pairs.
        pairs: Integer, the pairs of every row, or `None` for each part's own.
        longer: Integer, how many times as many steps an epoch has.
        data_dir: Folder with `mnist/` in it, or `None` for random images.
    """

    models: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()
    quick: bool = False
    pairs: int | None = None
    longer: int = 1
    data_dir: str | None = None

    def chosen(self, names):
        """Returns the names that are asked for, of those of a part."""
        return [n for n in names if not self.models or n in self.models]

    def sizes(self, sizes):
        """Returns the sizes that are asked for, else those of a part."""
        return self.entries or sizes

    def count(self, usual, fewest=1):
        """Returns the number of pairs."""
        return self.pairs or (fewest if self.quick else usual)
