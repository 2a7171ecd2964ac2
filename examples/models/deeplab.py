"""DeepLabV3+ (arXiv 1802.02611) on a ResNet-18."""

import keras
from keras import layers

from examples.models.blocks import convolution
from examples.models.resnet import basic
from examples.models.resnet import trunk


def deeplab_v3_plus(shape, classes, rates=(6, 12, 18), scale=1):
    """Returns the network, with a logit for each class at each pixel.

    Args:
        shape: Tuple, height, width and channels; the first two multiples of
            16.
        classes: Integer.
        rates: Tuple of integers, the dilations of atrous spatial pyramid
            pooling. Defaults to the published ones for an encoder that
            divides height and width by 16.
        scale: See `vgg_16`. Defaults to `1`.
    """
    inputs = keras.Input(shape)
    low, *_, high = trunk(inputs, basic, (2, 2, 2, 2), scale, dilated=True)
    x = _pyramid(high, 256 // scale, rates)
    x = _enlarged(x, low.shape[1] // x.shape[1])
    # Few channels, so that they do not outweigh those of the encoder.
    low = convolution(low, 48 // scale, 1, name="decoder_low")
    x = layers.Concatenate()([x, low])
    x = convolution(x, 256 // scale, 3, name="decoder_conv1")
    x = convolution(x, 256 // scale, 3, name="decoder_conv2")
    x = layers.Conv2D(classes, 1, name="logits")(x)
    x = _enlarged(x, shape[0] // x.shape[1])
    return keras.Model(inputs, x, name="deeplab_v3_plus")


def _pyramid(x, filters, rates):
    """Applies convolutions of several dilations in parallel."""
    _, height, width, _ = x.shape
    seen = [convolution(x, filters, 1, name="aspp_conv")]
    for rate in rates:
        name = f"aspp_rate{rate}"
        seen.append(convolution(x, filters, 3, dilation=rate, name=name))
    image = layers.GlobalAveragePooling2D(keepdims=True)(x)
    image = convolution(image, filters, 1, name="aspp_image")
    seen.append(layers.UpSampling2D((height, width))(image))
    x = layers.Concatenate()(seen)
    return convolution(x, filters, 1, name="aspp_project")


def _enlarged(x, factor):
    if factor == 1:
        return x
    return layers.UpSampling2D(factor, interpolation="bilinear")(x)
