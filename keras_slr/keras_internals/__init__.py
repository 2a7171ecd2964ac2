"""Everything that relies on the internals of Keras and its backends.

Private names of Keras, TensorFlow, PyTorch, tf_keras, TF-MOT and KerasHub are
read here and nowhere else, by small functions that say what they return. The
table in `used.py` lists each name with what breaks without it; the tests
compare it with the installed versions.
"""
