"""The main job, from a film to a film."""

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import kinemacolor
from kinemacolor.errors import InputError, PartialError, ResourceError, UsageError
from kinemacolor.inference.engines import choice
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions, RenderOptions
from kinemacolor.plan import frame_encoder
from kinemacolor.references import load
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering import renderer
from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun, run_request
from kinemacolor.rendering.output import OutputSetup, default_output_path
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.reader import VideoReader
from support.films import scene, write_film
from support.waiting import PATIENCE, until

SMALL = RenderOptions(short_side=64)


def job(source: Path, reference: Path, output: Path, **changes: object) -> ColorizeRequest:
    return ColorizeRequest(source, (ReferenceSpec(reference),), output, **({"options": SMALL} | changes))


def preflight(one: ColorizeRequest) -> OutputSetup:
    return ColorizeRun(one).output_setup


def rendered(model: Colorizer, *args: Path, **changes: object) -> RenderReport:
    one = job(*args, **changes)
    return run_request(one, model)


def colour_of(path: Path) -> float:
    """Mean distance of R, G and B in 8-bit levels: 0 for gray."""
    frames = np.stack(list(iter_color_frames(path))).astype(float)
    return float(frames.std(-1).mean())


def test_a_film_becomes_the_same_film_with_colours(
    kinema: Colorizer, film: Path, reference: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    seen: list[Progress] = []
    one = job(film, reference, output)
    report = run_request(one, kinema, seen.append)
    assert [check.name for check in verify_film(film, output) if not check.passed] == []
    assert report.frames == 8
    done = [at.frames for at in seen]
    assert done == sorted(done)
    assert done[-1] == 8
    assert {at.expected for at in seen} == {8}
    assert 0 < report.mean_confidence <= 1
    truth = np.stack([scene(index) for index in range(8)]).astype(float)
    result = np.stack(list(iter_color_frames(output))).astype(float)
    gray = truth.mean(-1, keepdims=True)
    assert np.abs(result - truth).mean() < 0.5 * np.abs(gray - truth).mean()
    assert not list(tmp_path.glob("*partial*"))
    assert not list(tmp_path.glob("*.work"))


def test_a_lossless_result_has_the_luma_plane_bit_for_bit(
    kinema: Colorizer, film: Path, reference: Path, tmp_path: Path
) -> None:
    rendered(kinema, film, reference, tmp_path / "out.mkv", encoding=EncodingOptions(lossless=True))
    (luma,) = [check for check in verify_film(film, tmp_path / "out.mkv") if check.name == "luma"]
    assert luma.passed
    assert "bit for bit" in luma.detail


def test_an_engine_that_cannot_paint_is_refused_before_the_film_is_read(
    film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="cuda-graphs does not run on cpu"):
        preflight(job(film, reference, tmp_path / "out.mp4", device="cpu", engine="cuda-graphs"))
    with pytest.raises(UsageError, match="has no form for the engine cuda-graphs"):
        preflight(job(film, reference, tmp_path / "out.mp4", model="color2embed", engine="cuda-graphs"))
    half = RenderOptions(short_side=64, precision="bfloat16")
    monkeypatch.setattr(choice, "has_openvino", lambda: True)
    with pytest.raises(UsageError, match="openvino computes in float32, not in bfloat16"):
        preflight(job(film, reference, tmp_path / "out.mp4", device="cpu", engine="openvino", options=half))


def test_the_engine_that_is_reported_is_the_one_that_computes(
    kinema: Colorizer, film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KINEMACOLOR_ENGINE")
    monkeypatch.setattr(choice, "has_openvino", lambda: True)
    monkeypatch.setattr(renderer, "MIN_FRAMES_TO_COMPILE", 0)
    half = RenderOptions(short_side=64, precision="bfloat16")
    report = rendered(kinema, film, reference, tmp_path / "out.mp4", device="cpu", options=half)
    assert report.settings["engine"] == "torch"


def test_the_same_job_gives_the_same_pictures(kinema: Colorizer, film: Path, reference: Path, tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        rendered(kinema, film, reference, tmp_path / name, encoding=EncodingOptions(lossless=True))
    one, other = (np.stack(list(iter_color_frames(tmp_path / name))) for name in ("a.mkv", "b.mkv"))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le", "yuv422p10le", "yuv444p12le", "yuv420p16le"])
def test_every_depth_and_subsampling_takes_colour(
    kinema: Colorizer, reference: Path, tmp_path: Path, pix_fmt: str
) -> None:
    source = write_film(tmp_path / "in.mkv", 3, codec="ffv1", pix_fmt=pix_fmt, time_base=Fraction(1, 1000))
    rendered(kinema, source, reference, tmp_path / "out.mkv", encoding=EncodingOptions(lossless=True))
    assert all(check.passed for check in verify_film(source, tmp_path / "out.mkv"))
    assert colour_of(tmp_path / "out.mkv") > 5


def test_a_photograph_and_a_folder_of_scans_are_films(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    gray = cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY)
    photo, scans = tmp_path / "photo.png", tmp_path / "scans"
    scans.mkdir()
    cv2.imwrite(str(photo), gray.astype(np.uint16) * 257)
    for number in (9, 10, 11):
        cv2.imwrite(str(scans / f"scan_{number:05d}.png"), gray)
    rendered(kinema, photo, reference, tmp_path / "photo.color.png")
    made = cv2.imread(str(tmp_path / "photo.color.png"), cv2.IMREAD_UNCHANGED)
    assert made.dtype == np.uint16
    assert colour_of(tmp_path / "photo.color.png") > 5
    assert rendered(kinema, scans, reference, tmp_path / "scans.color").frames == 3
    assert sorted(p.name for p in (tmp_path / "scans.color").iterdir()) == sorted(p.name for p in scans.iterdir())
    assert rendered(kinema, scans, reference, tmp_path / "scans.mp4").frames == 3


def test_a_folder_takes_a_result_only_while_it_is_empty(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    scans, target = tmp_path / "scans", tmp_path / "target"
    scans.mkdir()
    target.mkdir()
    cv2.imwrite(str(scans / "1.png"), cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY))
    rendered(kinema, scans, reference, target)
    (target / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        rendered(kinema, scans, reference, target, overwrite=True)
    assert (target / "notes.txt").read_text() == "mine"


def test_scans_of_two_kinds_are_a_question(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("1.png", "1.jpg", "2.png"):
        cv2.imwrite(str(scans / name), cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY))
    with pytest.raises(UsageError, match=r"#\.png \(2 pictures, 1 to 2\), 1\.jpg"):
        rendered(kinema, scans, reference, tmp_path / "out")
    rendered(kinema, scans / "#.png", reference, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]


def test_pictures_of_a_sideways_film_are_upright(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", 2, prepare=lambda _, stream: stream.set_display_rotation(90))
    rendered(kinema, source, reference, tmp_path / "out")
    assert cv2.imread(str(tmp_path / "out" / "000000.png")).shape == (96, 72, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (65, 63), (72, 2), (3, 400)])
def test_odd_and_tiny_sizes_are_kept(kinema: Colorizer, reference: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    source = write_film(tmp_path / "in.mkv", 2, size, codec="ffv1", pix_fmt="gray", time_base=Fraction(1, 1000))
    for name in ("out.mkv", "out.mp4"):
        rendered(kinema, source, reference, tmp_path / name)
        frames = list(iter_color_frames(tmp_path / name))
        assert [frame.shape for frame in frames] == [(*size, 3)] * 2


def test_a_sideways_film_keeps_its_rotation(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", 2, prepare=lambda _, stream: stream.set_display_rotation(270))
    rendered(kinema, source, reference, tmp_path / "out.mp4")
    assert all(check.passed for check in verify_film(source, tmp_path / "out.mp4"))


def test_a_cut_starts_at_zero_with_its_sound(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", 24, sound=True)
    report = rendered(kinema, source, reference, tmp_path / "out.mp4", start_seconds=0.25, end_seconds=0.75)
    assert report.frames == 12
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).pts == 0
        sound = container.streams.audio[0]
        container.seek(0)
        packets = [packet for packet in container.demux(sound) if packet.dts is not None]
        assert 0.1 < len(packets) * 1024 / 48000 <= 0.52


def test_python_has_the_main_job_in_one_call(film: Path, reference: Path, tmp_path: Path) -> None:
    report = kinemacolor.colorize(str(film), [reference, str(reference)], tmp_path / "out.mp4", options=SMALL)
    assert report.result == str(tmp_path / "out.mp4")
    json.dumps(report.settings)


# What goes wrong, and what is left then.


def test_a_truncated_mp4_without_its_index_is_refused(film: Path, reference: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:-900])
    with pytest.raises(InputError, match="cut off before its index"):
        preflight(job(cut, reference, tmp_path / "out.mp4"))


def truncated(source: Path, share: float) -> Path:
    path = source.with_name(f"cut{source.suffix}")
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_that_ends_early_is_kept_as_partial(
    kinema: Colorizer, reference: Path, tmp_path: Path, suffix: str
) -> None:
    fast = {"movflags": "faststart"} if suffix == ".mp4" else {}
    options = {"g": "4", "bf": "0"}
    whole = write_film(tmp_path / f"in{suffix}", 72, options=options, container_options=fast)
    with pytest.raises(PartialError) as caught:
        rendered(kinema, truncated(whole, 0.6), reference, tmp_path / f"out{suffix}")
    report = caught.value.report
    assert isinstance(report, RenderReport)
    assert report.ended_early
    assert 20 < report.frames < 72
    assert not (tmp_path / f"out{suffix}").exists()
    kept = tmp_path / f"out.partial{suffix}"
    assert report.result == str(kept)
    assert len(list(iter_color_frames(kept))) == report.frames


def test_damage_in_the_middle_is_counted_and_survived(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", 24, codec="ffv1", time_base=Fraction(1, 1000), options={"g": "1"})
    with av.open(str(source)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(source.read_bytes())
    position, size = places[12]
    data[position + size // 4 : position + size] = b"\xff" * (size - size // 4)
    source.write_bytes(data)
    report = rendered(kinema, source, reference, tmp_path / "out.mkv")
    assert (report.frames, report.corrupt_packets) == (23, 1)
    assert any("damaged" in warning for warning in report.warnings)
    assert len(list(iter_color_frames(tmp_path / "out.mkv"))) == 23


def test_nothing_overwrites_an_input_or_an_older_result(film: Path, reference: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is an input"):
        preflight(job(film, reference, film, overwrite=True))
    with pytest.raises(UsageError, match="is an input"):
        preflight(job(film, reference, reference, overwrite=True))
    older = tmp_path / "older.mp4"
    older.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--overwrite"):
        preflight(job(film, reference, older))
    preflight(job(film, reference, older, overwrite=True))
    assert older.read_bytes() == b"mine"


def test_no_input_is_ever_written_over(film: Path, reference: Path, tmp_path: Path) -> None:
    """Neither by the result nor by the ``*.partial.*`` that it is written as."""
    earlier = film.rename(tmp_path / "f.partial.mp4")
    scans, kept = tmp_path / "s.partial", tmp_path / "scans"
    for folder in (scans, kept):
        folder.mkdir()
        cv2.imwrite(str(folder / "1.png"), scene(0))
    for source, output in [
        (earlier, tmp_path / "f.mp4"),
        (scans, tmp_path / "s"),
        (kept / "1.png", kept),
        (kept, kept / "out.mp4"),
    ]:
        with pytest.raises(UsageError, match="is an input"):
            preflight(job(source, reference, output, overwrite=True))
    assert earlier.stat().st_size > 0
    assert len(list(scans.iterdir())) == len(list(kept.iterdir())) == 1


def test_an_earlier_partial_result_is_not_lost(film: Path, reference: Path, tmp_path: Path) -> None:
    (tmp_path / "out.partial.mp4").write_bytes(b"an hour of work")
    with pytest.raises(UsageError, match=r"out\.partial\.mp4 exists"):
        preflight(job(film, reference, tmp_path / "out.mp4"))
    preflight(job(film, reference, tmp_path / "out.mp4", overwrite=True))


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_cut_counts_from_where_the_film_begins(
    kinema: Colorizer, reference: Path, tmp_path: Path, suffix: str
) -> None:
    """The clock starts at ten seconds, and the only keyframe is the first frame."""
    ticks = [900_000 + 3750 * index for index in range(48)]
    source = write_film(tmp_path / f"in{suffix}", pts=ticks, options={"g": "250"})
    report = rendered(kinema, source, reference, tmp_path / "out.mp4", start_seconds=1, end_seconds=1.5)
    assert report.frames == 12
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).pts == 0


def test_joined_recordings_go_on_where_the_clock_jumps_back(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    one = write_film(tmp_path / "one.ts", 48, sound=True)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 2)
    report = rendered(kinema, joined, reference, tmp_path / "out.mp4")
    assert report.frames == 96
    assert report.ended_early is None
    assert any("clock jumps once" in warning for warning in report.warnings)


def test_names_with_colons_are_names(kinema: Colorizer, film: Path, reference: Path, tmp_path: Path) -> None:
    source = film.rename(tmp_path / "a:b.mp4")
    assert rendered(kinema, source, reference, tmp_path / "x:y.mp4").frames == 8


def test_folders_that_are_missing_or_closed_are_named(film: Path, reference: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        preflight(job(film, reference, tmp_path / "no" / "out.mp4"))
    with pytest.raises(UsageError, match="nothing can be written"):
        preflight(job(film, reference, Path("/proc/out.mp4")))


def test_too_small_a_disk_is_seen_before_the_first_frame(
    film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: os.terminal_size((0, 0)) and type("Usage", (), {"free": 10}))
    with pytest.raises(ResourceError, match="GB free"):
        preflight(job(film, reference, tmp_path / "out.mp4"))


def test_a_disk_that_fills_up_leaves_the_partial_result(reference: Path, tmp_path: Path) -> None:
    """The kernel refuses writes beyond 200 kB, as a full disk does."""
    source = write_film(tmp_path / "in.mkv", 24, (240, 320), codec="ffv1", time_base=Fraction(1, 1000))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
    limit += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    code = f"{limit} from kinemacolor.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"
    made = tmp_path / "out.mkv"
    arguments = [str(source), "-r", str(reference), "-o", str(made), "--lossless", "--size", "64", "-q"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "no space" in done.stderr
    assert not made.exists()
    assert (tmp_path / "out.partial.mkv").stat().st_size > 50_000


def test_ctrl_c_keeps_what_was_done(reference: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", 400, codec="ffv1", time_base=Fraction(1, 1000))
    made = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "kinemacolor", str(source), "-r", str(reference), "-o", str(made), "--lossless"]
    with subprocess.Popen([*command, "--size", "64"], stderr=subprocess.PIPE, text=True) as process:
        partial = tmp_path / "out.partial.mkv"
        until(lambda: partial.exists() and partial.stat().st_size > 40_000)
        until(lambda: any((tmp_path / "out.mkv.work").glob("passes/*/*.mkv")))  # frames come before their segment is
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, talk
    assert "goes on from there" in talk
    assert not made.exists()
    assert 0 < len(list(iter_color_frames(partial))) < 400
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out.mkv.work").rglob("*.mkv")}
    assert kept
    again = subprocess.run([*command, "--size", "64", "--json"], capture_output=True, text=True, check=True)
    assert "looking" not in again.stderr
    assert json.loads(again.stdout)["painted"] == 400 - 48 * len(kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("in.mkv", "out.mkv", "out.mkv.kinemacolor.json", "still.png")
    ]


def test_results_are_named_after_their_source() -> None:
    assert default_output_path(Path("a/film.mkv")) == Path("a/film.color.mkv")
    assert default_output_path(Path("old.ogv")) == Path("old.color.mp4")
    assert default_output_path(Path("photo.JPG")) == Path("photo.color.jpg")


def test_a_film_is_closed_where_a_check_fails(
    film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[VideoReader] = []
    monkeypatch.setattr(VideoReader, "close", lambda reader: closed.append(reader))
    with pytest.raises(UsageError, match="leave nothing"):
        preflight(job(film, reference, tmp_path / "out.mp4", start_seconds=0.2, end_seconds=0.1))
    assert [reader.info.path for reader in closed] == [film]


def test_a_part_without_a_frame_leaves_nothing(kinema: Colorizer, film: Path, reference: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match="no frame between"):
        ColorizeRun(job(film, reference, tmp_path / "out.mp4", start_seconds=0.3, end_seconds=0.32)).make_plan(kinema)
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_that_continues_makes_no_encoder(
    kinema: Colorizer, film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job(film, reference, tmp_path / "out.mp4")
    made = ColorizeRun(one).make_plan(kinema)
    monkeypatch.setattr(frame_encoder, "make_frame_encoder", lambda model: pytest.fail("it has its plan"))
    assert ColorizeRun(one).make_plan(kinema) == made


def test_a_film_is_opened_four_times_and_a_reference_read_once(
    kinema: Colorizer, film: Path, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning, prediction, assembly, and the other streams."""
    opened: list[Path] = []
    read: list[Path] = []
    original_open, original_read = av.open, load._read_reference
    monkeypatch.setattr(
        av, "open", lambda file, *more, **other: opened.append(file) or original_open(file, *more, **other)
    )
    monkeypatch.setattr(load, "_read_reference", lambda path: read.append(path) or original_read(path))
    rendered(kinema, film, reference, tmp_path / "out.mp4")
    assert sum(Path(file) == film for file in opened if isinstance(file, str | Path)) == 4
    assert read == [reference]
