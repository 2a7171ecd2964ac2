"""Tables as plain text."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def text_console(width: int) -> "Console":
    """Returns a console of Rich whose `file` gathers what is printed.

    Rich would show tables by itself in Jupyter, and leave the text empty;
    and where colours are forced on, as they are there, put escape codes in.

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
