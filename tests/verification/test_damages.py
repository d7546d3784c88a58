"""Results damaged on purpose, one thing each: `verify` finds every one, and says where."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from kinemacolor.verification.verify import verify_film
from support.films import SIZE, scene, write_film
from support.remux import (
    CAPTION,
    LIGHT_LEVEL,
    MASTERING,
    MS,
    Damage,
    add_messages,
    make_captions,
    remux,
    write_rich_film,
)

Packets = list[tuple[bytes, int, int]]
PICTURES, SOUND, COMMENTARY, SUBTITLES = range(4)


def failures(source: Path, result: Path) -> list[str]:
    return [check.name for check in verify_film(source, result) if not check.passed]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rich_film(tmp_path_factory.mktemp("rich") / "film.mkv")


def later(ticks: int) -> Callable[[Packets], Packets]:
    return lambda packets: [(data, pts + ticks, duration) for data, pts, duration in packets]


def with_data_of(number: int, other: int) -> Callable[[Packets], Packets]:
    """Packet ``number`` shows what ``other`` shows."""
    return lambda packets: [
        (packets[other][0] if index == number else data, pts, duration)
        for index, (data, pts, duration) in enumerate(packets)
    ]


def swapped(packets: Packets) -> Packets:
    """Frames 4 and 5 show each other's pictures."""
    return [
        (packets[{4: 5, 5: 4}.get(index, index)][0], pts, duration) for index, (_, pts, duration) in enumerate(packets)
    ]


def broken(packets: Packets) -> Packets:
    data, pts, duration = packets[3]
    return [*packets[:3], (data[: len(data) // 2] + bytes(len(data) - len(data) // 2), pts, duration), *packets[4:]]


def tagged(index: int, **tags: str) -> Callable[[Any, int], None]:
    return lambda stream, number: stream.metadata.update(tags) if number == index else None


def with_default_at(index: int) -> Callable[[Any, int], None]:
    def change(stream: Any, number: int) -> None:
        if stream.type == "audio":
            stream.disposition = Disposition.default if number == index else Disposition(0)

    return change


def titled(title: str) -> Callable[[list[Any]], list[Any]]:
    return lambda chapters: [chapters[0] | {"metadata": {"title": title}}, chapters[1]]


def started(start: int) -> Callable[[list[Any]], list[Any]]:
    return lambda chapters: [chapters[0], chapters[1] | {"start": start * 10**6}]


DAMAGES = {
    "a packet of sound removed": (Damage({SOUND: lambda packets: packets[:6] + packets[7:]}), "audio streams"),
    "sound moved by 50 ms": (Damage({SOUND: later(50)}), "audio streams"),
    "sound drifting": (
        Damage({SOUND: lambda packets: [(data, round(pts * 1.02), length) for data, pts, length in packets]}),
        "audio streams",
    ),
    "other samples": (
        Damage({SOUND: lambda packets: [(bytes(len(data)), pts, length) for data, pts, length in packets]}),
        "audio streams",
    ),
    "a whole sound track missing": (Damage(without=COMMENTARY), "audio streams"),
    "the subtitles missing": (Damage(without=SUBTITLES), "subtitle streams"),
    "a subtitle's text changed": (
        Damage({SUBTITLES: lambda packets: [(b"Hallo", *packets[0][1:]), *packets[1:]]}),
        "subtitle streams",
    ),
    "a subtitle removed": (Damage({SUBTITLES: lambda packets: packets[:1]}), "subtitle streams"),
    "a subtitle shown shorter": (
        Damage({SUBTITLES: lambda packets: [(data, pts, length // 2) for data, pts, length in packets]}),
        "subtitle streams",
    ),
    "an attachment changed": (Damage(attachment=lambda data: data[:-1] + b"!"), "attachments"),
    "an attachment missing": (Damage(attachment=lambda data: None), "attachments"),
    "a chapter's title changed": (Damage(chapters=titled("uno")), "chapters"),
    "a chapter moved": (Damage(chapters=started(170)), "chapters"),
    "the chapters missing": (Damage(chapters=lambda chapters: []), "chapters"),
    "metadata lost": (Damage(metadata=lambda tags: {k: v for k, v in tags.items() if k != "title"}), "metadata"),
    "metadata changed": (Damage(metadata=lambda tags: tags | {"title": "Another"}), "metadata"),
    "the time code changed": (Damage(metadata=lambda tags: tags | {"TIMECODE": "01:00:00:01"}), "time code"),
    "the language lost": (Damage(stream=tagged(SOUND, language="und")), "stream tags"),
    "the title of a track changed": (Damage(stream=tagged(SOUND, title="Dubbed")), "stream tags"),
    "the default flag lost": (Damage(stream=with_default_at(-1)), "stream tags"),
    "the default flag moved": (Damage(stream=with_default_at(COMMENTARY)), "stream tags"),
    "a frame twice": (Damage({PICTURES: with_data_of(4, 3)}), "picture order"),
    "a frame missing": (Damage({PICTURES: lambda packets: packets[:3] + packets[4:]}), "frames"),
    "two frames exchanged": (Damage({PICTURES: swapped}), "picture order"),
    "the end cut off": (Damage({PICTURES: lambda packets: packets[:-2]}), "frames"),
    "a frame broken": (Damage({PICTURES: broken}), "damage of the result"),
    "pictures 40 ms later": (Damage({PICTURES: later(40)}), "timestamps"),
    "all a second later": (Damage({index: later(1000) for index in range(4)}), "timestamps"),
    "the time of one frame changed": (
        Damage({PICTURES: lambda packets: [*packets[:3], (packets[3][0], packets[3][1] + 10, 41), *packets[4:]]}),
        "timestamps",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_one_damage_is_found(tmp_path: Path, rich: Path, name: str) -> None:
    damage, check = DAMAGES[name]
    assert check in failures(rich, remux(rich, tmp_path / "result.mkv", damage))


def test_an_undamaged_copy_is_right(tmp_path: Path, rich: Path) -> None:
    assert failures(rich, remux(rich, tmp_path / "result.mkv", Damage())) == []


def made(path: Path, prepare: Callable[[Any, Any], None] | None = None, **options: Any) -> Path:
    return write_film(path, **{"codec": "ffv1", "time_base": MS} | options, prepare=prepare)


def test_one_bit_of_luma_is_found(tmp_path: Path) -> None:
    source = made(tmp_path / "source.mkv")
    pictures: list[np.ndarray] = []
    with av.open(str(source)) as film:
        pictures = [frame.to_ndarray() for frame in film.decode(video=0)]
    pictures[5][17, 23] ^= 1
    with av.open(str(tmp_path / "result.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts, frame.time_base = round(number * 1000 / 24), MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (luma,) = [check for check in verify_film(source, tmp_path / "result.mkv") if not check.passed]
    assert luma.name == "luma"
    assert "largest difference 1 of 255" in luma.detail
    assert "7 of 8 frames exact, the first other is 5" in luma.detail


def test_exchanged_frames_are_found_in_a_lossy_film(tmp_path: Path) -> None:
    options = {"codec": "libx264", "options": {"crf": "30"}, "time_base": Fraction(1, 90000)}
    source = made(tmp_path / "source.mp4", **options)
    exchanged = made(tmp_path / "x.mp4", **options, picture=lambda index: scene({3: 4, 4: 3}.get(index, index)))
    assert failures(source, made(tmp_path / "y.mp4", **options)) == []
    assert "picture order" in failures(source, exchanged)


def test_one_spoiled_frame_is_found_in_a_lossy_film(tmp_path: Path) -> None:
    options = {"codec": "libx264", "time_base": Fraction(1, 90000), "frames": 48}
    source = made(tmp_path / "source.mp4", **options)
    spoiled = made(
        tmp_path / "x.mp4", **options, picture=lambda index: scene(index) if index != 30 else scene(index) // 8
    )
    assert "luma" in failures(source, spoiled)


def turned(degrees: float, **how: bool) -> Callable[[Any, Any], None]:
    return lambda container, stream: stream.set_display_rotation(degrees, **how)


@pytest.mark.parametrize("before", [(90, {}), (180, {}), (0, {"hflip": True}), (0, {"vflip": True})])
@pytest.mark.parametrize("after", [(0, {}), (-90, {}), (180, {"hflip": True})])
def test_another_display_matrix_is_found(tmp_path: Path, before: Any, after: Any) -> None:
    options = {"codec": "libx264", "time_base": Fraction(1, 90000)}
    source = made(tmp_path / "source.mp4", turned(before[0], **before[1]), **options)
    result = made(tmp_path / "result.mp4", turned(after[0], **after[1]) if after[0] else None, **options)
    same = made(tmp_path / "same.mp4", turned(before[0], **before[1]), **options)
    assert failures(source, same) == []
    is_alike = (before, after) == ((0, {"vflip": True}), (180, {"hflip": True}))
    assert ("geometry" in failures(source, result)) != is_alike


def in_context(**values: Any) -> Callable[[Any, Any], None]:
    def prepare(container: Any, stream: Any) -> None:
        for name, value in values.items():
            setattr(stream.codec_context, name, value)

    return prepare


@pytest.mark.parametrize(
    ("before", "after", "check"),
    [
        ({"field_order": 2}, {"field_order": 3}, "field order"),
        ({"field_order": 3}, {}, "field order"),
        ({}, {"field_order": 2}, "field order"),
        ({"color_primaries": 5}, {"color_primaries": 1}, "colour tags"),
        ({"color_trc": 1}, {}, "colour tags"),
        ({"colorspace": 1}, {"colorspace": 6}, "colour tags"),
        ({"color_range": 1}, {"color_range": 2}, "colour tags"),
    ],
)
def test_other_words_about_the_pictures_are_found(tmp_path: Path, before: dict, after: dict, check: str) -> None:
    source = made(tmp_path / "source.mkv", in_context(**before))
    assert failures(source, made(tmp_path / "same.mkv", in_context(**before))) == []
    assert check in failures(source, made(tmp_path / "result.mkv", in_context(**after)))


def test_another_pixel_aspect_is_found(tmp_path: Path) -> None:
    options = {"codec": "libx264", "time_base": Fraction(1, 90000)}
    wide = in_context(sample_aspect_ratio=Fraction(4, 3))
    source = made(tmp_path / "source.mkv", wide, **options)
    assert failures(source, made(tmp_path / "same.mp4", wide, **options)) == []
    assert failures(source, made(tmp_path / "result.mp4", **options)) == ["geometry"]


WHOLE = {"captions": make_captions(CAPTION * 2), "mastering": MASTERING, "light_level": LIGHT_LEVEL}


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"captions": b""}, "captions"),
        ({"captions": make_captions(CAPTION + b"\xfc\x80\x81")}, "captions"),
        ({"mastering": b""}, "HDR10 mastering display"),
        ({"light_level": b""}, "HDR10 light level"),
        ({"light_level": LIGHT_LEVEL[::-1]}, "HDR10 light level"),
    ],
)
def test_lost_and_changed_side_data_is_found(tmp_path: Path, changed: dict[str, bytes], check: str) -> None:
    bare = write_rich_film(tmp_path / "bare.mkv", codec="libx264")
    source = remux(bare, tmp_path / "source.mkv", Damage({0: lambda packets: add_messages(packets, **WHOLE)}))
    result = remux(bare, tmp_path / "out.mkv", Damage({0: lambda packets: add_messages(packets, **WHOLE | changed)}))
    assert failures(source, result) == [check]


def test_captions_missing_from_one_frame_are_found(tmp_path: Path) -> None:
    bare = write_rich_film(tmp_path / "bare.mkv", codec="libx264")
    source = remux(bare, tmp_path / "source.mkv", Damage({0: lambda packets: add_messages(packets, **WHOLE)}))

    def without_one(packets: Packets) -> Packets:
        whole, bare = add_messages(packets, **WHOLE), add_messages(packets, **WHOLE | {"captions": b""})
        return [*whole[:4], bare[4], *whole[5:]]

    result = remux(bare, tmp_path / "out.mkv", Damage({0: without_one}))
    (check,) = [check for check in verify_film(source, result) if not check.passed]
    assert (check.name, check.detail) == ("captions", "of 8 frames 1 have lost it, 0 have another")


def test_a_source_that_goes_on_is_found(tmp_path: Path) -> None:
    """Two recordings joined, of which a reader that stops where the clock jumps sees the first alone."""
    part = made(tmp_path / "part.ts", codec="mpeg2video", time_base=Fraction(1, 25), rate=Fraction(25), frames=50)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    first = made(tmp_path / "first.mkv", rate=Fraction(25), frames=50)
    assert "frames" in failures(joined, first)


@pytest.mark.parametrize("name", ["pages.tif", "pages.png", "pages.gif", "pages.webp"])
def test_missing_pages_are_found(tmp_path: Path, name: str) -> None:
    pages = [Image.fromarray(scene(9 * index)) for index in range(8)]
    pages[0].save(
        tmp_path / name, save_all=True, append_images=pages[1:], **{"duration": 40} if "tif" not in name else {}
    )
    assert "frames" in failures(tmp_path / name, made(tmp_path / "one.mkv", frames=1))


def test_a_missing_picture_and_a_wrong_order_are_found(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("source", "missing", "order", "same")}
    for folder in folders.values():
        folder.mkdir()
    for number in range(12):
        shown = {"missing": number, "order": {9: 10, 10: 9}.get(number, number)}
        for name, folder in folders.items():
            if (name, number) != ("missing", 5):
                cv2.imwrite(str(folder / f"scan_{number}.png"), scene(5 * shown.get(name, number)))
    assert failures(folders["source"], folders["same"]) == []
    assert "frames" in failures(folders["source"], folders["missing"])
    assert "picture order" in failures(folders["source"], folders["order"])
