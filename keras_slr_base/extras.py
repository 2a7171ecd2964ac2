"""Optional packages (extras), and the error when one is missing."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Names the extra to install if an import inside the block fails.

    Args:
        name: String, the extra of keras-slr that brings the packages.

    Raises:
        ImportError: If a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Expected {error.name} to be installed. Received an environment "
            f'without it: pip install "keras-slr[{name}]".',
            name=error.name,
        ) from error
