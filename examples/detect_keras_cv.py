"""Prunes an object detector of KerasCV.

    python -m examples.detect_keras_cv --data-dir DATA
    python -m examples.detect_keras_cv --data voc --size 512 --width 32
    python -m examples.detect_keras_cv --tiny

YOLOV8 defines its own training step and losses; SLR prunes it like any other
model. DATA is a folder with BCCD, photographs of blood cells, in
`detection/bccd/`. TensorFlow Datasets provides the other data sets.

Results on blood cells with 80 % of the entries pruned, on TensorFlow. The
solver was `SLR(trial=0.0, rho=Geometric(0.1, 0.9), freeze_at=0.7)`, an earlier
default:

                           non-zero  gzipped  TFLite file,      its ms
    model            mAP50 parameters     KB    gzipped KB  an example
    dense            0.7495 1,021,665 3818.0        3761.3       5.874
    one-shot         0.2029   214,441 1004.4             -           -
    SLR              0.8371   214,441 1016.0             -           -
    SLR, fine-tuned  0.8235   214,441 1017.2         963.2       5.840

KerasCV is no longer developed. Its successor is KerasHub; see
`examples/detect_keras_hub.py`. KerasCV 0.9.0 works with current Keras:

    pip install "keras-slr[vision,datasets]"
"""

from examples.detection import Detector
from examples.detection import detect
from keras_slr_base.extras import extra

with extra("vision"):
    import keras_cv


def main(argv=None):
    detector = Detector(
        yolo_v8,
        {"box_loss": "ciou", "classification_loss": "binary_crossentropy"},
        "classes",
    )
    return detect(detector, __doc__, 16, argv)


def yolo_v8(classes, shape, width, tiny):
    """Returns a small YOLOV8 detector with random weights.

    Args:
        classes: Integer, the number of classes.
        shape: Tuple, the shape of an image.
        width: Integer, channels of the first layer.
        tiny: Boolean, ignored.
    """
    del tiny
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[width, 2 * width, 4 * width, 8 * width],
        stackwise_depth=[1, 2, 2, 1],
        include_rescaling=True,
        input_shape=shape,
    )
    return keras_cv.models.YOLOV8Detector(
        num_classes=classes,
        bounding_box_format="xyxy",
        backbone=backbone,
        fpn_depth=1,
        # The score is the area under a curve that includes unsure detections.
        prediction_decoder=keras_cv.layers.NonMaxSuppression(
            bounding_box_format="xyxy",
            from_logits=False,
            iou_threshold=0.5,
            confidence_threshold=0.02,
        ),
    )


if __name__ == "__main__":
    main()
