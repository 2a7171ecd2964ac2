"""Tables as plain text."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def text_console(width: int) -> "Console":
    """Returns a console of Rich that collects its output in `file`.

    In Jupyter, Rich would display tables itself and leave the text empty.
    Where colours are forced on, as in Jupyter, it would add escape codes.

    Args:
        width: Integer, columns of the text.
    """
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=width,
        force_jupyter=False,
        color_system=None,
    )
