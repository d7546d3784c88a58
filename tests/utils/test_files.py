"""Files are written whole or not at all, lie on the disk then, and say whether they are whole."""

import errno
import fcntl
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.utils import files
from kinemacolor.utils.checked_files import (
    append_checked_line,
    iter_checked_lines,
    read_checked_json,
    read_kept_file,
    write_checked_json,
    write_checked_lines,
)
from kinemacolor.utils.files import (
    digest_tree,
    iter_json_lines,
    relate_path,
    sync_tree,
    write_file_atomically,
    write_folder_atomically,
)


def test_a_file_lies_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: done.append("folder" if os.path.isdir(f"/proc/self/fd/{number}") else "file")
    )
    monkeypatch.setattr(Path, "replace", lambda one, other: done.append("name") or replace(one, other))
    with write_file_atomically(tmp_path / "one") as stream:
        stream.write(b"1")
    assert done == ["file", "name", "folder"]
    done.clear()
    with write_folder_atomically(tmp_path / "many") as folder:
        (folder / "a").write_text("a")
    assert done == ["file", "folder", "name", "folder"]
    done.clear()
    append_checked_line(tmp_path / "list", {"a": 1})
    append_checked_line(tmp_path / "list", {"a": 2})
    assert done == ["file", "folder", "file"]
    assert fsync


def test_checked_files_come_back_or_are_none(tmp_path: Path) -> None:
    path, content = tmp_path / "note", {"b": [1, 2.5, None], "a": "ü"}
    assert read_checked_json(path) is None
    write_checked_json(path, content)
    assert read_checked_json(path) == content
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert read_checked_json(path) in (None, content)
        path.write_bytes(data[:at])
        assert read_checked_json(path) is None
    for other in (b"[]", b"5", json.dumps(content).encode(), b"[" * 100_000, b"\xff"):
        path.write_bytes(other)
        assert read_checked_json(path) is None


def test_lists_keep_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "list"
    assert list(iter_checked_lines(path)) == []
    write_checked_lines(path, [{"a": 0}])
    path.write_bytes(path.read_bytes() + b'\n{"a": 1, "check')
    append_checked_line(path, {"a": 2})
    assert list(iter_checked_lines(path)) == [{"a": 0}, None, {"a": 2}]
    path.write_bytes(b"\xff\xfe\n" + path.read_bytes() + b"\n" + b"9" * 9000)
    assert list(iter_checked_lines(path)) == [None, {"a": 0}, None, {"a": 2}, None]
    assert [row["a"] for row in iter_json_lines(path)] == [0, 2]


def test_descriptors_that_run_out_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ResourceError, match="too many open files"):
        read_kept_file(tmp_path)


def test_a_long_name_is_no_full_disk(tmp_path: Path) -> None:
    with write_file_atomically(tmp_path / ("n" * 255)) as stream:
        stream.write(b"fits")
    with pytest.raises(UsageError, match="too long a name"), write_file_atomically(tmp_path / ("n" * 256)) as stream:
        stream.write(b"1")
    assert [len(one.name) for one in tmp_path.iterdir()] == [255]


def test_a_tree_is_known_by_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a").write_text("a")
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")
    (tmp_path / "two" / "sub" / "a").rename(tmp_path / "two" / "sub" / "b")
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")


def test_what_file_managers_leave_in_a_folder_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a")
    before = digest_tree(tmp_path)
    (tmp_path / "@eaDir").mkdir()
    for name in (".DS_Store", "Thumbs.db", "Desktop.ini", "._a.png", "@eaDir/a.png"):
        (tmp_path / name).write_text("x")
    assert digest_tree(tmp_path) == before
    for name in ("._other.png", ".a.png", "._"):
        (tmp_path / name).write_text("x")
        assert digest_tree(tmp_path) != before
        (tmp_path / name).unlink()


def test_windows_syncs_what_is_open_for_writing_and_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rules, as Python reports them: EBADF for a file that is open for reading, EACCES for a folder."""
    really_open, synced = os.open, []

    def open_as_windows(path: Path, flags: int) -> int:
        if path.is_dir():
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, flags)

    def sync_as_windows(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        synced.append(descriptor)

    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(os, "open", open_as_windows)
    monkeypatch.setattr(os, "fsync", sync_as_windows)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"kept")
    sync_tree(tmp_path)
    assert len(synced) == 1
    assert (tmp_path / "a" / "b").read_bytes() == b"kept"


def test_a_path_on_another_drive_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert relate_path(tmp_path / "films" / "a.mkv", tmp_path / "plans") == os.path.join("..", "films", "a.mkv")

    def refuse(path: Path, folder: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    assert relate_path(tmp_path / "a.mkv", tmp_path / "plans") == str(tmp_path / "a.mkv")
