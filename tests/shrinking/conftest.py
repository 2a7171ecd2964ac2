import pytest


@pytest.fixture(autouse=True)
def quick(quick_compilation):
    """Many small graphs are compiled here, and each of them run once."""
