"""What editors get: the same bytes every time, time code, ProRes, sequences of EXR, the layer of colour."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conftest import copy_with_chroma, write_film


def with_everything(folder: Path, name: str) -> Path:
    """A film with sound, chapters, a title, a time code."""

    def prepare(container: Any, stream: Any) -> None:
        container.metadata.update({"title": "A test", "timecode": "01:00:00:00"})
        title = {"title": "one"}
        chapter = {"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": title}
        container.set_chapters([chapter])

    # x264 uses memory that it has not set where a picture is 96 px wide (mbtree), and then its bytes vary.
    return write_film(folder / name, frames=24, size=(72, 320), sound=True, prepare=prepare)


KINDS = [("x.mp4", {}), ("x.mov", {}), ("x.mkv", {}), ("x.webm", {}), ("lossless.mkv", {"lossless": True})]
KINDS += [("prores.mov", {"vcodec": "prores"}), ("h265.mkv", {"vcodec": "h265"}), ("lossless.mp4", {"lossless": True})]


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_the_same_frames_make_the_same_bytes(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    source = with_everything(tmp_path, "in.mov")
    copy_with_chroma(source, tmp_path / name, **options)
    first = (tmp_path / name).read_bytes()
    copy_with_chroma(source, tmp_path / f"again.{name}", **options)
    assert (tmp_path / f"again.{name}").read_bytes() == first
