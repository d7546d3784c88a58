import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from kinemacolor.errors import InputError
from kinemacolor.references.load import MIN_AB_MAGNITUDE, ReferenceReader, load_reference, measure_ab_magnitude
from kinemacolor.references.spec import Reference
from kinemacolor.video.images import read_color_picture
from support.films import scene
from support.plans import save


def test_colour_is_told_from_gray_and_from_jpeg_gray(tmp_path: Path) -> None:
    assert measure_ab_magnitude(scene(0)) > 20
    gray = np.repeat(scene(0).mean(-1, keepdims=True).astype(np.uint8), 3, 2)
    assert measure_ab_magnitude(gray) < 0.1
    Image.fromarray(gray).save(tmp_path / "gray.jpg", quality=30)
    with pytest.raises(InputError, match="no colour"):
        load_reference(tmp_path / "gray.jpg")


def test_thin_strokes_of_paint_are_enough(tmp_path: Path) -> None:
    layer = np.zeros((540, 960, 4), np.uint8)
    layer[100:104, 100:400] = (200, 30, 30, 255)
    Image.fromarray(layer).save(tmp_path / "strokes.png")
    assert load_reference(tmp_path / "strokes.png").shape == (540, 960, 4)
    layer[..., :3] = 90  # gray paint takes colour away
    Image.fromarray(layer).save(tmp_path / "gray.png")
    assert np.array_equal(load_reference(tmp_path / "gray.png"), layer)
    layer[..., 3] = 0
    Image.fromarray(layer).save(tmp_path / "clear.png")
    with pytest.raises(InputError, match="transparent all over"):
        load_reference(tmp_path / "clear.png")


def test_a_small_spot_of_colour_counts() -> None:
    picture = np.full((100, 100, 3), 120, np.uint8)
    picture[40:60, 40:60] = (200, 40, 40)
    assert measure_ab_magnitude(picture) > MIN_AB_MAGNITUDE


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(0)).rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_color_picture(tmp_path / "turned.png"), scene(0))


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    """Lab pictures cannot be PNG, so the profile here is sRGB's own: the colours must come through unchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(scene(0)).save(tmp_path / "tagged.png", icc_profile=profile)
    assert np.abs(read_color_picture(tmp_path / "tagged.png").astype(int) - scene(0)).max() <= 1


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    rgba = np.dstack([scene(0), np.zeros(scene(0).shape[:2], np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    assert (read_color_picture(tmp_path / "clear.png") == 255).all()


def test_a_reference_is_read_once(tmp_path: Path) -> None:
    path = save(tmp_path / "still.png", scene(0))
    digest, reader = hashlib.sha256(path.read_bytes()).hexdigest(), ReferenceReader()
    first = reader.load(Reference(path))
    assert (first.sha256, first.frame, first.is_whole) == (digest, None, True)
    path.unlink()
    again = reader.load(Reference(path, 3))
    assert again.image is first.image
    assert (again.frame, again.sha256) == (3, digest)


def test_a_reader_keeps_so_much_and_reads_the_rest_again(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.png", scene(number)) for number in range(3)]
    reader = ReferenceReader(max_bytes=2 * scene(0).nbytes)
    first = [reader.load(Reference(path)).image for path in paths]
    assert reader.load(Reference(paths[2])).image is first[2]
    again = reader.load(Reference(paths[0])).image
    assert again is not first[0]
    assert np.array_equal(again, first[0])
    small = ReferenceReader(max_bytes=1)
    assert np.array_equal(small.load(Reference(paths[0])).image, first[0])


def test_what_is_no_picture_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png is damaged or no picture"):
        load_reference(tmp_path / "text.png")
