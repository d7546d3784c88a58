"""Files are written whole or not at all, lie on the disk then, and say whether they are whole."""

import json
import os
from pathlib import Path

import pytest

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.utils.checked_files import (
    append_checked_line,
    iter_checked_lines,
    read_checked_json,
    read_kept_file,
    write_checked_json,
    write_checked_lines,
)
from kinemacolor.utils.files import compute_tree_sha256, iter_json_lines, write_file_atomically, write_folder_atomically


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
    assert compute_tree_sha256(tmp_path / "one") == compute_tree_sha256(tmp_path / "two")
    (tmp_path / "two" / "sub" / "a").rename(tmp_path / "two" / "sub" / "b")
    assert compute_tree_sha256(tmp_path / "one") != compute_tree_sha256(tmp_path / "two")
