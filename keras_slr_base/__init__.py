"""What `keras_slr` and `tflite_export` share; needs no Keras.

A package of its own, because importing `keras_slr` imports Keras and its
backend: seconds that measuring and converting files do without.
"""
