"""atomic_file: old content or new, never a part, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vetro.atomic import atomic_file
from vetro.errors import ModelFileError


def test_the_new_content_appears_at_the_end_only(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new content")
        file.flush()
        assert path.read_bytes() == b"old"
        file.seek(0)
        assert file.read() == b"new content"
    assert path.read_bytes() == b"new content"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_file(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "model") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none/model", "Cannot save {}: no such folder. Create the folder first."),
        ("file/model", "Cannot save {}: no such folder. Create the folder first."),
        ("", "Cannot save {}: it is a folder. Add a file name."),
    ],
)
def test_refusals(tmp_path, name, expected):
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / name
    with pytest.raises(ModelFileError) as caught, atomic_file(path) as file:
        file.write(b"x")
    assert caught.value.code == "E503"
    assert str(caught.value) == expected.format(path)


def test_a_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(ModelFileError) as caught, atomic_file(path, "the model"):
        raise OSError(28, "No space left on device")
    assert str(caught.value) == (
        "Cannot save the model: disk full. The file there is as it was. Free some space."
    )
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_is_written_and_not_replaced():
    with pytest.raises(ModelFileError, match="disk full"), atomic_file("/dev/full") as file:
        file.write(b"x" * 100_000)
    assert not Path("/dev/full").is_file()
    with atomic_file("/dev/null") as file:
        file.write(b"x")
    assert not Path("/dev/null").is_file()


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    with atomic_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


WRITER = """
import sys
from vetro.atomic import atomic_file
number = 0
while True:
    number = (number + 1) % 10
    with atomic_file(sys.argv[1]) as file:
        for _ in range(64):
            file.write(str(number).encode() * 4096)
            print(flush=True)
    print(flush=True)
"""
LINES = 65  # for each file


def test_killed_at_any_moment_the_file_is_whole(tmp_path):
    path = tmp_path / "model"
    for lines in (LINES, LINES + 1, 1, 2, 30, LINES - 1, 2 * LINES - 1, 2 * LINES, 200):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        )
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 64 * 4096
            assert len(set(content)) == 1
        assert path.exists()


HALFWAY = """
import sys
from vetro.atomic import atomic_file
with atomic_file(sys.argv[1]) as file:
    file.write(b"x" * 100_000)
    print(flush=True)
    sys.stdin.readline()
"""


def halfway(path: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A process that waits in the middle of writing a file, and its temporary file."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALFWAY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    (part,) = path.parent.glob(f".{path.name}.*.part")
    return process, part


def test_the_next_write_removes_what_a_killed_one_left(tmp_path):
    path = tmp_path / "model"
    process, part = halfway(path)
    process.kill()
    process.communicate()
    ours = tmp_path / ".model.notes.part"
    ours.write_bytes(b"")
    with atomic_file(tmp_path / "other") as file:
        file.write(b"x")
    assert part.exists()  # it is not this file's
    with atomic_file(path) as file:
        assert not part.exists()
        file.write(b"x")
    assert {one.name for one in tmp_path.iterdir()} == {"model", "other", ours.name}


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    path = tmp_path / "model"
    process, part = halfway(path)
    with atomic_file(path) as file:
        file.write(b"first")
    assert part.exists()
    process.communicate(b"\n")
    assert process.returncode == 0
    assert path.read_bytes() == b"x" * 100_000
    assert list(tmp_path.iterdir()) == [path]
    with atomic_file(path) as one, atomic_file(path) as other:  # and in one process
        one.write(b"one")
        other.write(b"other")
    assert path.read_bytes() == b"one"
