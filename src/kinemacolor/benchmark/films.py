"""Times the colorizing of films: core-seconds per frame by stage, and the peak memory of a whole run."""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path

import av
import numpy as np

from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.nn.backbones import VGG19, EfficientNetLite0, ResNet101
from kinemacolor.references.load import load_reference
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.demo import REFERENCE, SAMPLE
from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun
from kinemacolor.rendering.output import cbcr_plane_size
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.writer import open_writer
from kinemacolor.weights.registry import load_model

LONG_SECONDS, LONG_FRAME_RATE, LONG_SIZE = 600, 10, (480, 854)
STAGES = ("decode", "prepare", "features", "match", "chroma", "encode")


@dataclass(frozen=True)
class FilmBenchmark:
    """What one film costs.

    Core-seconds per frame: ``stages``, each run alone, and ``whole``, the pipeline; ``wall``: seconds per frame on the
    clock.
    """

    film: str
    size: str
    frames: int
    stages: dict[str, float]
    whole: float
    wall: float
    peak_memory_mb: float


def benchmark_film(film: Path | None = None, reference: Path | None = None, model: str = "kinema") -> FilmBenchmark:
    """Time the colorizing of a film (default: the bundled sample) with a reference (default: the sample's)."""
    package = files("kinemacolor")
    with as_file(package.joinpath(SAMPLE)) as sample, as_file(package.joinpath(REFERENCE)) as still:
        return _benchmark_film(film or sample, reference or still, model, stage_frames=40)


def benchmark_long_film(model: str = "kinema") -> FilmBenchmark:
    """Time ten minutes of generated 480p film, which shows whether peak memory grows with length."""
    with tempfile.TemporaryDirectory() as folder, as_file(files("kinemacolor").joinpath(REFERENCE)) as still:
        film = Path(folder, "ten-minutes.mp4")
        write_generated_film(film, LONG_SECONDS * LONG_FRAME_RATE, LONG_SIZE)
        return _benchmark_film(film, still, model, stage_frames=40)


def format_film_table(rows: list[FilmBenchmark]) -> str:
    """Format the Markdown table of docs/results.md, in core-milliseconds per frame."""
    lines = [
        f"| film | size | frames | {' | '.join(STAGES)} | whole | wall | peak MB |",
        "|---|---|--:|" + "--:|" * (len(STAGES) + 3),
    ]
    for row in rows:
        stages = " | ".join(f"{row.stages[stage] * 1000:.0f}" for stage in STAGES)
        lines.append(
            f"| {row.film} | {row.size} | {row.frames} | {stages} | {row.whole * 1000:.0f} | {row.wall * 1000:.0f} | "
            f"{row.peak_memory_mb:.0f} |"
        )
    return "\n".join(lines)


def write_generated_film(path: Path, frames: int, size: tuple[int, int]) -> None:
    """Write a gray film of drifting soft shapes and grain; ``size`` is rows and columns in px."""
    height, width = size
    generator = np.random.default_rng(0)
    coarse = generator.random((9, 16)).astype(np.float32)
    tall = np.kron(coarse, np.ones((height // 9 + 1, width // 16 + 1), np.float32))[:height, :width] * 180 + 30
    grain = generator.normal(0, 4, (8, height, width)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=LONG_FRAME_RATE, options={"preset": "ultrafast", "crf": "23"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "gray"
        for index in range(frames):
            picture = np.roll(tall, (index // 3, index), (0, 1)) + grain[index % 8]
            frame = av.VideoFrame.from_ndarray(picture.clip(0, 255).astype(np.uint8), "gray")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _benchmark_film(film: Path, reference: Path, model_name: str, stage_frames: int) -> FilmBenchmark:
    # A new process, because the peak memory of this one may come from earlier runs.
    with ProcessPoolExecutor(1, mp_context=CleanSpawnContext()) as pool:
        frames, core_seconds, wall_seconds, peak = pool.submit(_time_whole_run, film, reference, model_name).result()
    stages = _time_stages(film, reference, load_model(model_name), stage_frames)
    with VideoReader(film) as reader:
        size = f"{reader.info.width}x{reader.info.height}"
    return FilmBenchmark(film.name, size, frames, stages, core_seconds / frames, wall_seconds / frames, peak)


def _time_whole_run(film: Path, reference: Path, model_name: str) -> tuple[int, float, float, float]:
    """Colorize a film once; gives its frames, core-seconds, seconds on the clock, and peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(model_name)
        request = ColorizeRequest(film, (ReferenceSpec(reference),), Path(folder, "result.mp4"), model_name, jobs=1)
        run = ColorizeRun(request)  # in this process, whose time is taken
        core_seconds, wall_seconds = time.process_time(), time.monotonic()
        report = run.render(run.make_plan(model), model)
        core_seconds, wall_seconds = time.process_time() - core_seconds, time.monotonic() - wall_seconds
    return report.frames, core_seconds, wall_seconds, peak_memory_mb()


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MB.

    Linux reads /proc, because getrusage there would include the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


class _StageTimer:
    """Sums the core-seconds that this process spends in each stage."""

    def __init__(self) -> None:
        self.core_seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def time_stage(self, stage: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.core_seconds[stage] += time.process_time() - started


def _time_stages(film: Path, reference: Path, model: Colorizer, count: int) -> dict[str, float]:
    """Run each stage alone, one after the other, over the first ``count`` frames; gives core-seconds per frame."""
    timer = _StageTimer()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "result.mp4")
        output_setup = ColorizeRun(ColorizeRequest(film, (ReferenceSpec(reference),), output)).output_setup
        info, encoder = output_setup.info, output_setup.encoder
        session = Session(model, [load_reference(reference)], height=info.height, width=info.width)
        _time_backbone(model, timer)
        native, target = info.colors.build_ycbcr(info.depth), info.colors.build_ycbcr(encoder.depth)
        with VideoReader(film) as reader, timer.time_stage("decode"):
            blocks = list(islice(reader.iter_blocks(model.spec.block_size), -(-count // model.spec.block_size)))
        cbcr_planes: list[UIntArray] = []
        for block in blocks:
            with timer.time_stage("prepare"):
                small_lumas = np.stack([session.geometry.downscale_codes(luma) for luma in block.luma_codes])
            with timer.time_stage("match"):
                predictions = session.predict_frames(small_lumas, native)
            with timer.time_stage("chroma"):
                size = cbcr_plane_size(info, encoder)
                for luma, prediction in zip(block.luma_codes, predictions, strict=True):
                    cbcr_planes.append(
                        session.postprocessor.compute_cbcr_codes(
                            luma, session.postprocessor.with_saturation(prediction), size, native, target
                        )
                    )
        frames = [frame for block in blocks for frame in zip(block.luma_codes, block.pts, block.durations, strict=True)]
        with timer.time_stage("encode"), open_writer(output, info, encoder) as writer:
            for (luma, pts, duration), cbcr_codes in zip(frames, cbcr_planes, strict=True):
                writer.write(luma, cbcr_codes, pts, duration)
    # The backbone runs inside of "match", and its time is shown apart.
    timer.core_seconds["match"] -= timer.core_seconds["features"]
    return {stage: spent / len(frames) for stage, spent in timer.core_seconds.items()}


def _time_backbone(model: Colorizer, timer: _StageTimer) -> None:
    """Hook the model's backbones, so that their time is also counted as the stage ``features``."""
    start_times: list[float] = []

    def start_timer(*_: object) -> None:
        start_times.append(time.process_time())

    def stop_timer(*_: object) -> None:
        timer.core_seconds["features"] += time.process_time() - start_times.pop()

    for backbone in model.modules():
        if isinstance(backbone, EfficientNetLite0 | VGG19 | ResNet101):
            backbone.register_forward_pre_hook(start_timer)
            backbone.register_forward_hook(stop_timer)
