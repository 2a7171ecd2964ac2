"""Checkpoints on a full disk, or on a read-only one."""

import errno
import subprocess

import keras
import numpy as np
import pytest

from keras_slr import SLRCallback
from keras_slr_base.atomic_file import atomic_file
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.callbacks.helpers import assert_untouched
from tests.callbacks.helpers import pruned_zeros


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True)


@pytest.fixture
def disk(tmp_path):
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        refused = mount(*options).returncode
    except FileNotFoundError:
        refused = True
    if refused:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Break(keras.callbacks.Callback):
    """Calls a function before the second checkpoint; keeps the weights."""

    def __init__(self, action):
        super().__init__()
        self.action, self.weights = action, []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        if epoch == 1:
            self.action()


def fill(folder):
    with pytest.raises(OSError), open(folder / "other", "wb") as file:
        while True:
            file.write(bytes(1024))
            file.flush()


def lock(folder):
    assert mount("-o", "remount,ro", str(folder)).returncode == 0


@pytest.mark.filterwarnings("ignore:Pruning ended after")
@pytest.mark.parametrize(
    "name, action, reason",
    [
        ("last.keras", fill, "No space left"),
        ("last.weights.h5", fill, "No space left"),
        ("last.keras", lock, "Read-only"),
        ("last.weights.h5", lock, "Read-only"),
    ],
)
def test_the_last_checkpoint_stays(
    disk, make_model, data, name, action, reason
):
    model, slr = make_model("adam"), SLRCallback(0.9)
    breaking = Break(lambda: action(disk))
    save = keras.callbacks.ModelCheckpoint(
        str(disk / name), save_weights_only=name.endswith("h5")
    )
    with pytest.raises(OSError) as error:
        model.fit(*data, epochs=3, verbose=0, callbacks=[slr, breaking, save])
    text = str(error.value)
    assert text.startswith(f"Expected to write `{disk / name}`.")
    assert reason in text and "\n" not in text
    assert not list(disk.glob(".*"))
    for a, b in zip(breaking.weights[1], model.get_weights()):
        np.testing.assert_array_equal(a, b)
    whole = make_model("adam")
    whole.optimizer.build(whole.trainable_variables)
    whole.load_weights(disk / name)
    for a, b in zip(breaking.weights[0], whole.get_weights()):
        np.testing.assert_array_equal(a, b)
    slr.finalize()
    assert pruned_zeros(model) == EXPECTED_ZEROS
    assert_untouched(model)


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(path)
    with (
        pytest.raises(OSError, match="Expected to write") as error,
        atomic_file(link) as made,
    ):
        made.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    with atomic_file(link) as made:
        made.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "file.txt",
        "link.txt",
    ]
