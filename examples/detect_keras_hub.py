"""Prunes an object detector of KerasHub.

    python -m examples.detect_keras_hub --data-dir DATA
    python -m examples.detect_keras_hub --data voc --size 512 --width 64
    python -m examples.detect_keras_hub --tiny

RetinaNet starts from random weights on a small DarkNet, the backbone of YOLOv3.
DATA is a folder with BCCD, photographs of blood cells, in `detection/bccd/`.
TensorFlow Datasets provides the other data sets.

    pip install "keras-slr[vision,datasets]"
"""

from examples.detection import Detector
from examples.detection import detect
from keras_slr_base.extras import extra

with extra("vision"):
    import keras_hub


def main(argv=None):
    detector = Detector(
        retinanet,
        {"box_loss": "auto", "classification_loss": "auto"},
        "labels",
    )
    return detect(detector, __doc__, 32, argv)


def retinanet(classes, shape, width, tiny):
    """Returns a RetinaNet with random weights.

    Args:
        classes: Integer, the number of classes.
        shape: Tuple, the shape of an image.
        width: Integer, channels of the first layer.
        tiny: Boolean, whether the backbone and heads have fewer layers.
    """
    trunk = keras_hub.models.CSPNetBackbone(
        stem_filters=width,
        stem_kernel_size=3,
        stem_strides=2,
        stackwise_num_filters=[2 * width, 4 * width, 8 * width, 16 * width],
        stackwise_depth=[1, 1, 1, 1] if tiny else [1, 2, 2, 1],
        stackwise_strides=[2, 2, 2, 2],
        stage_type="dark",
        block_type="dark_block",
        bottle_ratio=[0.5],
        image_shape=shape,
    )
    backbone = keras_hub.models.RetinaNetBackbone(
        image_encoder=trunk,
        min_level=3,
        max_level=5,
        use_p5=False,
        image_shape=shape,
    )
    return keras_hub.models.RetinaNetObjectDetector(
        backbone=backbone,
        num_classes=classes,
        bounding_box_format="xyxy",
        use_prediction_head_norm=True,
        pre_logits_num_conv_layers=1 if tiny else 4,
        # The score is the area under a curve that includes unsure detections.
        prediction_decoder=keras_hub.layers.NonMaxSuppression(
            bounding_box_format="xyxy",
            from_logits=True,
            confidence_threshold=0.02,
        ),
    )


if __name__ == "__main__":
    main()
