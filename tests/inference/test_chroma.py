"""Luma codes in, Cb and Cr codes out: those that a film of one shot gets."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import kinemacolor
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.options import RenderOptions
from kinemacolor.utils.threads import choose_painting_threads
from kinemacolor.video.pixels import compute_chroma_shape
from kinemacolor.video.reader import VideoReader
from support.films import scene, write_film
from support.planes import read_planes
from support.plans import save

SMALL = RenderOptions(short_side=64)
FRAMES = 10


@pytest.fixture(autouse=True)
def threads_of_a_render() -> Iterator[None]:
    """Their number decides rounding."""
    before = torch.get_num_threads()
    torch.set_num_threads(choose_painting_threads())
    yield
    torch.set_num_threads(before)


def session_for(kinema: Colorizer, height: int = 72) -> Session:
    """As a film of few frames is painted: by torch."""
    return Session(kinema, [scene(2)], height=height, width=96, options=SMALL, engine="torch")


@pytest.mark.parametrize(
    ("pix_fmt", "options"),
    [
        ("yuv420p", {}),
        ("yuv422p10le", {"color_range": "pc", "colorspace": "bt709"}),
        ("yuv444p12le", {"colorspace": "bt2020nc"}),
    ],
)
def test_codes_are_those_that_colorize_writes(
    kinema: Colorizer, tmp_path: Path, pix_fmt: str, options: dict[str, str]
) -> None:
    """Frames 3 and 4 are copies of the second, as pulldown makes them: their colours are copied too."""
    film = write_film(
        tmp_path / "film.mkv",
        FRAMES,
        codec="ffv1",
        pix_fmt=pix_fmt,
        options=options,
        picture=lambda at: scene(1 if 1 < at < 4 else at),
    )
    still = save(tmp_path / "still.png", scene(2))
    result = tmp_path / "result.mkv"
    encoding = kinemacolor.EncodingOptions(lossless=True)
    report = kinemacolor.colorize(film, still, result, options=SMALL, encoding=encoding, jobs=1)
    assert report.shots == 1
    session = session_for(kinema)
    with VideoReader(film) as reader:
        coding, subsampling = reader.info.colors.build_ycbcr(reader.info.depth), reader.info.subsampling
        luma = [codes for block in reader.iter_blocks(1) for codes in block.luma_codes]
    painted = []
    for codes, planes in zip(luma, read_planes(result), strict=True):
        cbcr_codes, confidence = session.chroma(codes, coding, subsampling)
        assert confidence.shape == (72, 96)
        assert np.array_equal(planes[0], codes)
        assert np.array_equal(planes[1:], cbcr_codes)
        painted.append(cbcr_codes)
    assert [np.array_equal(*pair) for pair in pairwise(painted)].count(True) == 2


def test_codes_have_the_depth_and_size_that_are_asked_for(kinema: Colorizer) -> None:
    coding = kinemacolor.YCbCr(0.2126, 0.0722, 10, full_range=False)
    luma = np.full((71, 96), 500, np.uint16)
    for subsampling in ("420", "422", "444", "440", "411", "410"):
        codes, _ = session_for(kinema, 71).chroma(luma, coding, subsampling)
        assert codes.shape == (2, *compute_chroma_shape(71, 96, subsampling))
        assert codes.dtype == np.uint16


def test_a_snapshot_knows_the_frame_before(kinema: Colorizer) -> None:
    """A copy of the frame before the snapshot is still seen to be one after it."""
    coding = kinemacolor.YCbCr(0.299, 0.114, 8, full_range=False)
    luma = [np.ascontiguousarray(scene(index)[..., 0]) for index in (0, 1, 1, 2)]
    whole = session_for(kinema)
    wanted = [whole.chroma(codes, coding)[0] for codes in luma]
    one, other = session_for(kinema), session_for(kinema)
    for codes in luma[:2]:
        one.chroma(codes, coding)
    other.restore_state(one.snapshot_state())
    assert [other.chroma(codes, coding)[0].tobytes() for codes in luma[2:]] == [one.tobytes() for one in wanted[2:]]
    other.restore_state(session_for(kinema).snapshot_state())
    assert np.array_equal(other.chroma(luma[0], coding)[0], wanted[0])


def test_what_is_no_luma_plane_of_the_film_is_refused(kinema: Colorizer) -> None:
    coding = kinemacolor.YCbCr(0.2126, 0.0722, 10, full_range=False)
    with pytest.raises(ValueError, match=r"uint16 \(72, 96\) is wanted at 10 bits, not uint8 \(72, 96\)"):
        session_for(kinema).chroma(np.zeros((72, 96), np.uint8), coding)
    with pytest.raises(ValueError, match=r"not uint16 \(72, 90\)"):
        session_for(kinema).chroma(np.zeros((72, 90), np.uint16), coding)
    with pytest.raises(ValueError, match="subsampling '42'"):
        session_for(kinema).chroma(np.zeros((72, 96), np.uint16), coding, "42")
