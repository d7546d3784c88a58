"""The films that are timed: any film, or ten generated minutes, which show whether memory grows with length."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from kinemacolor.benchmark.comparison import Comparison, compare_variants
from kinemacolor.benchmark.variants import Job, Variant
from kinemacolor.video.reader import probe_film

MIN_SPLIT_FRAMES = 16  # of a film, for the cost of a part of it to tell start-up from frames
LONG_SECONDS, LONG_FRAME_RATE, LONG_SIZE = 600, 10, (480, 854)


def compare_film(
    variants: Sequence[Variant],
    job: Job,
    *,
    rounds: int,
    on_run: Callable[[str], None] = lambda words: None,
) -> Comparison:
    """Time the colorizing of a film by some variants in turn.

    Raises InputError where it cannot be read, PartialError where a job fails.
    """
    info = probe_film(job.film)
    seconds = info.duration_seconds if (info.expected_frames or 0) >= MIN_SPLIT_FRAMES else None
    return compare_variants(
        variants, job, size=_name_size(info.height, info.width), seconds=seconds, rounds=rounds, on_run=on_run
    )


def compare_long_film(
    variants: Sequence[Variant],
    reference: Path,
    model: str,
    threads: int | None,
    on_run: Callable[[str], None] = lambda words: None,
) -> Comparison:
    """Time ten minutes of generated 480p film, once and only as a whole. Raises as `compare_film`."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder, "ten-minutes.mp4")
        write_generated_film(film, LONG_SECONDS * LONG_FRAME_RATE, LONG_SIZE)
        job = Job(film, reference, model, threads=threads)
        return compare_variants(
            variants, job, size=_name_size(*LONG_SIZE), seconds=None, rounds=1, with_stages=False, on_run=on_run
        )


def _name_size(height: int, width: int) -> str:
    return f"{width}x{height}"


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
