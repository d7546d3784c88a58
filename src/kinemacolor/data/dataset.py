"""Clips to learn from: consecutive frames and their motion, what a model is given, and references.

Clip ``i`` depends on the index, the options, the seed and ``i`` alone: an order that is cut anywhere goes
on from there, with any number of workers.
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
from kinemacolor.data.augment import PhotographShot, grid, inside, luma_noise, mirrored
from kinemacolor.data.clip import Clip, ClipOptions
from kinemacolor.data.degradation import Damage, worn
from kinemacolor.data.flow_cache import MotionStore
from kinemacolor.data.frame_cache import FrameStore, Size
from kinemacolor.data.index import Index
from kinemacolor.data.references import References
from kinemacolor.data.sampler import Order
from kinemacolor.data.shots import FilmShot, Shot
from kinemacolor.errors import InputError
from kinemacolor.utils.arrays import Float32Array, UInt8Array

PHOTOGRAPH_FRAMES = 24  # of the shot that a photograph becomes


class _Frames(NamedTuple):
    """Pictures ``T h w 3``, flow ``T-1 h w 2`` and what is seen ``T-1 h w``."""

    pictures: UInt8Array
    flow: Float32Array
    seen: Float32Array


class Clips(Dataset[Clip]):
    """Clips without end. Decoded frames (``store``) and motion are kept in ``cache``.

    ``notices`` is what a person should know: sources that are too short, references that cannot be made.
    Raises InputError where no source is long enough, UsageError where no reference can be made.
    """

    def __init__(self, index: Index, options: ClipOptions, cache: Path, seed: int = 0) -> None:
        self.index, self.options, self.seed = index, options, seed
        self.store, self._motions = FrameStore(cache / "frames", options.size), MotionStore(cache / "motion")
        self._references, missing = References.of(index, self.store, options)
        usable = [number for number in range(len(index.sources)) if self._spans(number)]
        if not usable:
            raise InputError(f"no film has a shot of {options.shortest} frames: take fewer frames, or other films")
        self._order = Order.of(index.sources, usable, options.photographs, seed)
        short = [index.sources[number].path for number in sorted({*range(len(index.sources))} - {*usable})]
        self.notices = (*missing, *(f"{path} has no shot of {options.shortest} frames: left out" for path in short))

    def __getitem__(self, number: int) -> Clip:
        """Clip ``number``, from 0 on. Raises InputError for a source that is gone, ResourceError for the disk."""
        generator = np.random.default_rng([self.seed, number])
        source = self._order.source(number)
        shot = self._shot(source, generator)
        numbers = self._numbers(shot.length, generator)
        kind = self._references.kind(generator)
        drawn = [self._references.draw(kind, source, shot, numbers, generator) for _ in range(self.options.references)]
        frames = _cropped(_frames(shot, numbers), self.options.window, generator)
        if generator.random() < self.options.mirrored:
            frames, drawn = _mirrored(frames), [mirrored(picture) for picture in drawn]
        lab = _lab(frames.pictures)
        return Clip(
            lab=lab,
            luma=torch.from_numpy(self._luma(lab[:, 0].numpy(), source, generator))[:, None],
            references=_lab(np.stack(drawn)),
            flow=torch.from_numpy(np.ascontiguousarray(frames.flow.transpose(0, 3, 1, 2))),
            seen=torch.from_numpy(np.ascontiguousarray(frames.seen))[:, None],
            in_shot=kind in ("near", "far"),
            reference_kind=kind,
            source=source,
        )

    def _spans(self, number: int) -> list[range]:
        """The frames of a source's shots that are long enough."""
        source = self.index.sources[number]
        spans = [range(PHOTOGRAPH_FRAMES)] if source.kind == "photograph" else source.shots()
        return [span for span in spans if len(span) >= self.options.shortest]

    def _shot(self, number: int, generator: np.random.Generator) -> Shot:
        """One of a source's shots, a longer one more often; at ``size``."""
        source, spans, size = self.index.sources[number], self._spans(number), self.options.size
        stored = self.store.frames(source)
        if source.kind == "photograph":
            return PhotographShot(stored[0], size, len(spans[0]), generator)
        lengths = np.array([len(span) for span in spans])
        span = spans[int(generator.choice(len(spans), p=lengths / lengths.sum()))]
        top, left = (
            int(generator.integers(have - want + 1)) for have, want in zip(stored.shape[1:3], size, strict=True)
        )
        return FilmShot(stored, source.digest, span, (top, left), size, self._motions)

    def _numbers(self, length: int, generator: np.random.Generator) -> list[int]:
        """The frames of a clip, forwards or backwards."""
        steps = self.options.frames - 1
        stride = int(generator.choice([stride for stride in self.options.strides if steps * stride < length]))
        first = int(generator.integers(length - steps * stride))
        numbers = list(range(first, first + steps * stride + 1, stride))
        return numbers[::-1] if generator.random() < self.options.reversed else numbers

    def _luma(self, luma: Float32Array, source: int, generator: np.random.Generator) -> Float32Array:
        """What a model is given for ``luma`` ``T h w``: noisy where it is a photograph's, perhaps damaged."""
        if self.index.sources[source].kind == "photograph":
            luma = (luma + luma_noise(luma.shape, generator)).clip(0, 100)
        if generator.random() < self.options.damaged:
            luma = worn(luma, Damage.draw(generator), generator)
        return luma


def _frames(shot: Shot, numbers: Sequence[int]) -> _Frames:
    pictures = np.stack([shot.picture(number) for number in numbers])
    motions = [shot.motion(first, second) for first, second in pairwise(numbers)]
    size = pictures.shape[1:3]
    flow = np.stack([flow for flow, _ in motions]) if motions else np.zeros((0, *size, 2), np.float32)
    seen = np.stack([seen for _, seen in motions]) if motions else np.zeros((0, *size), np.float32)
    return _Frames(pictures, flow, seen)


def _cropped(frames: _Frames, size: Size, generator: np.random.Generator) -> _Frames:
    """A window of ``size``; what comes from outside of it is not seen any more."""
    whole = frames.pictures.shape[1:3]
    top, left = (int(generator.integers(have - want + 1)) for have, want in zip(whole, size, strict=True))
    window = (slice(None), slice(top, top + size[0]), slice(left, left + size[1]))
    cut = _Frames(frames.pictures[window], frames.flow[window], frames.seen[window])
    for flow, seen in zip(cut.flow, cut.seen, strict=True):
        seen *= inside(grid(size) + flow)
    return cut


def _mirrored(frames: _Frames) -> _Frames:
    flow = frames.flow[:, :, ::-1] * np.array([-1, 1], np.float32)
    return _Frames(frames.pictures[:, :, ::-1], flow, frames.seen[:, :, ::-1])


def _lab(pictures: UInt8Array) -> Tensor:
    """``T h w 3`` sRGB to Lab ``T 3 h w``."""
    return rgb_to_lab(torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255)
