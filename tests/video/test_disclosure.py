"""Every result says that its colours are synthetic, and keeps all else that it has."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.inference.preview import write_preview
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.disclosure import DIGITAL_SOURCE_TYPE, ResultRole, add_tag, describe_picture, describe_result
from kinemacolor.video.images import write_exr, write_picture
from kinemacolor.video.picture_tags import add_picture_tag, can_be_tagged
from support.films import scene, write_film, write_with_chroma
from support.small_renders import Recall

WORDS = describe_result()
USUAL = {"title": "A test", "artist": "Someone", "date": "1950", "comment": "Reel 7"}


def copied_tags(tmp_path: Path, name: str, tags: dict[str, str]) -> dict[str, str]:
    """The tags of a result whose source has these, and which `verify` finds to be its source."""
    source, result = tmp_path / f"in{Path(name).suffix}", tmp_path / name
    options = {"movflags": "use_metadata_tags"} if "reel" in tags and name.endswith(("mp4", "mov")) else {}
    codec = {"codec": "libvpx-vp9"} if name.endswith("webm") else {}
    write_film(source, 4, container_options=options, prepare=lambda film, _: film.metadata.update(tags), **codec)
    write_with_chroma(source, result)
    assert [check for check in verify_film(source, result) if not check.passed] == []
    with av.open(str(result)) as film:
        return {key.lower(): value for key, value in film.metadata.items()}


@pytest.mark.parametrize("name", ["out.mkv", "out.webm"])
def test_matroska_has_the_tag_under_its_own_name(tmp_path: Path, name: str) -> None:
    assert copied_tags(tmp_path, name, USUAL).items() >= {**USUAL, "kinemacolor": WORDS}.items()


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.m4v"])
def test_mp4_has_the_tag_as_comment_and_keeps_the_usual_ones_where_players_look(tmp_path: Path, name: str) -> None:
    """`use_metadata_tags` would take the place of the atoms that most programs read."""
    assert copied_tags(tmp_path, name, USUAL).items() >= {**USUAL, "comment": f"Reel 7\n{WORDS}"}.items()
    assert b"\xa9nam" in (tmp_path / name).read_bytes()
    assert copied_tags(tmp_path, f"bare{Path(name).suffix}", {})["comment"] == WORDS


@pytest.mark.parametrize("name", ["out.mp4", "out.mov"])
def test_mp4_with_unusual_keys_has_the_tag_among_them(tmp_path: Path, name: str) -> None:
    tags = {**USUAL, "com.example.reel": "7", "reel": "7"}
    assert copied_tags(tmp_path, name, tags).items() >= {**tags, "kinemacolor": WORDS}.items()


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_result_of_a_result_is_tagged_once(tmp_path: Path, name: str) -> None:
    key = "comment" if name == "out.mp4" else "kinemacolor"
    assert copied_tags(tmp_path, name, {key: WORDS})[key] == WORDS
    assert copied_tags(tmp_path, f"2{name}", {"kinemacolor": "an older version"}).get("kinemacolor", WORDS) == WORDS


def test_a_key_in_other_letters_is_the_same_key() -> None:
    tags = {"COMMENT": "mine"}
    add_tag(tags, "ours", takes_any_key=False)
    assert tags == {"COMMENT": "mine\nours"}
    tags = {"KINEMACOLOR": "old"}
    add_tag(tags, "ours", takes_any_key=True)
    assert tags == {"kinemacolor": "ours"}


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_preview_is_tagged_and_names_no_record(tmp_path: Path, suffix: str) -> None:
    film, picture = write_film(tmp_path / "in.mkv", 4), tmp_path / f"preview{suffix}"
    write_preview(film, [scene(1, (64, 64))], [0], picture, Recall())
    content = picture.read_bytes()
    assert DIGITAL_SOURCE_TYPE.encode() in content
    assert describe_picture().encode() in content
    assert "record" not in describe_picture()


def test_words_tell_what_a_result_is() -> None:
    roles: tuple[ResultRole, ...] = ("film", "layer", "confidence")
    words = [describe_result(role) for role in roles]
    assert len(set(words)) == 3
    assert all("synthetic" in one and "compositeWithTrainedAlgorithmicMedia" in one for one in words)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"])
@pytest.mark.parametrize("shape", [(21, 13, 3), (21, 13, 4)])
def test_a_tagged_picture_has_the_same_pixels(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    if suffix not in (".png", ".tif", ".tiff", ".webp"):
        rgb = rgb[..., :3]
    bare, tagged = tmp_path / f"bare{suffix}", tmp_path / f"tagged{suffix}"
    write_picture(bare, rgb)
    write_picture(tagged, rgb, WORDS)
    with Image.open(bare) as one, Image.open(tagged) as other:
        assert (np.asarray(one) == np.asarray(other)).all()
        found = other.info | {"tags": dict(getattr(other, "tag_v2", {}))}
    flag = cv2.IMREAD_UNCHANGED
    assert (cv2.imread(str(bare), flag) == cv2.imread(str(tagged), flag)).all()
    with av.open(str(bare)) as one_film, av.open(str(tagged)) as other_film:
        planes = [next(film.decode(video=0)).to_ndarray(format="rgb24") for film in (one_film, other_film)]
    assert (planes[0] == planes[1]).all()
    if suffix == ".bmp":
        assert not can_be_tagged(suffix)
        return
    assert can_be_tagged(suffix)
    assert DIGITAL_SOURCE_TYPE in str(found)
    texts = {".png": "Description", ".jpg": "comment", ".jpeg": "comment"}
    if suffix in texts:
        value = found[texts[suffix]]
        assert (value.decode() if isinstance(value, bytes) else value) == WORDS
    if suffix.startswith(".tif"):
        assert found["tags"][270] == WORDS


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 65536, (30, 17, 3), np.uint16)
    path = tmp_path / f"a{suffix}"
    write_picture(path, rgb, WORDS)
    assert (cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1] == rgb).all()


def test_lossy_webp_gets_its_size_from_the_frame() -> None:
    content = cv2.imencode(".webp", np.full((40, 24, 3), 90, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
    with Image.open(BytesIO(content)) as one, Image.open(BytesIO(add_picture_tag(content, ".webp", WORDS))) as other:
        assert one.size == other.size == (24, 40)
        assert (np.asarray(one) == np.asarray(other)).all()
        assert DIGITAL_SOURCE_TYPE.encode() in other.info["xmp"]


@pytest.mark.parametrize("samples", ["half", "float"])
@pytest.mark.parametrize("height", [1, 16, 17, 80])
def test_exr_has_the_words_in_its_header(tmp_path: Path, samples: str, height: int) -> None:
    rgb = np.random.default_rng(1).random((height, 70, 3)).astype(np.float32)
    for name, words in (("bare", ""), ("tagged", WORDS)):
        write_exr(tmp_path / f"{name}.exr", rgb, samples, Fraction(1), words)
    planes = []
    for name in ("bare", "tagged"):
        with av.open(str(tmp_path / f"{name}.exr")) as film:
            planes.append([bytes(plane) for plane in next(film.decode(video=0)).planes])
    assert planes[0] == planes[1]
    assert WORDS.encode() in (tmp_path / "tagged.exr").read_bytes()[:2000]


def test_a_format_without_a_place_is_told(tmp_path: Path) -> None:
    write_picture(tmp_path / "in.png", scene(0))
    assert any(".bmp has no place" in one for one in write_with_chroma(tmp_path / "in.png", tmp_path / "out.bmp"))
    assert write_with_chroma(tmp_path / "in.png", tmp_path / "out.png") == []
