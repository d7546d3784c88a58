"""The store of a training device: films, photographs and motion, decoded once into its memory."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from kinemacolor.data.clip import ClipOptions
from kinemacolor.data.flow_cache import FlowPair, compute_flow_pair
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.sources import Source
from kinemacolor.data.warping import Window
from kinemacolor.errors import ResourceError
from kinemacolor.utils.arrays import Size, UInt8Array
from kinemacolor.utils.threads import single_thread

Pair = tuple[int, int]
BYTES_PER_FLOW_PIXEL = 10  # both ways: four float16 and two bytes of visibility
FREE_SHARE = 0.5  # of the memory that is free on the device is left to training


@dataclass(frozen=True)
class DeviceStore:
    """A `SourceStore` whose pictures and motion lie in the memory of ``device``, by the digest of their source.

    ``frames``: ``T 3 H W`` uint8 of each source; ``stills``: photographs at the clips' ``size``, ``3 h w``;
    ``motions``: for each film its pairs of frames, flow both ways and visibility.
    """

    size: Size
    device: torch.device
    frames: Mapping[str, Tensor]
    stills: Mapping[str, Tensor]
    motions: Mapping[str, "_FilmMotion"]

    def get_shape(self, source: Source) -> tuple[int, int, int, int]:
        """Return frames, rows, columns and channels of a source."""
        count, channels, height, width = self.frames[source.digest].shape
        return count, height, width, channels

    def read_frames(self, source: Source, numbers: Sequence[int], window: Window) -> Tensor:
        """Read a window of frames of a film, ``T 3 h w`` uint8 sRGB."""
        rows, columns = window.slices
        frames = self.frames[source.digest]
        return torch.stack([frames[number, :, rows, columns] for number in numbers])

    def read_photograph(self, source: Source) -> Tensor:
        """Read a photograph, ``3 H W`` uint8 sRGB."""
        return self.frames[source.digest][0]

    def read_still(self, source: Source, number: int) -> Tensor:
        """Read a frame as `SourceStore.read_still` does."""
        if source.kind == "photograph":
            return self.stills[source.digest]
        frame = self.frames[source.digest][number]  # films are stored at the size that covers that of clips
        top, left = ((have - want) // 2 for have, want in zip(frame.shape[1:], self.size, strict=True))
        return frame[(slice(None), *Window(top, left, self.size).slices)]

    def read_flow(self, source: Source, pairs: Sequence[Pair], window: Window) -> tuple[Tensor, Tensor]:
        """Read flow and visibility as `SourceStore.read_flow` does. Raises KeyError for a pair that was not loaded."""
        motion, (rows, columns) = self.motions[source.digest], window.slices
        places = [(motion.rows[min(pair), max(pair)], int(pair[0] > pair[1])) for pair in pairs]
        flow = torch.stack([motion.flow[row, way, :, rows, columns] for row, way in places])
        visibility = torch.stack([motion.visibility[row, way, None, rows, columns] for row, way in places])
        return flow.float(), visibility.float()


@dataclass(frozen=True)
class _FilmMotion:
    """Flow ``P 2 2 H W`` (to the first frame of each pair, to the second), visibility ``P 2 H W``, rows by pair."""

    rows: Mapping[Pair, int]
    flow: Tensor
    visibility: Tensor


def load_device_store(
    sources: Sequence[Source],
    frame_cache: FrameCache,
    options: ClipOptions,
    device: torch.device,
    *,
    jobs: int,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> DeviceStore:
    """Decode all sources into the memory of ``device``, and compute the motion that clips of ``options`` may need.

    ``jobs`` threads decode and estimate motion while what is ready is copied. Raises ResourceError where the device has
    too little memory, with what is wanted; InputError for a source that is missing or has changed.
    """
    wanted = estimate_store_bytes(sources, frame_cache, options)
    _check_memory(wanted, device)
    pairs = {source.digest: list_flow_pairs(source, options) for source in sources if source.kind == "film"}
    frames: dict[str, Tensor] = {}
    stills: dict[str, Tensor] = {}
    motions: dict[str, _FilmMotion] = {}
    total, done = len(sources) + sum(map(len, pairs.values())), 0
    with ThreadPoolExecutor(jobs) as pool, single_thread():
        films = [source for source in sources if source.kind == "film"]
        # Films first: their motion is most of the work, and the pool estimates it while photographs are decoded.
        others = [source for source in sources if source.kind == "photograph"]
        estimates = {}
        for source, stored, still in pool.map(lambda one: _decode_source(one, frame_cache), [*films, *others]):
            frames[source.digest] = _copy_pictures(stored, device)
            if still is not None:
                stills[source.digest] = _copy_pictures(still[None], device)[0]
            if pairs.get(source.digest):
                estimates[source.digest] = [
                    pool.submit(compute_flow_pair, stored[first], stored[second])
                    for first, second in pairs[source.digest]
                ]
            done += 1
            if on_progress:
                on_progress(done, total)
        for digest, started in estimates.items():
            motions[digest] = _stack_motion(pairs[digest], [one.result() for one in started], device)
            done += len(started)
            if on_progress:
                on_progress(done, total)
    return DeviceStore(frame_cache.size, device, frames, stills, motions)


def estimate_store_bytes(sources: Sequence[Source], frame_cache: FrameCache, options: ClipOptions) -> int:
    """Estimate the bytes that `load_device_store` takes on the device."""
    total = 0
    for source in sources:
        shape = frame_cache.get_cached_shape(source)
        if source.kind == "photograph":
            total += prod(shape) + 3 * prod(options.size)
        else:
            pairs = len(list_flow_pairs(source, options))
            total += prod(shape) + BYTES_PER_FLOW_PIXEL * shape[1] * shape[2] * pairs
    return total


def list_flow_pairs(source: Source, options: ClipOptions) -> list[Pair]:
    """List the pairs of frames of a film between which clips of ``options`` may want motion, the earlier first."""
    steps, pairs = options.frames - 1, set()
    for span in source.list_shot_ranges():
        for stride in options.strides if steps else ():
            if steps * stride < len(span):
                pairs |= {(number, number + stride) for number in span[:-stride]}
    return sorted(pairs)


def _check_memory(wanted: int, device: torch.device) -> None:
    """Raise ResourceError where the device has less free memory than the store and training want."""
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    if wanted > FREE_SHARE * free:
        raise ResourceError(
            f"films, photographs and their motion want {wanted / 1e9:.1f} GB on the device, training at least as much "
            f"again, and {free / 1e9:.1f} GB are free: leave [data] on_device out, and processes make clips"
        )


def _decode_source(source: Source, frame_cache: FrameCache) -> tuple[Source, UInt8Array, UInt8Array | None]:
    """A source, its frames ``T H W 3``, and of a photograph its still ``h w 3``."""
    stored = np.asarray(frame_cache.load_frames(source))
    still = resize_and_center_crop(stored[0], frame_cache.size) if source.kind == "photograph" else None
    return source, stored, still


def _copy_pictures(pictures: UInt8Array, device: torch.device) -> Tensor:
    """Copy pictures ``T H W 3`` to the device, ``T 3 H W``."""
    on_device = torch.from_numpy(np.array(pictures)).to(device)
    return on_device.permute(0, 3, 1, 2).contiguous()


def _stack_motion(pairs: Sequence[Pair], motions: Sequence[FlowPair], device: torch.device) -> _FilmMotion:
    """The motion of one film on the device."""

    def stack(names: tuple[str, str]) -> Tensor:
        ways = [np.stack([getattr(motion, name) for motion in motions]) for name in names]
        return torch.stack([torch.from_numpy(way).to(device) for way in ways], 1)

    flow = stack(("to_first", "to_second")).permute(0, 1, 4, 2, 3).contiguous()
    visibility = stack(("seen_in_second", "seen_in_first"))
    return _FilmMotion({pair: row for row, pair in enumerate(pairs)}, flow, visibility)
