"""Lists of digests, as the programs read them that archives use."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from kinemacolor.provenance.fixity import PAYLOAD_FOLDER, format_fixity, list_files, make_bag_files, make_fixity_path
from support.bags import find_bag_faults

BROKEN = "line\nbreak.mkv"
NAMES = [
    "film.color.mkv",
    "Ein Film, 1910.mkv",
    "back\\slash.mkv",
    BROKEN,
    "日本.mkv",
    "-dash.mkv",
]


def write(folder: Path) -> dict[str, str]:
    """Files of these names; gives their digests."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(name)
    return {name: hashlib.sha256(name.encode()).hexdigest() for name in NAMES}


@pytest.mark.skipif(sys.platform != "linux", reason="sha256sum, and such names")
def test_sha256sum_reads_the_list_and_finds_a_changed_file(tmp_path: Path) -> None:
    (listed := make_fixity_path(tmp_path / "film.color.mkv")).write_text(format_fixity(write(tmp_path)))
    check = ["sha256sum", "--strict", "-c", listed.name]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / NAMES[-1]).write_text("changed")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="such names")
def test_a_bag_is_whole_for_the_library_of_congress_and_a_changed_byte_is_found(tmp_path: Path) -> None:
    digests = write(tmp_path / PAYLOAD_FOLDER)
    (tmp_path / PAYLOAD_FOLDER / BROKEN).unlink()
    del digests[BROKEN]
    (folder := tmp_path / PAYLOAD_FOLDER / "scans.color").mkdir()
    (folder / "1.png").write_bytes(b"one")
    files = list_files(folder, folder.name) | {name: tmp_path / PAYLOAD_FOLDER / name for name in digests}
    assert set(files) == {*digests, "scans.color/1.png"}
    digests["scans.color/1.png"] = hashlib.sha256(b"one").hexdigest()
    texts = make_bag_files({name: (digests[name], file.stat().st_size) for name, file in files.items()})
    assert list(texts)[-1] == "bagit.txt"
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert not find_bag_faults(tmp_path)
    (folder / "1.png").write_bytes(b"onf")
    assert "1.png" in find_bag_faults(tmp_path)
    (folder / "1.png").write_bytes(b"one")
    (tmp_path / "bag-info.txt").write_text(texts["bag-info.txt"] + "More: 1\n")
    assert "bag-info.txt" in find_bag_faults(tmp_path)
