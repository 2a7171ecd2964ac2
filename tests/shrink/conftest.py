import keras
import pytest


@pytest.fixture(autouse=True)
def quick_compilation():
    """JAX compiles many small graphs here, and runs each of them once."""
    if keras.config.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
