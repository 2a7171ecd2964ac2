"""Files that are written whole or not at all: see `keras_slr_files`."""

from keras_slr_files.whole_file import folder_of
from keras_slr_files.whole_file import put
from keras_slr_files.whole_file import whole_file

__all__ = ["folder_of", "put", "whole_file"]
