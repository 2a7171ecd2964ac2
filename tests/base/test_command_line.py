"""Exit codes of the command lines."""

import sys

import pytest

from keras_slr_base.command_line import run


def test_exit_codes():
    assert run(lambda: None) == 0
    assert run(lambda: sys.exit()) == 0
    assert run(lambda: sys.exit(3)) == 3


def test_text_of_an_exit_reaches_python():
    """Python prints it and exits with 1."""
    with pytest.raises(SystemExit, match="no such thing"):
        run(lambda: sys.exit("no such thing"))
