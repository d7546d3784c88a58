"""Strange and damaged pictures, as films and as references."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import Reference
from kinemacolor.video.reader import VideoReader, probe_film
from support.films import scene, write_with_chroma
from support.laws import WHOLE, away, find_any_ending, find_ending, judge, nothing_else_changes
from support.strange_pictures import BROKEN_PICTURES, WHOLE_PICTURES, shown, write_picture_file

ENDINGS = {WHOLE, "InputError"}


@pytest.mark.parametrize("name", WHOLE_PICTURES)
def test_a_strange_picture_is_a_film(name: str, tmp_path: Path) -> None:
    source = write_picture_file(tmp_path, name)
    info = probe_film(source)
    rows, columns, frames = WHOLE_PICTURES[name][1]
    with VideoReader(source) as reader:
        blocks = list(reader.iter_blocks(8))
    assert (info.height, info.width, sum(map(len, blocks))) == (rows, columns, frames)
    assert blocks[0].luma_codes.shape[1:] == (rows, columns)
    assert info.depth == (16 if name.startswith("deep") else 8)
    suffix = ".png" if frames == 1 else ".mkv"
    write_with_chroma(source, tmp_path / f"out{suffix}")
    if frames == 1:
        with Image.open(tmp_path / "out.png") as image:
            assert (image.height, image.width) == (rows, columns)


@pytest.mark.parametrize("name", [name for name in WHOLE_PICTURES if name.split(".")[0] not in ("bits", "gray-alpha")])
def test_a_strange_picture_is_a_reference(name: str, tmp_path: Path) -> None:
    source = write_picture_file(tmp_path, name)
    loaded = ReferenceReader().load(Reference(source))
    assert loaded.image.shape[:2] == WHOLE_PICTURES[name][1][:2]
    if not name.startswith(("deep", "cmyk")):
        assert np.abs(loaded.image[..., :3].astype(int) - shown(source)).mean() < 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_profile_counts_in_every_mode(mode: str, tmp_path: Path) -> None:
    """With a profile of swapped primaries red is read as something else; without, as red."""
    picture = Image.fromarray(scene(0, (64, 96))).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", icc_profile=_swapped_profile())
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert not _same_as_without(tmp_path / "a.png")


def _same_as_without(path: Path) -> bool:
    found = ReferenceReader().load(Reference(path)).image[..., :3].astype(int)
    return bool(np.abs(found - shown(path)).mean() < 2)


def _swapped_profile() -> bytes:
    """The sRGB profile with the columns of red and blue exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.find(b"rXYZ", 128), data.find(b"bXYZ", 128)
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def test_broken_pictures_are_refused_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As film and as reference; one whose data is damaged behind the header may still be read."""
    given = tmp_path / "given"
    given.mkdir()
    sources = [write_picture_file(given, name) for name in BROKEN_PICTURES]
    faults = []

    def read_as_film(path: Path) -> None:
        with VideoReader(path) as reader:
            list(reader.iter_blocks(1))

    def read_as_reference(path: Path) -> None:
        ReferenceReader().load(Reference(path))

    with away(tmp_path / "away", monkeypatch) as elsewhere, nothing_else_changes(given, given, elsewhere):
        for source in sources:
            for job in (read_as_film, read_as_reference):
                ending = find_any_ending(job, source)
                if ending.kind not in ENDINGS:
                    faults.append(f"{source.name} {job.__name__}: {ending.kind}: {ending.message}")
    judge(faults)


SCRIPTS = ("script.png", "script.jpg", "drawing.png", "layers.png", "icon.png", "fits.tif", "wmf.png", "fli.png")


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_other_formats_hold_is_no_picture(name: str, tmp_path: Path) -> None:
    """By their contents these could reach decoders that start programs, or that nobody needs."""
    source = write_picture_file(tmp_path, name)
    for job in (probe_film, lambda path: ReferenceReader().load(Reference(path))):
        ending = find_ending(job, source)
        assert ending.kind == "InputError"


def test_a_folder_with_strangers(tmp_path: Path) -> None:
    """Broken, empty and other files among the pictures: told by name."""
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(WHOLE_PICTURES["plain.png"][0]())
    (tmp_path / "3.png").write_bytes(BROKEN_PICTURES["cut-0.5.png"]()[:60])

    def read() -> None:
        with VideoReader(tmp_path) as reader:
            list(reader.iter_blocks(1))

    ending = find_ending(read)
    assert ending.kind == "InputError"
    assert "3.png" in ending.message
    (tmp_path / "3.png").write_bytes(WHOLE_PICTURES["one-pixel.png"][0]())
    ending = find_ending(read)
    assert ending.kind == "InputError"
    assert "3.png" in ending.message
