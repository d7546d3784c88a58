"""The data set of training clips: frames and their flow, the model's input, references.

Clip ``i`` depends on the index, the options, the seed and ``i`` only, so training resumes at any clip, with any
number of workers.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from kinemacolor.color import rgb_to_lab
from kinemacolor.data.augment import (
    PhotographShot,
    compute_inside_mask,
    make_lightness_noise,
    make_pixel_grid,
    mirror_picture,
)
from kinemacolor.data.clip import Clip, ClipOptions
from kinemacolor.data.degradation import FilmDegradation, degrade_film
from kinemacolor.data.flow_cache import FlowCache
from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.references import ReferenceSampler
from kinemacolor.data.sampler import SourceSampler
from kinemacolor.data.shots import FilmShot, TrainingShot
from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import Float32Array, Size, UInt8Array

PHOTOGRAPH_FRAMES = 24  # frames of the shot that is made from a photograph


class _ClipFrames(NamedTuple):
    """Pictures ``T h w 3`` sRGB, backward flow ``T-1 h w 2`` px, visibility ``T-1 h w`` (0 or 1)."""

    pictures: UInt8Array
    flow: Float32Array
    visibility: Float32Array


class ClipDataset(Dataset[Clip]):
    """An endless data set of clips; decoded frames (``frame_cache``) and flow are cached below the folder ``cache``.

    ``notices`` are lines for the user: sources that are too short, kinds of references that cannot be made.
    Raises InputError where no source is long enough, UsageError where no kind of reference can be made.
    """

    def __init__(self, index: SourceIndex, options: ClipOptions, cache: Path, seed: int = 0) -> None:
        self.index, self.options, self.seed = index, options, seed
        self.frame_cache, self._flow_cache = FrameCache(cache / "frames", options.size), FlowCache(cache / "motion")
        self._reference_sampler, missing = ReferenceSampler.from_options(index, self.frame_cache, options)
        usable = [number for number in range(len(index.sources)) if self._find_usable_shots(number)]
        if not usable:
            raise InputError(
                f"no film has a shot of {options.min_shot_frames} frames: take fewer frames, or other films"
            )
        self._source_sampler = SourceSampler.from_sources(index.sources, usable, options.photographs, seed)
        short = [index.sources[number].path for number in sorted({*range(len(index.sources))} - {*usable})]
        self.notices = (
            *missing,
            *(f"{path} has no shot of {options.min_shot_frames} frames: left out" for path in short),
        )

    def __getitem__(self, number: int) -> Clip:
        """Make clip ``number``, from 0 on. Raises InputError for a missing source, ResourceError for disk errors."""
        generator = np.random.default_rng([self.seed, number])
        source = self._source_sampler.pick_source(number)
        shot = self._draw_shot(source, generator)
        numbers = self._draw_frame_numbers(shot.length, generator)
        kind = self._reference_sampler.draw_kind(generator)
        references = [
            self._reference_sampler.draw_reference(kind, source, shot, numbers, generator)
            for _ in range(self.options.references)
        ]
        frames = _crop_frames(_load_frames(shot, numbers), self.options.clip_size, generator)
        if generator.random() < self.options.mirrored:
            frames, references = _mirror_frames(frames), [mirror_picture(picture) for picture in references]
        lab = _to_lab_tensor(frames.pictures)
        return Clip(
            lab=lab,
            lightness=torch.from_numpy(self._degrade_lightness(lab[:, 0].numpy(), source, generator))[:, None],
            references=_to_lab_tensor(np.stack(references)),
            flow=torch.from_numpy(np.ascontiguousarray(frames.flow.transpose(0, 3, 1, 2))),
            visibility=torch.from_numpy(np.ascontiguousarray(frames.visibility))[:, None],
            in_shot=kind in ("near", "far"),
            reference_kind=kind,
            source_number=source,
        )

    def _find_usable_shots(self, number: int) -> list[range]:
        """Frame numbers of each of a source's shots that is long enough."""
        source = self.index.sources[number]
        shots = [range(PHOTOGRAPH_FRAMES)] if source.kind == "photograph" else source.list_shot_ranges()
        return [span for span in shots if len(span) >= self.options.min_shot_frames]

    def _draw_shot(self, number: int, generator: np.random.Generator) -> TrainingShot:
        """Draw one of a source's shots, in proportion to their lengths; films are cropped to ``size`` at random."""
        source, spans, size = self.index.sources[number], self._find_usable_shots(number), self.options.size
        stored = self.frame_cache.load_frames(source)
        if source.kind == "photograph":
            return PhotographShot(stored[0], size, len(spans[0]), generator)
        lengths = np.array([len(span) for span in spans])
        span = spans[int(generator.choice(len(spans), p=lengths / lengths.sum()))]
        top, left = (
            int(generator.integers(have - want + 1)) for have, want in zip(stored.shape[1:3], size, strict=True)
        )
        return FilmShot(stored, source.digest, span, (top, left), size, self._flow_cache)

    def _draw_frame_numbers(self, length: int, generator: np.random.Generator) -> list[int]:
        """Draw the frame numbers of a clip within a shot, in order or reversed."""
        steps = self.options.frames - 1
        stride = int(generator.choice([stride for stride in self.options.strides if steps * stride < length]))
        first = int(generator.integers(length - steps * stride))
        numbers = list(range(first, first + steps * stride + 1, stride))
        return numbers[::-1] if generator.random() < self.options.reversed else numbers

    def _degrade_lightness(self, lightness: Float32Array, source: int, generator: np.random.Generator) -> Float32Array:
        """The model's input for the true L* ``T h w``: noise for photographs, film degradation at random."""
        if self.index.sources[source].kind == "photograph":
            lightness = (lightness + make_lightness_noise(lightness.shape, generator)).clip(0, 100)
        if generator.random() < self.options.damaged:
            lightness = degrade_film(lightness, FilmDegradation.draw_random(generator), generator)
        return lightness


def _load_frames(shot: TrainingShot, numbers: Sequence[int]) -> _ClipFrames:
    """Frames of a shot and the flow between consecutive ones."""
    pictures = np.stack([shot.get_frame(number) for number in numbers])
    motions = [shot.get_backward_flow(first, second) for first, second in pairwise(numbers)]
    size = pictures.shape[1:3]
    flow = np.stack([flow for flow, _ in motions]) if motions else np.zeros((0, *size, 2), np.float32)
    visibility = np.stack([visible for _, visible in motions]) if motions else np.zeros((0, *size), np.float32)
    return _ClipFrames(pictures, flow, visibility)


def _crop_frames(frames: _ClipFrames, size: Size, generator: np.random.Generator) -> _ClipFrames:
    """Crop a random window of ``size``; flow that comes from outside the window is no longer visible."""
    whole = frames.pictures.shape[1:3]
    top, left = (int(generator.integers(have - want + 1)) for have, want in zip(whole, size, strict=True))
    window = (slice(None), slice(top, top + size[0]), slice(left, left + size[1]))
    cut = _ClipFrames(frames.pictures[window], frames.flow[window], frames.visibility[window])
    for flow, visibility in zip(cut.flow, cut.visibility, strict=True):
        visibility *= compute_inside_mask(make_pixel_grid(size) + flow)
    return cut


def _mirror_frames(frames: _ClipFrames) -> _ClipFrames:
    """Mirror pictures, flow (x changes its sign) and visibility horizontally."""
    flow = frames.flow[:, :, ::-1] * np.array([-1, 1], np.float32)
    return _ClipFrames(frames.pictures[:, :, ::-1], flow, frames.visibility[:, :, ::-1])


def _to_lab_tensor(pictures: UInt8Array) -> Tensor:
    """Convert ``T h w 3`` sRGB 0..255 to Lab ``T 3 h w``."""
    return rgb_to_lab(torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255)
