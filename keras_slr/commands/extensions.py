"""Methods and structures of other packages, for the command line.

A package names its modules as entry points of the group `keras_slr`; importing
a module registers what it defines.
"""

import importlib.metadata

GROUP = "keras_slr"


def load_extensions() -> None:
    """Imports the modules that installed packages name in `GROUP`.

    Raises:
        ImportError: If one of them cannot be imported.
    """
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:
            raise ImportError(
                f"Expected an extension of keras_slr in `{entry.value}`, "
                f"named by the entry point '{entry.name}'. Received "
                f"{type(error).__name__}: {error}; repair or uninstall the "
                "package."
            ) from error
