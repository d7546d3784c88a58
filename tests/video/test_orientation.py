"""All eight ways a film can lie, and matrices that stretch: read, written, and shown upright."""

from pathlib import Path

import av
import numpy as np
import pytest

from kinemacolor.video.display import iter_color_frames, to_display_gray
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.orientation import Orientation, is_rigid
from kinemacolor.video.reader import probe_film
from support.films import SIZE, copy_with_chroma, luma_of, scene, write_film, write_with_chroma

ONE = 1 << 16
EIGHT = [Orientation(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def matrix_of(orientation: Orientation, scale: int = 1) -> tuple[int, ...]:
    a, b, c, d = {0: (1, 0, 0, 1), 1: (0, -1, 1, 0), 2: (-1, 0, 0, -1), 3: (0, 1, -1, 0)}[orientation.quarter_turns]
    if orientation.is_mirrored:
        a, c = -a, -c
    return (a * scale * ONE, b * scale * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


def turned_film(path: Path, matrix: tuple[int, ...], **options: object) -> Path:
    return write_film(path, 2, prepare=lambda _, stream: stream.set_display_matrix(matrix), **options)  # type: ignore[arg-type]


def matrix_in(path: Path) -> tuple[int, ...] | None:
    """As FFmpeg reports it, without our reader."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        data = [bytes(one) for one in frame.side_data if one.type.name == "DISPLAYMATRIX"]
    return tuple(np.frombuffer(data[0], np.int32).tolist()) if data else None


def test_a_point_of_the_picture_goes_where_the_matrix_sends_it() -> None:
    """The matrix of each orientation, applied to pixel coordinates, agrees with what is done to pixels."""
    rows, columns = 3, 5
    stored = np.arange(rows * columns).reshape(rows, columns)
    for orientation in EIGHT:
        a, b, _, c, d, *_ = (value / ONE for value in matrix_of(orientation))
        places = {(x * a + y * c, x * b + y * d): stored[y, x] for y in range(rows) for x in range(columns)}
        left, top = min(x for x, _ in places), min(y for _, y in places)
        shown = orientation.apply(stored)
        for (x, y), value in places.items():
            assert shown[round(y - top), round(x - left)] == value
        assert np.array_equal(orientation.undo(shown), stored)
        assert Orientation.from_matrix(matrix_of(orientation)) == orientation


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("orientation", EIGHT[1:], ids=str)
def test_every_orientation_survives_every_container(tmp_path: Path, orientation: Orientation, name: str) -> None:
    source = turned_film(tmp_path / "in.mp4", matrix_of(orientation))
    assert probe_film(source).orientation == orientation
    assert copy_with_chroma(source, tmp_path / name).orientation == orientation
    assert matrix_in(tmp_path / name) == matrix_in(source)


@pytest.mark.parametrize(("name", "told"), [("out.mp4", False), ("out.mkv", True)])
def test_a_matrix_that_stretches_is_kept_or_told(tmp_path: Path, name: str, told: bool) -> None:
    source = turned_film(tmp_path / "in.mp4", matrix_of(Orientation(1, True), scale=2))
    warnings = write_with_chroma(source, tmp_path / name)
    assert any("stretched" in warning for warning in warnings) == told
    if not told:
        assert matrix_in(tmp_path / name) == matrix_in(source)


def test_a_slanted_or_flat_matrix_is_the_nearest_orientation() -> None:
    slanted = (60156, -26000, 0, 26000, 60156, 0, 0, 0, 1 << 30)
    assert Orientation.from_matrix(slanted) == Orientation(0)
    assert Orientation.from_matrix((0,) * 8 + (1 << 30,)) == Orientation()
    assert is_rigid(slanted)
    assert not is_rigid((2 * ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30))


@pytest.mark.parametrize("orientation", EIGHT, ids=str)
def test_pictures_and_previews_are_upright(tmp_path: Path, orientation: Orientation) -> None:
    upright = scene(0)
    matrix = matrix_of(orientation)
    source = turned_film(
        tmp_path / "in.mp4",
        matrix,
        size=SIZE[::-1] if orientation.is_sideways else SIZE,
        picture=lambda _: orientation.undo(upright),
        options={"crf": "5"},
    )
    info = probe_film(source)
    wanted = upright.astype(int) @ [0.299, 0.587, 0.114]
    assert np.abs(next(iter_color_frames(source)).astype(int) - upright).mean() < 12
    assert np.abs(to_display_gray(luma_of(source)[0], info).astype(int) - wanted).mean() < 4
    copy_with_chroma(source, tmp_path / "pictures")
    (first, *_) = sorted((tmp_path / "pictures").iterdir())
    assert np.abs(next(iter_color_frames(first)).astype(int).mean(-1) - wanted).mean() < 12
    geometry = Geometry.from_frame_size(info.height, info.width, 72, orientation=info.orientation)
    codes = luma_of(source)[0]
    assert geometry.downscale_codes(codes).shape == SIZE
    field = geometry.downscale_codes(codes)[..., None].astype(np.float32)
    assert np.abs(geometry.upscale_field(field, codes.shape)[..., 0] - codes).mean() < 1
