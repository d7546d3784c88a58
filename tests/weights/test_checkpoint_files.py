"""Checkpoints in files and archives that others made: found, read, or refused without running anything."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kinemacolor.errors import WeightsError
from kinemacolor.weights.checkpoint_files import iter_checkpoint_files, load_tensors
from support.archives import packed


def read_all(path: Path, folder: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of every checkpoint in a file, by its label."""
    return {label: load_tensors(label, found)[0] for label, found in iter_checkpoint_files(path.name, path, folder)}


def save(path: Path) -> Path:
    torch.save({"a": torch.ones(3)}, path)
    return path


@pytest.mark.parametrize("name", ["release.zip", "release.tar.gz"])
def test_checkpoints_of_an_archive_are_read_and_no_copy_stays(name: str, tmp_path: Path) -> None:
    content = save(tmp_path / "one.pth").read_bytes()
    inside = {"../in/one.pth": content, "two.ckpt": content, "._two.pth": b"junk", "README.md": b"hello"}
    copies = tmp_path / "copies"
    copies.mkdir()
    found = read_all(packed(tmp_path / name, inside), copies)
    assert list(found) == [f"one.pth in {name}", f"two.ckpt in {name}"]
    assert all(torch.equal(tensors["a"], torch.ones(3)) for tensors in found.values())
    assert not list(copies.iterdir())


def test_names_lose_what_wrappers_add(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.pth"
    torch.save({"state_dict": {"module.a.weight": torch.ones(1)}, "epoch": 3}, path)
    assert list(read_all(path, tmp_path)["wrapped.pth"]) == ["a.weight"]


@pytest.mark.parametrize("name", ["old.pth", "text.pth", "empty.pth", "no.safetensors"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "old.pth":
        torch.save({"a": torch.ones(2000)}, path, _use_new_zipfile_serialization=False)
        path.write_bytes(path.read_bytes()[:3000])
    else:
        path.write_text("no tensors" if name == "text.pth" else "")
    with pytest.raises(WeightsError, match=name):
        read_all(path, tmp_path)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("modern", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(modern: bool, tmp_path: Path) -> None:
    trap, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"a": torch.ones(1), "b": Evil(trap)}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(WeightsError, match=r"evil.pth wants to run code \(GLOBAL .*mkdir\), refused"):
        read_all(path, tmp_path)
    assert not trap.exists()


@pytest.mark.parametrize("length", [2, 18, 60])
def test_an_old_file_cut_in_its_first_bytes_is_damaged(length: int, tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"old\.pth"):
        read_all(path, tmp_path)


def test_an_archive_that_is_cut_off_is_damaged(tmp_path: Path) -> None:
    torch.save({"a": torch.rand(20_000)}, tmp_path / "one.pth")
    cut = packed(tmp_path / "cut.tar.gz", {"one.pth": (tmp_path / "one.pth").read_bytes()})
    cut.write_bytes(cut.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match=r"cut\.tar\.gz is a damaged archive"):
        read_all(cut, tmp_path)
