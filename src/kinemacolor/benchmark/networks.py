"""Times the networks alone, against the originals' order of work, and repeats the timing tables of the papers.

Machines differ and are noisy, so the numbers to look at are ratios of two things that were timed in turn.
"""

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from kinemacolor.benchmark.flops import compute_model_cost
from kinemacolor.benchmark.original_order import make_original_order
from kinemacolor.benchmark.process_cost import read_own_peak_memory_mb
from kinemacolor.models.base import Colorizer
from kinemacolor.models.color2embed import Color2Embed
from kinemacolor.models.long_term.model import LongTerm
from kinemacolor.models.long_term.subnets import LongTermOptions
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.weights.registry import MODELS, WeightsNotice, load_model

SIZE = (216, 384)
PUBLISHED_COLOR2EMBED = {256: 0.03, 512: 0.08, 1024: 0.32}  # Table 1, seconds on a GTX 1080 Ti
PUBLISHED_LONG_TERM = {1: 0.1001, 2: 0.0743, 3: 0.0706, 4: 0.0730, 5: 0.0774, 6: 0.0840}  # Table 3, DAVIS


@dataclass(frozen=True)
class NetworkBenchmark:
    """Cost of one network per frame of 216×384: GFLOP and core-seconds, ours and in the original's order of work.

    ``plain_core_seconds``: in the original's order. ``largest_difference``: between the ab of the two, in Lab units.
    """

    model: str
    gflop: float
    core_seconds: float
    plain_core_seconds: float
    largest_difference: float
    peak_memory_mb: float


@dataclass(frozen=True)
class PublishedTiming:
    """One entry of a published timing table beside our own timing of it.

    ``published_seconds`` are theirs on a GPU of the time, ``seconds`` ours here; ratios are to the table's first entry.
    """

    table: str
    entry: str
    published_seconds: float
    seconds: float
    published_ratio: float
    ratio: float


def benchmark_all_networks(rounds: int = 3) -> list[NetworkBenchmark]:
    """Time every model, with the weights that are installed or untrained ones: timing does not depend on them.

    Peak memory is that of a new process that does not run the original's order.
    """
    rows = []
    for name in sorted(MODELS):
        with ProcessPoolExecutor(1, mp_context=CleanSpawnContext()) as pool:
            peak = pool.submit(_measure_peak_memory_mb, name).result()
        rows.append(_benchmark_network(name, rounds, peak))
    return rows


def benchmark_published_tables(rounds: int = 2) -> list[PublishedTiming]:
    """Repeat the timing of Color2Embed's Table 1 and Long-term's Table 3."""
    with torch.inference_mode():
        squares = {side: _time_color2embed(side, rounds) for side in PUBLISHED_COLOR2EMBED}
        blocks = {count: _time_long_term(count, rounds) for count in PUBLISHED_LONG_TERM}
    return [
        *_published_timings("Color2Embed, Table 1", "{0}×{0}", PUBLISHED_COLOR2EMBED, squares),
        *_published_timings("Long-term, Table 3", "N = {0}", PUBLISHED_LONG_TERM, blocks),
    ]


def format_network_tables(networks: list[NetworkBenchmark], tables: list[PublishedTiming]) -> str:
    """Format the two Markdown tables of docs/results.md."""
    lines = [
        "| model | GFLOP a frame | core-s a frame | original's order | ratio | largest difference (ab) | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in networks:
        spent = (
            f"{row.core_seconds:.2f} | {row.plain_core_seconds:.2f} | {row.plain_core_seconds / row.core_seconds:.2f}"
        )
        lines.append(
            f"| {row.model} | {row.gflop:.0f} | {spent} | {row.largest_difference:.4f} | {row.peak_memory_mb:.0f} |"
        )
    lines += ["", "| table | entry | published s | ratio | here s | ratio |", "|---|---|--:|--:|--:|--:|"]
    for entry in tables:
        lines.append(
            f"| {entry.table} | {entry.entry} | {entry.published_seconds:.3f} | {entry.published_ratio:.2f} | "
            f"{entry.seconds:.3f} | {entry.ratio:.2f} |"
        )
    return "\n".join(lines)


def _benchmark_network(name: str, rounds: int, peak: float) -> NetworkBenchmark:
    """Time ours and the original's order in turn, after a first round that only compares their results."""
    with torch.inference_mode():
        model, reference, lightness = _make_test_inputs(name)
        state = model.init_state(reference[:, None])
        original = make_original_order(model, reference)
        own_seconds, original_seconds, largest_difference = 0.0, 0.0, 0.0
        for turn in range(rounds + 1):
            block = lightness.roll(turn, -1)
            begun = time.process_time()
            output = model(block, state)
            middle = time.process_time()
            original_ab = original.step(block)
            ended = time.process_time()
            state = output.state
            if turn == 0:  # chaotic untrained networks drift apart after the first block
                largest_difference = float((output.ab - original_ab).abs().max())
            else:
                own_seconds, original_seconds = own_seconds + middle - begun, original_seconds + ended - middle
    frames = rounds * model.spec.block_size
    gflop = compute_model_cost(MODELS[name], height=SIZE[0], width=SIZE[1]).frame_gflop
    return NetworkBenchmark(name, gflop, own_seconds / frames, original_seconds / frames, largest_difference, peak)


def _measure_peak_memory_mb(name: str) -> float:
    with torch.inference_mode():
        model, reference, lightness = _make_test_inputs(name)
        state = model.init_state(reference[:, None])
        for _ in range(2):
            state = model(lightness, state).state
    return read_own_peak_memory_mb()


def _make_test_inputs(name: str) -> tuple[Colorizer, Tensor, Tensor]:
    """Make a model, a smooth random reference, Lab ``1 3 h w``, and a block of frames with its L*, ``1 T 1 h w``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeightsNotice)
        model = load_model(name)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 9, 16, generator=generator)
    lab = torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic").clamp(0, 1)
    reference = lab * 100 - torch.tensor([0.0, 50, 50])[:, None, None]
    return model, reference, reference[:, None, :1].expand(-1, model.spec.block_size, -1, -1, -1)


def _time_color2embed(side: int, rounds: int) -> float:
    """Time reference and frame together at ``side`` × ``side`` px, in seconds."""
    model = Color2Embed().eval()
    lab = torch.rand(1, 1, 3, side, side) * 50

    def colorize_once() -> None:
        model(lab[:, :, :1], model.init_state(lab))

    return _shortest_wall_seconds(colorize_once, rounds)


def _time_long_term(count: int, rounds: int) -> float:
    """Time a block of ``count`` frames that are predicted together, in seconds per frame."""
    model = LongTerm(LongTermOptions(block=count)).eval()
    state = model.init_state(torch.rand(1, 1, 3, *SIZE) * 50)
    lightness = torch.rand(1, count, 1, *SIZE) * 100
    state = model(lightness, state).state  # only later blocks also read the long-term memory
    return _shortest_wall_seconds(lambda: model(lightness, state), rounds) / count


def _shortest_wall_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the duration of the shortest of several runs: noise only ever adds time."""
    spent = []
    for _ in range(rounds):
        begun = time.monotonic()
        work()
        spent.append(time.monotonic() - begun)
    return min(spent)


def _published_timings(
    name: str, entry: str, published: dict[int, float], measured: dict[int, float]
) -> list[PublishedTiming]:
    """Join published and measured seconds, by key, with their ratios to the first key's."""
    first_published, first_measured = next(iter(published.values())), next(iter(measured.values()))
    return [
        PublishedTiming(
            name, entry.format(key), seconds, measured[key], seconds / first_published, measured[key] / first_measured
        )
        for key, seconds in published.items()
    ]
