"""The film that the page plays."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from kinemacolor.errors import InputError
from kinemacolor.video.images import write_picture
from kinemacolor.web.comparison_video import ComparisonVideo, write_comparison_video
from kinemacolor.web.frame_times import describe_times, measure_video
from support.films import scene, write_film


def rgb_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24", src_colorspace=1) for frame in container.decode(video=0)]


def seconds_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def halves(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = frame.shape[1] // 2
    return frame[:, :middle].astype(int), frame[:, middle:].astype(int)


def spread(picture: np.ndarray) -> float:
    """How far the channels lie apart in the mean: 0 is gray."""
    return float((picture.max(-1) - picture.min(-1)).mean())


def test_gray_lies_left_and_the_colours_of_the_result_right(tmp_path: Path, film: Path) -> None:
    told: list[int] = []
    output = tmp_path / "proxy.mp4"
    assert write_comparison_video(film, film, output, told.append) == ComparisonVideo(72, 96, 8, 24.0)
    frames = rgb_frames(output)
    assert told == list(range(1, 9))
    assert [frame.shape for frame in frames] == [(72, 192, 3)] * 8
    for index, frame in enumerate(frames):
        gray, color = halves(frame)
        assert spread(gray[:, :-2]) < 3  # beside the seam the encoder may mix a little
        assert np.abs(color - scene(index)).mean() < 12
        assert np.abs(gray.mean() - scene(index).mean()) < 12
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    data = output.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "proxy.mp4"]


@pytest.mark.parametrize("time_base", [Fraction(1, 90000), Fraction(1, 1000)])
def test_the_clock_is_the_films_from_zero(tmp_path: Path, time_base: Fraction) -> None:
    unit = time_base.denominator // 25
    ticks = [unit * step for step in (5, 6, 7, 10, 11, 12)]
    source = write_film(tmp_path / "film.mkv", pts=ticks, time_base=time_base, rate=Fraction(25))
    write_comparison_video(source, source, tmp_path / "proxy.mp4")
    assert seconds_of(tmp_path / "proxy.mp4") == pytest.approx([0, 0.04, 0.08, 0.2, 0.24, 0.28], abs=0.002)
    facts = measure_video(tmp_path / "proxy.mp4")
    assert facts.times == pytest.approx(seconds_of(tmp_path / "proxy.mp4"), abs=1e-4), "what is told is what is seen"
    assert (facts.frames, facts.width, facts.height) == (6, 192, 72)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(60)])
def test_a_steady_film_has_a_rate_in_place_of_times(rate: Fraction) -> None:
    """However coarse its clock is, and however long it is."""
    for ticks in (1000, 90000):
        known = describe_times([round(index / rate * ticks) / ticks for index in range(2000)])
        assert known.times is None
        assert known.rate == pytest.approx(float(rate), rel=1e-4)
    assert describe_times([5.0]).times is None


@pytest.mark.parametrize(
    ("name", "codec", "played"), [("film.mp4", "aac", "aac"), ("film.mkv", "mp3", "mp3"), ("film.mkv", "flac", "aac")]
)
def test_sound_is_there_and_in_time(tmp_path: Path, name: str, codec: str, played: str) -> None:
    source, output = film_with_sound(tmp_path / name, codec), tmp_path / "proxy.mp4"
    write_comparison_video(source, source, output)
    with av.open(str(output)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == played
    assert loud_seconds(output) == pytest.approx(loud_seconds(source), abs=0.06)


def nearest(picture: np.ndarray, others: list[np.ndarray]) -> int:
    return int(np.argmin([np.abs(picture - other).mean() for other in others]))


def film_with_sound(path: Path, codec: str, seconds: int = 3) -> Path:
    """Silence with a tone from 1.5 s on."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        speaker = container.add_stream(codec, rate=48000, layout="stereo")
        for index in range(24 * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(index), "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
        time = np.arange(48000 * seconds) / 48000
        tone = (np.sin(time * 3000) * (time >= 1.5) * 20000).astype(np.int16)
        chunk = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], "s16", "stereo")
        chunk.sample_rate, chunk.pts = 48000, 0
        container.mux(speaker.encode(chunk))
        container.mux(speaker.encode(None))
    return path


def loud_seconds(path: Path) -> float:
    """When the sound is first heard."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(float)
            if np.abs(samples).max() > 0.2 * (32767 if samples.max() > 2 else 1):
                return float(frame.time or 0)
    raise AssertionError("silence")


def test_an_excerpt_plays_its_own_part_with_its_own_sound(tmp_path: Path) -> None:
    source, output = film_with_sound(tmp_path / "film.mp4", "aac"), tmp_path / "proxy.mp4"
    part = write_film(tmp_path / "part.mp4", 24, picture=lambda index: scene(24 + index))
    assert write_comparison_video(source, part, output, start_seconds=1, end_seconds=2).frames == 24
    gray, color = halves(rgb_frames(output)[3])
    luma = [scene(index) @ (0.299, 0.587, 0.114) for index in range(20, 34)]
    assert nearest(gray[..., 0], luma) == 7
    assert nearest(color @ (0.299, 0.587, 0.114), luma) == 7
    assert seconds_of(output)[0] == 0
    assert loud_seconds(output) == pytest.approx(0.5, abs=0.06)


def test_a_partial_result_ends_the_film(tmp_path: Path, film: Path) -> None:
    part = write_film(tmp_path / "part.mp4", 5)
    assert write_comparison_video(film, part, tmp_path / "proxy.mp4").frames == 5
    assert len(rgb_frames(tmp_path / "proxy.mp4")) == 5


def test_a_film_without_sound_has_none(tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mp4")
    write_comparison_video(source, source, tmp_path / "proxy.mp4")
    with av.open(str(tmp_path / "proxy.mp4")) as container:
        assert not container.streams.audio


def test_large_films_become_small_and_odd_ones_even(tmp_path: Path) -> None:
    odd = write_film(tmp_path / "odd.mp4", 2, (71, 97), pix_fmt="yuv444p")
    assert write_comparison_video(odd, odd, tmp_path / "proxy.mp4").height % 2 == 0
    large = write_film(tmp_path / "large.mp4", 2, (720, 1280))
    assert write_comparison_video(large, large, tmp_path / "proxy.mp4") == ComparisonVideo(540, 960, 2, 24.0)


def test_turned_films_stand_upright_and_pixels_are_square(tmp_path: Path) -> None:
    source = tmp_path / "turned.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(0), "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert write_comparison_video(source, source, tmp_path / "proxy.mp4") == ComparisonVideo(96, 54, 1, 24.0)
    gray, color = halves(rgb_frames(tmp_path / "proxy.mp4")[0])
    upright = cv2.resize(np.rot90(scene(0)), (54, 96)).astype(int)
    assert np.abs(color - upright).mean() < 12
    assert np.abs(gray[..., 0] - upright @ (0.299, 0.587, 0.114)).mean() < 12


def test_pictures_play_as_a_film(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        write_picture(folder / f"{index:03}.png", scene(index))
    assert write_comparison_video(folder, folder, tmp_path / "proxy.mp4") == ComparisonVideo(72, 96, 3, 24.0)
    assert seconds_of(tmp_path / "proxy.mp4") == pytest.approx([0, 1 / 24, 2 / 24], abs=1e-3)


def test_what_fails_leaves_the_old_one(tmp_path: Path, film: Path) -> None:
    output = tmp_path / "proxy.mp4"
    output.write_bytes(b"old")
    with pytest.raises(InputError, match="share no frame"):
        write_comparison_video(film, film, output, start_seconds=60)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_comparison_video(film, film, output, stop)
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "proxy.mp4"]
