"""Measures a machine in seconds: frames a second of training and of colorizing, with random frames.

Needs no film, and no weights but those that ship, so it tells what a machine can do before any data is there.
"""

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice, repeat
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.data.loader import Batch
from kinemacolor.inference.engines.cuda_graphs import GraphRunner, record_cuda_graph
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.session import BT709_FULL_RANGE, FrameFeatures, Session
from kinemacolor.losses.networks import LossNetworks
from kinemacolor.models.base import ModelOutput
from kinemacolor.nn.backbones import VGG19, EfficientNetLite0
from kinemacolor.nn.precision import flush_denormals
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.training.distributed import join_process_group
from kinemacolor.training.initialization import build_model
from kinemacolor.training.objective import needs_backbone, required_vgg_taps
from kinemacolor.training.recipe import ModelConfig, Recipe
from kinemacolor.training.recipe_losses import AdversarialLossConfig, LossesConfig
from kinemacolor.training.train_state import TrainState
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.stages import Stages
from kinemacolor.weights.registry import load_model

GIB = 2**30
SECONDS_BETWEEN_SAMPLES = 0.25  # of the GPU's utilization


@dataclass(frozen=True)
class Throughput:
    """``frames_per_second``, the ``seconds`` of a round (a step, a block), the device's peak memory in GiB.

    ``gpu_percent``: mean utilization of the first GPU; None where `nvidia-smi` is missing.
    """

    frames_per_second: float
    seconds: float
    peak_gib: float
    gpu_percent: float | None


def time_training(recipe: Recipe, device: str, seconds: float = 0.0) -> Throughput:
    """Time steps of a recipe's training for ``seconds``, at least one, on random clips of its shape.

    The weights are random, those of the losses' networks too, and every loss is active. A first step does not count.
    Raises what a training step raises.
    """
    with join_process_group(device) as process_group, flush_denormals(), torch.random.fork_rng():
        model = build_model(recipe.model.model_copy(update={"start_from": {}}), recipe.seed)
        state = TrainState(model, recipe, process_group, _make_loss_networks(recipe.losses))
        size = recipe.batch_size // recipe.gradient_accumulation
        parts = [make_random_batch(recipe, size, process_group.device)] * recipe.gradient_accumulation
        steps = count(_find_full_step(recipe))

        def train_once() -> int:
            state.train_step(parts, next(steps))
            return recipe.batch_size * recipe.clips.frames

        return _measure(train_once, process_group.device, seconds)


def make_random_batch(recipe: Recipe, size: int, device: torch.device) -> Batch:
    """Make a batch of ``size`` clips of the recipe's shape: smooth colours, no motion, all kinds of reference."""
    clips = recipe.clips
    kinds = [kind for kind, share in clips.kinds.items() if share]
    reference_kinds = tuple(kinds[number % len(kinds)] for number in range(size))
    lab = _make_random_lab((size, clips.frames), clips.clip_size, device)
    pairs = max(0, clips.frames - 1)
    return Batch(
        lab=lab,
        lightness=lab[:, :, :1].clone(),
        references=_make_random_lab((size, clips.references), clips.size, device),
        flow=torch.zeros(size, pairs, 2, *clips.clip_size, device=device),
        visibility=torch.ones(size, pairs, 1, *clips.clip_size, device=device),
        in_shot=tuple(kind in ("near", "far") for kind in reference_kinds),
        reference_kind=reference_kinds,
        source_numbers=(0,) * size,
    )


def time_forward(
    name: str, films: int, size: tuple[int, int], device: str, seconds: float, *, recorded: bool = False
) -> Throughput:
    """Time a model (by name, random weights) that colorizes so many films at once; frames are those of all films.

    ``size``: rows and columns. A GPU computes in bfloat16; ``recorded``: by CUDA graphs, of which a CPU only has the
    buffers.
    """
    with join_process_group(device) as process_group, flush_denormals(), torch.inference_mode():
        here = process_group.device
        model = build_model(ModelConfig(name=name), 0).to(here).eval()
        is_gpu = here.type == "cuda"
        run: Callable[..., ModelOutput] = model
        if recorded:
            half = torch.bfloat16 if is_gpu else None
            run = GraphRunner(model, record_cuda_graph if is_gpu else lambda work: work, half)
        with torch.autocast(here.type, torch.bfloat16, enabled=is_gpu):
            state = model.init_state(_make_random_lab((films, 1), size, here))
            block = _make_random_lab((films, model.spec.block_size), size, here)[:, :, :1]

            def predict_block() -> int:
                nonlocal state
                state = run(block, state).state
                return films * model.spec.block_size

            return _measure(predict_block, here, seconds)


def time_film_chain(name: str, size: tuple[int, int], device: str, seconds: float) -> Throughput:
    """Time the way from luma codes of a film to its CbCr codes, in stages that overlap as those of a render do.

    ``size``: rows and columns of the film. Needs no PyAV.
    """
    generator = np.random.default_rng(0)
    luma = generator.integers(0, 255, size, np.uint8)
    model = build_model(ModelConfig(name=name), 0)
    session = Session(model, [_make_reference()], height=size[0], width=size[1], device=device)
    block_size = model.spec.block_size

    def iter_blocks(lumas: Iterator[UIntArray]) -> Iterator[tuple[UIntArray, FrameFeatures | None]]:
        while True:
            block = np.stack(list(islice(lumas, block_size)))
            yield block, session.encode_frames(block, BT709_FULL_RANGE)

    def iter_predictions(blocks: Iterator[tuple[UIntArray, FrameFeatures | None]]) -> Iterator[ColorPrediction]:
        for block, features in blocks:
            yield from session.predict_frames(block, BT709_FULL_RANGE, features)

    def iter_planes(predictions: Iterator[ColorPrediction]) -> Iterator[UIntArray]:
        for prediction in predictions:
            yield session.postprocessor.compute_cbcr_codes(luma, prediction, size, BT709_FULL_RANGE, BT709_FULL_RANGE)

    with Stages() as stages:
        small = stages.start("luma", (session.geometry.downscale_codes(luma) for _ in repeat(None)))
        blocks = stages.start("features", iter_blocks(small))
        predictions = stages.start("network", iter_predictions(blocks), ahead=2 * block_size)
        planes = stages.start("chroma", iter_planes(predictions))
        return _measure(lambda: sum(1 for _ in islice(planes, block_size)), session.device, seconds)


def time_film(name: str, size: tuple[int, int], device: str, frames: int) -> Throughput:
    """Time the colorizing of a generated film from file to file, from the first encoded frame to the last.

    ``size``: rows and columns of the film. Raises as `ColorizeRun`.
    """
    from kinemacolor.benchmark.films import write_generated_film  # PyAV, which a training machine may lack
    from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun

    with tempfile.TemporaryDirectory() as place, _watch_gpu() as percents:
        film, still = Path(place, "film.mp4"), Path(place, "still.png")
        write_generated_film(film, frames, size)
        cv2.imwrite(str(still), _make_reference())
        request = ColorizeRequest(film, (ReferenceSpec(still),), Path(place, "result.mp4"), name, device=device)
        run, model, stages = ColorizeRun(request), load_model(name), Stages(keeps_intervals=True)
        run.render(run.make_plan(model), model, stages=stages)
    encoded = [end for _, end in stages.intervals["encode"][:frames]]
    spent = (encoded[-1] - encoded[0]) / (len(encoded) - 1)
    return Throughput(1 / spent, spent, _read_peak_gib(torch.device(device)), _mean(percents))


def _make_loss_networks(config: LossesConfig) -> LossNetworks:
    """The frozen networks of the active losses, with random weights."""
    taps = required_vgg_taps(config)
    return LossNetworks(
        vgg=VGG19(taps, width=1).eval().requires_grad_(False) if taps else None,
        backbone=EfficientNetLite0().eval().requires_grad_(False) if needs_backbone(config) else None,
    )


def _find_full_step(recipe: Recipe) -> int:
    """A step at which all losses are active."""
    term = recipe.losses.active_terms().get("adversarial")
    return term.start_step if isinstance(term, AdversarialLossConfig) else 0


def _make_random_lab(leading: tuple[int, int], size: tuple[int, int], device: torch.device) -> Tensor:
    """Smooth random Lab pictures ``A B 3 h w``, the same at each call."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(leading[0] * leading[1], 3, 9, 16, generator=generator).to(device)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    lab = smooth * 100 - torch.tensor([0.0, 50, 50], device=device)[:, None, None]
    return lab.reshape(*leading, 3, *size)


def _make_reference() -> UInt8Array:
    """A picture of coloured squares, ``216 384 3``."""
    return np.random.default_rng(0).integers(0, 255, (9, 16, 3), np.uint8).repeat(24, 0).repeat(24, 1)


def _measure(work: Callable[[], int], device: torch.device, seconds: float) -> Throughput:
    """Repeat some work, which gives its frames, for ``seconds``; a first round does not count."""
    is_gpu = device.type == "cuda"
    if is_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    work()
    _synchronize(device)
    with _watch_gpu() as percents:
        began, rounds, frames = time.monotonic(), 0, 0
        while not rounds or time.monotonic() - began < seconds:
            frames += work()
            rounds += 1
            _synchronize(device)
        spent = time.monotonic() - began
    return Throughput(frames / spent, spent / rounds, _read_peak_gib(device), _mean(percents))


def _read_peak_gib(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else 0.0


def _mean(percents: list[float]) -> float | None:
    return sum(percents) / len(percents) if percents else None


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _watch_gpu() -> Iterator[list[float]]:
    """Sample the utilization of the first GPU, in per cent, while the block runs; the list is complete after it."""
    percents: list[float] = []
    ended, program = threading.Event(), shutil.which("nvidia-smi")

    def take_samples() -> None:
        words = [str(program), "-i", "0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not ended.wait(SECONDS_BETWEEN_SAMPLES):
            answer = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
            percents.extend([float(answer)] if answer.isdigit() else [])

    thread = threading.Thread(target=take_samples, daemon=True) if program else None
    if thread:
        thread.start()
    try:
        yield percents
    finally:
        ended.set()
        if thread:
            thread.join()
