"""Reference pictures of every kind and mode: profiles, transparency, size, memory, and what is refused."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from kinemacolor.errors import KinemacolorError
from kinemacolor.references.load import MAX_REFERENCE_PIXELS, check_reference_specs, load_reference, rgb_to_gray
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.video.images import read_color_picture
from support.films import scene
from support.pictures import encode_picture, make_profile, make_tiff, write_apng

PROFILE = make_profile()
WHOLE = scene(0)


def convert_by_profile(rgb: np.ndarray) -> np.ndarray:
    """What a colour engine makes of R'G'B' in the wide profile."""
    source = ImageCms.ImageCmsProfile(BytesIO(PROFILE))
    made = ImageCms.profileToProfile(Image.fromarray(rgb), source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert made
    return np.asarray(made).astype(int)


def test_the_profile_of_these_tests_is_wide() -> None:
    assert np.abs(convert_by_profile(WHOLE) - WHOLE).mean() > 4


@pytest.mark.parametrize(
    ("mode", "name"), [(mode, name) for mode in ("RGB", "RGBA", "P") for name in ("a.png", "a.tif", "a.webp", "a.jpg")]
)
def test_a_profile_counts_in_every_mode(tmp_path: Path, mode: str, name: str) -> None:
    image = Image.fromarray(WHOLE)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.full(WHOLE.shape[:2], 255, np.uint8)))
    elif mode == "P":
        image = image.quantize(64)
    if (name == "a.jpg" and mode != "RGB") or (name == "a.webp" and mode == "P"):
        pytest.skip("this kind has no such mode")
    options = {"lossless": True} if name == "a.webp" else {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    image.save(tmp_path / name, icc_profile=PROFILE, **options)
    with Image.open(tmp_path / name) as saved:
        stored = np.asarray(saved.convert("RGB"))
    found = read_color_picture(tmp_path / name, keep_alpha=True)
    assert found.shape == WHOLE.shape
    assert np.abs(found - convert_by_profile(stored)).max() <= 1
    assert np.abs(found.astype(int) - stored).mean() > 3


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparency_stays_beside_a_profile(tmp_path: Path, mode: str) -> None:
    alpha = np.full(WHOLE.shape[:2], 255, np.uint8)
    alpha[:20] = 0
    image = Image.fromarray(np.dstack([WHOLE, alpha]))
    if mode == "P":
        image = image.quantize(64)
    image.save(tmp_path / "a.png", icc_profile=PROFILE)
    with Image.open(tmp_path / "a.png") as saved:
        stored = np.asarray(saved.convert("RGBA"))
    found = read_color_picture(tmp_path / "a.png", keep_alpha=True)
    assert np.array_equal(found[..., 3], stored[..., 3])
    painted = stored[..., 3] == 255
    wanted = convert_by_profile(np.ascontiguousarray(stored[..., :3]))
    assert np.abs(found[painted, :3] - wanted[painted]).max() <= 1
    flat = read_color_picture(tmp_path / "a.png")
    assert (flat[:10] == 255).all()
    assert np.abs(flat[painted] - wanted[painted]).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_gray_profile_counts_too(tmp_path: Path, mode: str) -> None:
    gray = Image.fromarray(WHOLE).convert("L")
    image = gray.convert(mode)
    image.save(tmp_path / "a.png", icc_profile=make_profile(1.0, gray=True))
    found = read_color_picture(tmp_path / "a.png")
    assert found.astype(int).mean() > np.asarray(gray).mean() + 20  # linear light is shown lighter
    image.save(tmp_path / "b.png", icc_profile=PROFILE)  # a profile of other colours than the picture's own
    assert read_color_picture(tmp_path / "b.png").shape == WHOLE.shape


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_profile_counts_at_any_depth_of_tiff(tmp_path: Path, bits: int, is_planar: bool) -> None:
    if bits == 12 and is_planar:
        pytest.skip("nobody writes these")
    deep = WHOLE.astype(np.uint32) * (2**bits - 1) // 255
    content = make_tiff([deep], bits=bits, is_planar=is_planar, profile=PROFILE)
    (tmp_path / "a.tif").write_bytes(content)
    assert np.abs(read_color_picture(tmp_path / "a.tif") - convert_by_profile(WHOLE)).max() <= 3


def test_a_damaged_profile_leaves_the_colours_as_they_stand(tmp_path: Path) -> None:
    for number, profile in enumerate((b"nonsense", PROFILE[:200], PROFILE.replace(b"RGB ", b"XYZ "))):
        Image.fromarray(WHOLE).save(tmp_path / f"{number}.png", icc_profile=profile)
        assert np.array_equal(read_color_picture(tmp_path / f"{number}.png"), WHOLE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.jpg", "a.png", "a.tif", "a.webp"):
        options = {"quality": 100} if name == "a.jpg" else {}
        Image.fromarray(WHOLE).save(tmp_path / name, exif=exif, **options)
        with Image.open(tmp_path / name) as saved:
            wanted = np.asarray(ImageOps.exif_transpose(saved).convert("RGB"))
        assert np.array_equal(read_color_picture(tmp_path / name), wanted)


def write_kinds(folder: Path) -> list[str]:
    """One picture of each kind, all of the same scene, in a folder."""
    image = Image.fromarray(WHOLE)
    for name in ("a.png", "b.jpg", "c.tif", "d.webp", "e.bmp", "f.gif", "g.jp2"):
        image.save(folder / name)
    (folder / "h.dpx").write_bytes(encode_picture("dpx", WHOLE.astype(np.uint16) << 2, "gbrp10le"))
    planes = np.ascontiguousarray(((WHOLE / 255) ** 2.2).astype(np.float32))
    (folder / "i.exr").write_bytes(encode_picture("exr", planes, "gbrpf32le"))
    write_apng(folder / "j.apng", [WHOLE, WHOLE[::-1].copy()], "rgb24", [0, 1], 24)
    (folder / "k.tiff").write_bytes(make_tiff([WHOLE.astype(np.uint16) * 257, WHOLE[::2]], is_planar=True))
    return sorted(file.name for file in folder.iterdir())


def test_single_references_and_folders_know_the_same_kinds(tmp_path: Path) -> None:
    names = write_kinds(tmp_path)
    assert [one.path.name for one in ReferenceSpec(tmp_path).list_references()] == names
    check_reference_specs([ReferenceSpec(tmp_path)])
    for name in names:
        picture = load_reference(tmp_path / name)
        assert picture.shape == WHOLE.shape
        assert np.abs(picture.astype(int) - WHOLE).mean() < 8


def test_what_a_reference_is_its_content_says(tmp_path: Path) -> None:
    Image.fromarray(WHOLE).save(tmp_path / "still.png")
    (tmp_path / "still.png").replace(tmp_path / "still.mp4")
    spec = ReferenceSpec.parse(str(tmp_path / "still.mp4"))
    assert not spec.is_film
    assert np.array_equal(load_reference(spec.path), WHOLE)


@pytest.mark.parametrize("text", ["a.png@" + "9" * 100, "@12", "x" * 400 + "@1", "a.png@-1", "a.png@nan", "a.png@"])
def test_impossible_places_are_told(text: str) -> None:
    with pytest.raises(KinemacolorError, match=text[:30]):
        ReferenceSpec.parse(text)


def test_pictures_larger_than_a_frame_of_8k_are_reduced_and_smaller_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_REFERENCE_PIXELS >= 7680 * 4320
    Image.fromarray(WHOLE).save(tmp_path / "a.png")
    monkeypatch.setattr("kinemacolor.references.load.MAX_REFERENCE_PIXELS", 1000)
    picture = load_reference(tmp_path / "a.png")
    assert picture.shape == (27, 36, 3)
    monkeypatch.undo()
    assert np.array_equal(load_reference(tmp_path / "a.png"), WHOLE)


def test_gray_of_strips_is_the_gray_of_all() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    picture = np.random.default_rng(0).integers(0, 256, (301, 417, 4)).astype(np.uint8)
    wanted = np.rint(picture[..., :3].astype(np.float32) @ weights).astype(np.uint8)
    assert np.array_equal(rgb_to_gray(picture), wanted)


MEASURE = """
import re, sys
from pathlib import Path
from kinemacolor.references.load import load_reference, rgb_to_gray
from kinemacolor.video.reader import VideoReader
import PIL.BmpImagePlugin, PIL.JpegImagePlugin, PIL.PngImagePlugin, PIL.TiffImagePlugin

def read_status(key):
    return 1024 * int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

path, what = Path(sys.argv[1]), sys.argv[2]
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
before = read_status("VmRSS")
if what == "reference":
    rgb_to_gray(load_reference(path))
else:
    with VideoReader(path) as reader:
        next(reader.iter_blocks(1))
print(read_status("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="by the counters of Linux")
@pytest.mark.parametrize("what", ["reference", "film"])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "b.png", "a.tif", "a.bmp", "c.png"])
def test_memory_is_four_bytes_a_pixel_above_the_decoded_picture(tmp_path: Path, name: str, what: str) -> None:
    rows, columns = 5000, 8000
    small = np.random.default_rng(0).integers(0, 256, (rows // 50, columns // 50, 3)).astype(np.uint8)
    image = Image.fromarray(small).resize((columns, rows))
    decoded = 3
    if name == "b.png":
        image.putalpha(Image.new("L", image.size, 200))
        decoded = 4
    image.save(tmp_path / name, compress_level=1, **({"icc_profile": PROFILE} if name == "c.png" else {}))
    del image
    command = [sys.executable, "-c", MEASURE, str(tmp_path / name), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size = (tmp_path / name).stat().st_size
    taken = (int(done.stdout) - size) / (rows * columns)
    print(name, what, f"{taken:.2f} bytes a pixel beside the file's own bytes")
    # OpenCV holds the one strip of such a TIFF twice.
    assert taken <= decoded + (7.3 if (name, what) == ("a.tif", "film") else 4.3)
