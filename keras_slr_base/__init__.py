"""Code that `keras_slr` and `tflite_export` share; it needs no Keras.

It is a separate package, because importing `keras_slr` imports Keras and its
backend, which takes seconds; measuring and converting files needs neither.
"""
