"""Ways to other libraries and runtimes.

Import what you need, `from keras_slr.interop import tfmot`: nothing here is
imported by `import keras_slr`.
"""
