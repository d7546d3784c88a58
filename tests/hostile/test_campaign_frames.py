"""200,000 frames at flat memory, through the real reader, plan, render and writer; only the model is a quick one."""

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from kinemacolor.cli.main import run
from support.campaign import Tally, scaled
from support.film_facts import read_facts
from support.films import scene
from support.fork_pool import fork_one, use_one_thread, wait_briefly
from support.plans import save
from support.quick_jobs import FAST
from support.quick_model import quick_model
from support.strange_films import code_film

FRAMES, LOOP = 200_000, 1000
SIZE = (48, 64)
MOST_GROWTH_MB = 60  # from the first third of a pass to its last: buffers that were not yet full, and 8 bytes a frame
SAMPLE_KB = 3  # of the survey, which keeps a small picture of every twelfth frame


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[None]:
    use_one_thread()
    with pytest.MonkeyPatch.context() as patch, quick_model(patch):
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        yield


def make_long_film(path: Path, frames: int) -> Path:
    """The packets of a short film again and again: that costs no coding."""
    short = code_film(path.with_name("short.mkv"), min(LOOP, frames), codec="mpeg4", size=SIZE, options={"bf": "0"})
    with av.open(str(short)) as source:
        packets = [(bytes(packet), packet.is_keyframe) for packet in source.demux() if packet.size]
    with av.open(str(short)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number in range(frames):
            data, is_key = packets[number % len(packets)]
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), is_key
            packet.pts = packet.dts = 40 * number
            packet.duration = 40
            target.mux(packet)
    return path


def watch(job: Callable[[], int], said: Path) -> tuple[list[float], int]:
    """Do a job in a child; gives its memory in MB, four times a second, and how it ended."""
    child = fork_one(lambda: os._exit(job()), limit_memory=False, said=said)
    curve: list[float] = []
    while (ended := wait_briefly(child, 0.25)) is None:
        pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
        curve.append(pages * resource.getpagesize() / 1e6)
    return curve, ended


@pytest.mark.slow
def test_200_000_frames_at_flat_memory(quick: None, tmp_path: Path) -> None:
    frames = scaled(FRAMES, least=400)
    film = make_long_film(tmp_path / "film.mkv", frames)
    still, plan, result = save(tmp_path / "still.png", scene(0, SIZE)), tmp_path / "plan.json", tmp_path / "out.mkv"
    tally = Tally("frames at flat memory")
    jobs = {
        "plan": ["plan", str(film), "-r", str(still), "-o", str(plan), "-q"],
        "render": ["render", str(plan), "-o", str(result), *FAST],
    }
    for name, words in jobs.items():
        began = time.monotonic()
        curve, ended = watch(lambda words=words: run(words), tmp_path / "said.txt")
        assert ended == 0, (tmp_path / "said.txt").read_text()[-2000:]
        tenths = [round(curve[len(curve) * part // 10]) for part in range(10)] if curve else []
        tally.counts[name, f"frames in {time.monotonic() - began:.0f} s, MB at each tenth: {tenths}"] = frames
        allowed = MOST_GROWTH_MB + (frames / 12 * SAMPLE_KB / 1000 if name == "plan" else 0)
        third = max(1, len(curve) // 3)
        growth = float(np.mean(curve[-third:]) - np.mean(curve[third : 2 * third])) if len(curve) >= 9 else 0.0
        assert growth < allowed, (name, tenths)
    tally.report()
    assert read_facts(result).frames == frames
