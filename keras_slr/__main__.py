"""`python -m keras_slr`."""

import sys

from keras_slr.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
