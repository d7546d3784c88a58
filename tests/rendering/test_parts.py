"""Parts of a film that are encoded each for itself become the film that one encoder would have made."""

import errno
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.inference.postprocess import ChromaPostprocessor
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering import parts as parts_module
from kinemacolor.rendering import renderer
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.local_workers import LocalWorkerPool
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.parts import (
    FilmPart,
    KeptPart,
    PartSettings,
    PartStore,
    find_parts_obstacle,
    list_needed_passes,
    plan_parts,
)
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.rendering.renderer import RenderPlan
from kinemacolor.rendering.scheduler import Coordinator, Scheduler, WorkerEvent
from kinemacolor.rendering.side_by_side import render_in_jobs
from kinemacolor.utils.checked_files import append_checked_line
from kinemacolor.verification.verify import verify_film
from kinemacolor.video.encoded_part import EncodedPart, PacketEntry
from kinemacolor.video.encoding import choose_encoder
from kinemacolor.video.info import StoredFrame
from kinemacolor.video.picture_encoder import PictureEncoder
from kinemacolor.video.random_access import FrameIndexBuilder, RangeReader
from kinemacolor.video.reader import VideoReader, probe_film
from kinemacolor.video.writer import VideoWriter, open_writer
from support.plans import two_scenes
from support.renders import break_after_check, command, edited, planned, rendered
from support.strange_films import code_film
from support.waiting import PATIENCE, until

FRAMES = 180  # three shots of 60
H264 = {"vcodec": "h264", "lossless": True}
COMMAND = "from kinemacolor.cli.main import main; main()"


@pytest.fixture(scope="module", autouse=True)
def short_parts() -> Iterator[None]:
    """Let a shot be a part, in this process, which alone makes the list; and round as one thread does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "MIN_PART_SECONDS", 1)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of three shots; the second dissolves into the third."""
    found = planned(tmp_path_factory.mktemp("parts"), frames=FRAMES, picture=lambda index: two_scenes(index // 2))
    return edited(found, lambda content: content["shots"][2].update(dissolve=8, transition="dissolve"))


def in_parts(path: Path, model: Colorizer, name: str, jobs: int, **encoding: object) -> tuple[RenderPlan, RenderReport]:
    target = OutputSpec(path.with_name(name), EncodingOptions(parts=True, **encoding))
    job = RenderPlan(Plan.read(path), model, path.with_name(f"{name}.work"))
    prepared = prepare_plan_output(job.plan, target, model.spec, job.work.folder, device="cpu", inputs=[path])
    return job, render_in_jobs(job, prepared, None, jobs)


def planes(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray() for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def expected(path: Path, kinema: Colorizer) -> bytes:
    """The bytes that one process makes of lossless H.264 in parts."""
    in_parts(path, kinema, "expected.mp4", 1, **H264)
    return path.with_name("expected.mp4").read_bytes()


def test_parts_have_the_frames_of_one_piece_and_the_same_bytes_with_any_jobs(
    path: Path, kinema: Colorizer, expected: bytes
) -> None:
    whole_report = rendered(path, kinema, "whole.mp4", encoding=EncodingOptions(**H264))
    job, report = in_parts(path, kinema, "two.mp4", 2, **H264)
    assert job.parts is not None
    assert [(part.first, part.end) for part in job.parts.parts] == [(0, 60), (60, 120), (120, 180)]
    two, whole = path.with_name("two.mp4"), path.with_name("whole.mp4")
    assert two.read_bytes() == expected
    assert all(np.array_equal(one, other) for one, other in zip(planes(two), planes(whole), strict=True))
    assert not [check for check in verify_film(path.with_name("film.mp4"), two) if not check.passed]
    assert not [note for note in report.warnings if "part" in note]
    assert not PartStore(job.work.folder).folder.exists()
    assert report.mean_confidence == pytest.approx(whole_report.mean_confidence)
    assert (report.frames, report.shots, report.corrupt_packets) == (FRAMES, 3, 0)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("crf.mp4", {"vcodec": "h264", "preset": "medium"}),
        ("h264.mkv", {"vcodec": "h264"}),
        ("h265.mp4", {"vcodec": "h265"}),
        ("prores.mov", {"vcodec": "prores"}),
        ("prores.mxf", {"vcodec": "prores"}),
        ("dnxhr.mxf", {}),
        ("dnxhr.mov", {"vcodec": "dnxhr"}),
        ("ffv1.mkv", {"lossless": True}),
    ],
)
def test_each_codec_keeps_every_time_and_begins_a_part_with_a_key_frame(
    name: str, encoding: dict, path: Path, kinema: Colorizer
) -> None:
    in_parts(path, kinema, name, 1, **encoding)
    result = path.with_name(name)
    assert not [check for check in verify_film(path.with_name("film.mp4"), result) if not check.passed]
    with av.open(str(result)) as film:
        packets = [packet for packet in film.demux(video=0) if packet.size]
    decoding = [packet.dts for packet in packets if packet.dts is not None]
    assert decoding == sorted(set(decoding))
    assert all(packet.dts <= packet.pts for packet in packets if packet.dts is not None)
    shown = sorted(packet.pts for packet in packets)
    assert {shown[0], shown[60], shown[120]} <= {packet.pts for packet in packets if packet.is_keyframe}


def test_a_killed_run_goes_on_to_the_same_bytes_though_a_part_is_damaged(
    path: Path, kinema: Colorizer, expected: bytes
) -> None:
    name = "killed.mp4"
    work, target = path.with_name(f"{name}.work"), command(path, name)
    program = f"from kinemacolor.rendering import parts; parts.MIN_PART_SECONDS = 1; {COMMAND}"
    options = ["--vcodec", "h264", "--lossless", "--parts", "--jobs", "2", "--work", str(work)]
    line = [target[0], "-c", program, *target[3:], *options]
    with subprocess.Popen(line, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True) as process:
        until(lambda: process.poll() is not None or list(work.glob("parts/*.json")))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=PATIENCE)
    first = next(work.glob("parts/*.json")).with_suffix(".packets")
    first.write_bytes(first.read_bytes()[:-1] + b"?")
    _, report = in_parts(path, kinema, name, 2, **H264)
    assert path.with_name(name).read_bytes() == expected
    assert [note for note in report.warnings if "damaged: encoded again" in note]


def test_a_part_is_encoded_again_that_needs_only_the_begin_of_a_pass(
    path: Path, kinema: Colorizer, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    added, name, add = list[FilmPart](), "begin.mp4", PartStore.add

    def add_and_note(store: PartStore, part: FilmPart, kept: KeptPart) -> None:
        add(store, part, kept)
        added.append(part)

    def fail(*given: object) -> None:
        raise ResourceError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(PartStore, "add", add_and_note)
        patch.setattr(renderer, "commit_outputs", fail)
        with pytest.raises(ResourceError, match="no room"):
            in_parts(path, kinema, name, 1, **H264)
    work = path.with_name(f"{name}.work")
    shutil.rmtree(work / "passes")
    (work / "parts" / f"{added[1].digest}.json").unlink()
    in_parts(path, kinema, name, 1, **H264)
    assert path.with_name(name).read_bytes() == expected


def test_a_lost_worker_and_workers_that_cannot_encode_change_no_byte(
    path: Path, kinema: Colorizer, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, start_part = list[FilmPart](), LocalWorkerPool.start_part

    def start_and_kill(pool: LocalWorkerPool, worker: int, part: FilmPart) -> None:
        start_part(pool, worker, part)
        if not started:
            pool._processes[worker].kill()
        started.append(part)

    with monkeypatch.context() as patch:
        patch.setattr(LocalWorkerPool, "start_part", start_and_kill)
        in_parts(path, kinema, "lost.mp4", 2, **H264)
    assert len(started) == 4
    assert path.with_name("lost.mp4").read_bytes() == expected
    monkeypatch.setattr(LocalWorkerPool, "can_encode", lambda pool, worker: False)
    in_parts(path, kinema, "here.mp4", 2, **H264)
    assert path.with_name("here.mp4").read_bytes() == expected


def test_a_segment_that_breaks_is_painted_again_by_whoever_encodes_it(
    path: Path, kinema: Colorizer, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(path.with_name("expected.mp4.work"), path.with_name("broken.mp4.work"))
    broken = break_after_check(monkeypatch, "000001.mkv")
    in_parts(path, kinema, "broken.mp4", 2, **H264)
    assert len(broken) == 3
    assert path.with_name("broken.mp4").read_bytes() == expected


class FewHands:
    """A pool of two workers, of which one never starts, and the other one cannot encode; it paints at once."""

    size = 2

    def __init__(self) -> None:
        self._news = [WorkerEvent(0, "idle")]

    def poll_events(self, seconds: float) -> list[WorkerEvent]:
        news, self._news = self._news, []
        return news

    def start_pass(self, worker: int, inference_pass: InferencePass, folder: PassFolder) -> None:
        folder.folder.mkdir(parents=True)
        line = {"segment": 0, "frames": len(inference_pass), "sha256": "", "state": None, "threads": 1}
        append_checked_line(folder.folder / "journal.jsonl", line)
        self._news = [WorkerEvent(worker, "idle")]

    def can_encode(self, worker: int) -> bool:
        return False

    def start_part(self, worker: int, part: FilmPart) -> None:
        raise AssertionError(part)


def test_parts_are_declined_though_not_all_workers_start(path: Path, kinema: Colorizer) -> None:
    job, pool = RenderPlan(Plan.read(path), kinema, path.with_name("few.work")), FewHands()
    encoder = choose_encoder(probe_film(path.with_name("film.mp4")), path.with_name("few.mp4"), EncodingOptions())
    job.parts = PartSettings(path, encoder, (FilmPart(0, 60, "a"), FilmPart(60, FRAMES, "b")))
    coordinator = Coordinator(job.work)
    Scheduler(job, pool, coordinator).run()
    assert all(one.is_complete for _, one in RenderPlan(job.plan, kinema, job.work.folder).iter_passes())
    assert not coordinator.wait_for_part(job.parts.parts[0], lambda frames: None)


def test_an_error_of_encoding_ends_all_threads(path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise ResourceError("no room")

    monkeypatch.setattr(PictureEncoder, "encode", fail)
    monkeypatch.setattr(LocalWorkerPool, "can_encode", lambda pool, worker: False)
    for jobs in (1, 2):
        with pytest.raises(ResourceError, match="no room"):
            in_parts(path, kinema, f"failing{jobs}.mp4", jobs, **H264)
        assert not [one for one in threading.enumerate() if one.name.startswith("kinemacolor")]


@pytest.mark.parametrize("error", [OSError("of chroma"), RuntimeError("of chroma")])
def test_an_error_of_another_stage_is_not_one_of_the_disk(
    error: Exception, path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(ChromaPostprocessor, "compute_cbcr_codes", fail)
    with pytest.raises(type(error), match="of chroma"):
        in_parts(path, kinema, "chroma.mp4", 1, **H264)
    assert not list(path.with_name("chroma.mp4.work").glob("parts/*"))


def test_a_full_disk_is_told_where_packets_are_written(
    path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(BytesIO):
        name = str(path.with_name("parts") / "new")

        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PartStore, "writing_packets", lambda store, part: Full())
    with pytest.raises(ResourceError, match="parts may not be written: no space is left"):
        in_parts(path, kinema, "full.mp4", 1, **H264)


def test_interlaced_frames_are_told_of_all_parts(
    path: Path, kinema: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = code_film(tmp_path / "fields.mkv", codec="mpeg2video", fields="tff", options={"g": "1"})
    with VideoReader(film) as whole:
        builder = FrameIndexBuilder(every=4)
        for block in whole.iter_blocks(8):
            builder.add_block(block)
        index = builder.build_index(whole)
    with RangeReader(film, index) as reader:
        list(reader.iter_blocks(2, 3, 1))  # frames before it are decoded, and not given
        assert reader.interlaced_frames == 1

    def take_interlaced(reader: RangeReader) -> StoredFrame:
        reader.interlaced_frames += 1
        return reader._reader.to_stored_frame(reader._take_frame())

    monkeypatch.setattr(RangeReader, "_take_stored_frame", take_interlaced)
    _, report = in_parts(path, kinema, "fields.mp4", 1, **H264)
    assert [note for note in report.warnings if note.startswith(f"{FRAMES} frames are interlaced")]


def test_what_cannot_be_in_parts_is_written_in_one_piece_and_told(path: Path, kinema: Colorizer) -> None:
    def notes(name: str, **target: object) -> str:
        return " ".join(rendered(path, kinema, name, **target).warnings)

    wanted = EncodingOptions(vcodec="vp9", parts=True)
    assert "--parts has no effect: libvpx-vp9 is written in one piece" in notes("out.webm", encoding=wanted)
    wanted, layer = EncodingOptions(lossless=True, parts=True), path.with_name("layer.mkv")
    assert "--parts has no effect: the layer of colours" in notes("base.mkv", encoding=wanted, layer=layer)
    rendered(path, kinema, "plain.mkv", encoding=EncodingOptions(lossless=True))
    assert path.with_name("base.mkv").read_bytes() == path.with_name("plain.mkv").read_bytes()


def test_film_that_is_damaged_is_written_in_one_piece(path: Path, kinema: Colorizer) -> None:
    plan, target = Plan.read(path), OutputSpec(path.with_name("trial.mp4"), EncodingOptions(parts=True))
    setup = prepare_plan_output(plan, target, kinema.spec, path.with_name("trial.work"), device="cpu", inputs=[])
    assert find_parts_obstacle(plan.film, setup) is None
    for changes, words in (({"frames": FRAMES - 10}, "cut off"), ({"anchors": ()}, "repaired")):
        assert words in (find_parts_obstacle(plan.film.model_copy(update=changes), setup) or "")


def test_parts_of_another_version_are_others(path: Path, kinema: Colorizer, monkeypatch: pytest.MonkeyPatch) -> None:
    job, target = RenderPlan(Plan.read(path), kinema, path.with_name("versions.work")), path.with_name("versions.mp4")
    wanted = OutputSpec(target, EncodingOptions(parts=True))
    setup = prepare_plan_output(job.plan, wanted, kinema.spec, job.work.folder, device="cpu", inputs=[])

    def digests(*painted_with: object) -> set[str]:
        return {part.digest for part in plan_parts(job.plan, job.shot_passes, setup, painted_with).parts}

    usual = digests("torch", "cpu", 1)
    assert digests("torch", "cpu", 1) == usual
    assert not digests("torch", "cuda", 1) & usual
    for name, value in (("__version__", "0"), ("library_versions", {"libavcodec": (1, 2, 3)})):
        with monkeypatch.context() as patch:
            patch.setattr(av, name, value)
            assert not digests("torch", "cpu", 1) & usual


def test_a_part_of_another_encoder_is_refused(path: Path) -> None:
    info, target = probe_film(path.with_name("film.mp4")), path.with_name("other.mp4")
    part = EncodedPart(path, b"other", (PacketEntry(0, 0, 1, True, 1),))
    with open_writer(target, info, choose_encoder(info, target, EncodingOptions())) as writer:
        assert isinstance(writer, VideoWriter)
        with pytest.raises(UsageError, match="another version of libx264"):
            writer.write_part(part)


def test_parts_are_long_enough_and_cover_the_film(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, info = Plan.read(path), probe_film(path.with_name("film.mp4"))

    def borders(seconds: float) -> list[int]:
        monkeypatch.setattr(parts_module, "MIN_PART_SECONDS", seconds)
        return parts_module._find_borders(plan, info)

    assert borders(0) == borders(60 / info.rate) == [0, 60, 120, 180]
    assert borders(61 / info.rate) == [0, 180]
    assert borders(1e6) == [0, 180]


def test_what_is_no_part_stays(tmp_path: Path) -> None:
    store, reels = PartStore(tmp_path), tmp_path / "parts" / "reel-1"
    reels.mkdir(parents=True)
    (reels / "scan.dpx").write_bytes(b"scan")
    (store.folder / "notes.json").write_bytes(b"{}")
    stale = store.folder / f"{'0' * 64}.packets"
    stale.write_bytes(b"packets")
    assert store.check([]) is None
    assert not stale.exists()
    store.remove()
    assert sorted(path.name for path in store.folder.iterdir()) == ["notes.json", "reel-1"]
    assert (reels / "scan.dpx").read_bytes() == b"scan"


def test_a_part_needs_the_passes_of_which_it_shows_frames(path: Path, kinema: Colorizer) -> None:
    passes = RenderPlan(Plan.read(path), kinema, path.with_name("needed.work")).passes
    parts = [FilmPart(first, first + 20, str(first)) for first in range(0, FRAMES, 20)]
    needed = list_needed_passes(parts, passes)
    assert needed == [[one for one in passes if one.first < part.end and part.first < one.end] for part in parts]
    assert {len(one) for one in needed} == {1, 2}  # two where shots dissolve
