"""Where a file goes that is written whole, and what is left beside it."""

import errno
import os
import signal
import stat
import threading

import pytest

from keras_slr_base.atomic_file import atomic_file
from keras_slr_base.work_folder import work_folder

pytestmark = [
    pytest.mark.once("no backend has a part in it"),
    pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX"),
]


def write(path, text="new"):
    with atomic_file(path) as made:
        made.write_text(text)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_link_is_followed(tmp_path):
    for name in ("disk", "here"):
        (tmp_path / name).mkdir()
    target, link = tmp_path / "disk" / "model", tmp_path / "here" / "link"
    link.symlink_to(os.path.join("..", "disk", "model"))
    write(link, "a file that was not there")
    assert target.read_text() == "a file that was not there"
    write(link)
    assert target.read_text() == "new" and link.is_symlink()
    for name in ("disk", "here"):
        assert len(list((tmp_path / name).iterdir())) == 1


def test_a_link_in_a_loop(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="Expected to write .*link") as info:
        write(link)
    assert info.value.errno == errno.ELOOP
    assert link.is_symlink() and list(tmp_path.iterdir()) == [link]


def test_the_permissions_are_those_of_open(tmp_path):
    path = tmp_path / "file"
    before = os.umask(0o027)
    try:
        write(path)
        assert mode(path) == 0o640
        path.chmod(0o604)
        write(path, "newer")
    finally:
        os.umask(before)
    assert mode(path) == 0o604 and path.read_text() == "newer"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write to any file")
def test_a_file_that_may_not_be_written(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="Expected to write"):
        write(path)
    assert path.read_text() == "old"


def test_a_pipe_and_a_device_stay_what_they_are(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join()
    assert read == ["new"] and pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]

    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    write(null)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_path_of_an_open_pipe(tmp_path):
    """As `/dev/stdout` is one in `command | other`."""
    reading, writing = os.pipe()
    write(f"/dev/fd/{writing}")
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == "new"


def test_other_hard_links_keep_what_they_held(tmp_path):
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("old")
    other.hardlink_to(path)
    write(path)
    assert (path.read_text(), other.read_text()) == ("new", "old")


def begun(path):
    """Forks a process that is in the midst of writing a file.

    Returns:
        Its number, and a pipe: once that is closed, it finishes.
    """
    ready, finish = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(finish[1])
        with atomic_file(path) as made:
            made.write_text("ne")
            os.close(ready[1])
            os.read(finish[0], 1)
            made.write_text("new")
        os._exit(0)
    os.close(ready[1])
    os.close(finish[0])
    os.read(ready[0], 1)
    os.close(ready[0])
    return pid, finish[1]


# JAX warns of forks in which it would be used.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_folders_of_dead_processes_are_removed(tmp_path):
    (killed, pipe), (alive, finish) = (
        begun(tmp_path / name) for name in ("killed", "alive")
    )
    assert len(list(tmp_path.iterdir())) == 2
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    os.close(pipe)
    (tmp_path / ".keras_slr-empty").mkdir()
    with work_folder(tmp_path) as mine:
        # This one and that of the living process.
        left = list(tmp_path.iterdir())
        assert len(left) == 2 and mine in left
        with work_folder(tmp_path):
            assert len(list(tmp_path.iterdir())) == 3
        assert mine.is_dir()
    os.close(finish)
    assert os.waitpid(alive, 0)[1] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["alive"]
    assert (tmp_path / "alive").read_text() == "new"


def test_many_at_once(tmp_path):
    """Nobody takes a folder that is just being made for a dead one's."""

    def work():
        for _ in range(40):
            with work_folder(tmp_path) as folder:
                (folder / "file").write_text("new")
                assert (folder / "file").read_text() == "new"
            done.append(folder)

    done = []
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 240
    assert list(tmp_path.iterdir()) == []
