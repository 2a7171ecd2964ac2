"""COCO's mean average precision, computed by the authors' code."""

import contextlib
import io

import numpy as np

from keras_slr_base.extras import extra

with extra("vision"):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

# Positions in COCOeval's results: the mean over overlaps from 0.50 to 0.95, and
# the value at 0.50.
_MAP, _MAP50 = 0, 1


def mean_average_precision(truth, found):
    """Returns mAP and mAP50.

    Args:
        truth: List with a dict per image, with NumPy arrays `"boxes"` of
            `(count, 4)`, left, top, right and bottom in pixels, and
            `"classes"` of `(count,)`.
        found: List of such dicts, with `"confidence"` of `(count,)`.
    """
    # COCO counts from one.
    labels = [
        _annotation(image, box, kind) | {"iscrowd": 0}
        for image, objects in enumerate(truth, 1)
        for box, kind in zip(objects["boxes"], objects["classes"])
    ]
    kinds = sorted({label["category_id"] for label in labels})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image + 1} for image in range(len(truth))],
            "categories": [{"id": kind} for kind in kinds],
            "annotations": [
                label | {"id": number} for number, label in enumerate(labels, 1)
            ],
        }
        coco.createIndex()
        guesses = [
            _annotation(image, box, kind) | {"score": float(score)}
            for image, objects in enumerate(found, 1)
            for box, kind, score in zip(
                objects["boxes"], objects["classes"], objects["confidence"]
            )
        ]
        if not guesses:
            return 0.0, 0.0
        evaluation = COCOeval(coco, coco.loadRes(guesses), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[_MAP]), float(evaluation.stats[_MAP50])


def _annotation(image, box, kind):
    left, top, right, bottom = np.asarray(box, "float64").tolist()
    width, height = right - left, bottom - top
    return {
        "image_id": image,
        "category_id": int(kind) + 1,
        "bbox": [left, top, width, height],
        "area": width * height,
    }
