"""The data set of training clips: frames and their flow, the model's input, references.

Clip ``i`` depends on the index, the options, the seed and ``i`` only, so training resumes at any clip, with any
number of workers. Every choice is drawn from a NumPy generator; pixels are computed where the store has them, in a
process beside training or on its device. (Noise differs between kinds of device: each has a generator of its own.)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from kinemacolor.color import rgb_to_lab
from kinemacolor.data.clip import Clip, ClipOptions
from kinemacolor.data.degradation import FilmDegradation, degrade_film, draw_noise, move_and_cover
from kinemacolor.data.flow_cache import FlowCache
from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.index import SourceIndex
from kinemacolor.data.layered_shot import LayeredShot, draw_light
from kinemacolor.data.pasted_thing import PastedThing
from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.references import ReferenceSampler
from kinemacolor.data.sampler import SourceSampler, happens
from kinemacolor.data.shots import FilmShot, TrainingShot, make_no_flow
from kinemacolor.data.store import DiskStore, SourceStore
from kinemacolor.data.warping import draw_window
from kinemacolor.errors import InputError
from kinemacolor.nn.constants import get_constant
from kinemacolor.utils.arrays import Size

PHOTOGRAPH_FRAMES = 24  # frames of the shot that is made from a photograph
MAX_LIGHTNESS_NOISE = 2.0  # sigma in L*, of the input of clips of photographs
MAX_THINGS = 3  # that pass over one shot
MAX_NEWCOMERS = 1  # that only a distant time shows


class _ClipFrames(NamedTuple):
    """Pictures ``T 3 h w`` sRGB 0..255, backward flow ``T-1 2 h w`` px, visibility ``T-1 1 h w`` (0 or 1)."""

    pictures: Tensor
    flow: Tensor
    visibility: Tensor


class ClipDataset(Dataset[Clip]):
    """An endless data set of clips, made where ``store`` has its frames; by default caches below the folder ``cache``.

    ``frame_cache``: where frames are read from instead, such as a pack.

    ``notices`` are lines for the user: sources that are too short, kinds of references that cannot be made.
    Raises InputError where no source is long enough, UsageError where no kind of reference can be made.
    """

    def __init__(
        self,
        index: SourceIndex,
        options: ClipOptions,
        cache: Path,
        seed: int = 0,
        *,
        frame_cache: FrameCache | None = None,
        store: SourceStore | None = None,
    ) -> None:
        self.index, self.options, self.cache, self.seed = index, options, cache, seed
        self.frame_cache = frame_cache or FrameCache(cache / "frames", options.size)
        self.store: SourceStore = store or DiskStore(self.frame_cache, FlowCache(cache / "motion"))
        self._reference_sampler, missing = ReferenceSampler.from_options(index, self.store, options)
        usable = [number for number in range(len(index.sources)) if self._find_usable_shots(number)]
        if not usable:
            raise InputError(
                f"no film has a shot of {options.min_shot_frames} frames: take fewer frames, or other films"
            )
        self._source_sampler = SourceSampler.from_sources(index.sources, usable, options.photographs, seed)
        self._photographs = [number for number in usable if index.sources[number].kind == "photograph"]
        short = [index.sources[number].path for number in sorted({*range(len(index.sources))} - {*usable})]
        self.notices = (
            *missing,
            *(f"{path} has no shot of {options.min_shot_frames} frames: left out" for path in short),
        )

    def move_to_store(self, store: SourceStore) -> "ClipDataset":
        """The same clips, made of what ``store`` has."""
        return ClipDataset(self.index, self.options, self.cache, self.seed, frame_cache=self.frame_cache, store=store)

    @torch.no_grad()
    def __getitem__(self, number: int) -> Clip:
        """Make clip ``number``, from 0 on. Raises InputError for a missing source, ResourceError for disk errors."""
        generator = np.random.default_rng([self.seed, number])
        noise = torch.Generator(self.store.device).manual_seed(int(generator.integers(2**63)))
        source = self._source_sampler.pick_source(number)
        shot = self._draw_shot(source, generator)
        numbers = self._draw_frame_numbers(shot.length, generator)
        kind = self._reference_sampler.draw_kind(generator)
        references = torch.stack(
            [
                self._reference_sampler.draw_reference(kind, source, shot, numbers, generator, noise)
                for _ in range(self.options.references)
            ]
        )
        is_damaged = generator.random() < self.options.damaged
        degradation = FilmDegradation.draw_random(generator) if is_damaged else FilmDegradation()
        frames = _render_frames(shot, numbers, self.options.clip_size, generator)
        frames = _ClipFrames(*move_and_cover(*frames, degradation, generator))
        if generator.random() < self.options.mirrored:
            frames, references = _mirror_frames(frames), references.flip(-1)
        lab = rgb_to_lab(frames.pictures / 255)
        lightness = lab[:, 0]
        if self.index.sources[source].kind == "photograph":
            sigma = generator.uniform(0, MAX_LIGHTNESS_NOISE)
            lightness = (lightness + sigma * draw_noise(lightness, noise)).clamp(0, 100)
        if is_damaged:
            lightness = degrade_film(lightness, degradation, generator, noise)
        return Clip(
            lab=lab,
            lightness=lightness[:, None],
            references=rgb_to_lab(references / 255),
            flow=frames.flow,
            visibility=frames.visibility,
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
        if source.kind == "photograph":
            return self._draw_photograph_shot(number, generator)
        lengths = np.array([len(span) for span in spans])
        span = spans[int(generator.choice(len(spans), p=lengths / lengths.sum()))]
        _, height, width, _ = self.store.get_shape(source)
        return FilmShot(self.store, source, span, draw_window((height, width), size, generator))

    def _draw_photograph_shot(self, number: int, generator: np.random.Generator) -> TrainingShot:
        """Make a shot of a photograph, at a share of ``pasted`` with things of others passing over it."""
        size, options = self.options.size, self.options
        ground = PhotographShot(
            self.store.read_photograph(self.index.sources[number]), size, PHOTOGRAPH_FRAMES, generator
        )
        if generator.random() >= options.pasted:
            return LayeredShot(ground, [], (0.0, 0.0))
        are_alike = happens(options.lookalikes, generator)
        count = int(generator.integers(1, MAX_THINGS + 1))
        count = max(count, 2) if are_alike else count
        whence = generator.choice(self._photographs, count + MAX_NEWCOMERS * (options.distant > 0))
        things = [
            PastedThing(
                self.store.read_photograph(self.index.sources[one]),
                size,
                PHOTOGRAPH_FRAMES,
                generator,
                has_limbs=happens(options.limbs, generator),
            )
            for one in whence
        ]
        if are_alike:
            things[1:] = [thing.disguise(things[0], generator) for thing in things[1:]]
        return LayeredShot(ground, things[:count], draw_light(generator), things[count:])

    def _draw_frame_numbers(self, length: int, generator: np.random.Generator) -> list[int]:
        """Draw the frame numbers of a clip within a shot, in order or reversed."""
        steps = self.options.frames - 1
        stride = int(generator.choice([stride for stride in self.options.strides if steps * stride < length]))
        first = int(generator.integers(length - steps * stride))
        numbers = list(range(first, first + steps * stride + 1, stride))
        return numbers[::-1] if generator.random() < self.options.reversed else numbers


def _render_frames(
    shot: TrainingShot, numbers: Sequence[int], size: Size, generator: np.random.Generator
) -> _ClipFrames:
    """A random window of ``size`` of frames, and the flow between consecutive ones."""
    window = draw_window(shot.size, size, generator)
    pictures = shot.render_frames(numbers, window)
    motion = shot.compute_flow(numbers, window) if len(numbers) > 1 else make_no_flow(window, pictures.device)
    return _ClipFrames(pictures, *motion)


def _mirror_frames(frames: _ClipFrames) -> _ClipFrames:
    """Mirror pictures, flow (x changes its sign) and visibility horizontally."""
    flow = frames.flow.flip(-1) * get_constant((-1.0, 1.0), frames.flow)[:, None, None]
    return _ClipFrames(frames.pictures.flip(-1), flow, frames.visibility.flip(-1))
