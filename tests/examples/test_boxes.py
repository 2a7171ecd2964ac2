"""Images with boxes: how they are read, turned and scored."""

import io
import itertools
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from examples import boxes

pytestmark = pytest.mark.once("NumPy alone")


def filled(size, box):
    """Returns an image that is white inside a box."""
    left, top, right, bottom = np.int32(box)
    image = np.zeros((size, size, 3), "uint8")
    image[top:bottom, left:right] = 255
    return image


def around(image):
    """Returns the box around what is white."""
    rows, columns = np.nonzero(image[..., 0] > 127)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("how", itertools.product([False, True], repeat=3))
def test_boxes_turn_with_the_image(how):
    box = [2, 5, 9, 14]
    table = np.array([box, [boxes.ABSENT] * 4], "float32")
    image, turned = boxes.turn(filled(20, box), table, *how)
    assert around(image) == turned[0].tolist()
    assert turned[1].tolist() == [boxes.ABSENT] * 4
    assert (turned[0].tolist() == box) == (how == (False,) * 3)


def test_every_position_comes_up():
    data = boxes.shapes(8)
    batches = boxes.BoxedBatches(data, 4, "kinds")
    assert len(batches) == 2
    seen = set()
    for _ in range(60):
        for index in range(len(batches)):
            images, targets = batches[index]
            assert images.dtype == "float32"
            assert targets["boxes"].shape == (4, 2, 4)
            assert targets["kinds"].shape == (4, 2)
            seen |= {image.tobytes() for image in images}
        batches.on_epoch_end()
    assert len(seen) == 8 * len(data.images)


def test_shapes_are_where_their_boxes_say():
    data = boxes.shapes(20)
    for image, found, kinds in zip(data.images, data.boxes, data.classes):
        for (left, top, right, bottom), kind in zip(found, kinds):
            middle = image[int(top + bottom) // 2, int(left + right) // 2]
            # Discs are red, squares blue.
            assert (middle[0] > middle[2]) == (data.names[int(kind)] == "disc")
            corner = image[int(top) + 1, int(left) + 1]
            assert (corner.max() > 60) == (kind == 0)


def test_blood_cells_are_resized_with_their_boxes(tmp_path):
    rows = [
        {"boxes": [[10, 5, 30, 20]], "labels": ["WBC"], "split": "train"},
        {"boxes": [], "labels": [], "split": "test"},
        {
            "boxes": [[0, 0, 20, 20], [20, 20, 40, 40]],
            "labels": ["RBC", "WBC"],
            "split": "train",
        },
    ]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for number, row in enumerate(rows):
            row |= {"image": f"{number}.png", "width": 80, "height": 40}
            image = np.zeros((40, 80, 3), "uint8")
            for left, top, right, bottom in row["boxes"]:
                image[top:bottom, left:right] = 255
            file = io.BytesIO()
            Image.fromarray(image).save(file, "png")
            archive.writestr(row["image"], file.getvalue())
    (tmp_path / "annotations.json").write_text(json.dumps(rows))
    data = boxes.blood_cells(tmp_path, "train", 40)
    assert data.names == ["RBC", "WBC"]
    assert data.images.shape == (2, 40, 40, 3)
    assert data.boxes[0].tolist() == [[5, 5, 15, 20], [boxes.ABSENT] * 4]
    assert around(data.images[0]) == [5, 5, 15, 20]
    assert data.classes.tolist() == [[1, boxes.ABSENT], [0, 1]]


def test_the_metric_of_coco():
    pytest.importorskip("pycocotools")
    from examples.coco_metric import mean_average_precision

    truth = [
        {"boxes": np.array([[0, 0, 100, 100.0]]), "classes": np.array([0])},
        {"boxes": np.array([[50, 50, 80, 90.0]]), "classes": np.array([1])},
    ]
    sure = {"confidence": np.array([0.9])}
    exact = [objects | sure for objects in truth]
    np.testing.assert_allclose(mean_average_precision(truth, exact), 1.0)
    # Overlaps of 0.62, enough for 3 of the 10 bounds from 0.50 to 0.95.
    smaller = [
        {**objects, "boxes": objects["boxes"] * 1.0} | sure for objects in truth
    ]
    for objects in smaller:
        height = objects["boxes"][:, 3] - objects["boxes"][:, 1]
        objects["boxes"][:, 3] -= 0.38 * height
    found = mean_average_precision(truth, smaller)
    np.testing.assert_allclose(found, (0.3, 1.0))
    # One of two classes is missed.
    nothing = {name: value[:0] for name, value in exact[1].items()}
    found = mean_average_precision(truth, [exact[0], nothing])
    np.testing.assert_allclose(found, 0.5)
    assert mean_average_precision(truth, [nothing, nothing]) == (0.0, 0.0)
