"""Sound as it is heard: decoded samples, for where a container packs them anew (PCM in MP4 and QuickTime)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import av
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.verification.film_reading import open_container
from kinemacolor.verification.reading import Reading

_GAP_SECONDS = 0.0025
_STEP_OF_24_BITS = 2.0**-23 * 1.01


@dataclass
class _Sound:
    """All samples as a digest, their count and rate, and after which sample at which second sound goes on."""

    rate: int = 0
    samples: int = 0
    digest: str = ""
    starts: list[tuple[int, float]] = field(default_factory=list)


def compare_sound(source: Reading, source_index: int, result: Reading, result_index: int, shift_seconds: float) -> str:
    """Decode one stream of each film, and say in words what differs; empty if every sample is the same in its time.

    ``shift_seconds`` is by how much all of the result has moved. Raises InputError for what cannot be decoded.
    """
    one, other = _decode(source, source_index), _decode(result, result_index)
    if (one.samples, one.rate) != (other.samples, other.rate):
        return f"{one.samples} samples of {one.rate} Hz became {other.samples} of {other.rate} Hz"
    if one.digest != other.digest:
        return "other samples"
    if len(one.starts) != len(other.starts):
        return f"{len(one.starts) - 1} gaps became {len(other.starts) - 1}"
    for (sample, before), (place, after) in zip(one.starts, other.starts, strict=True):
        if sample != place or abs(after - before - shift_seconds) > _GAP_SECONDS:
            return f"moved against the pictures by {after - before - shift_seconds:.3f} s"
    return ""


def compare_running_sound(
    source: Reading, source_index: int, result: Reading, result_index: int, begin_seconds: float
) -> str:
    """Do the same for a result whose sound has no times, and lasts from its first picture to the end of the last one.

    ``begin_seconds`` is when the first picture is shown in the source.
    Where the source has no sound it has to be silent; what lies before and behind the pictures is not looked for.
    Samples of more than 24 bits may be rounded to so many.
    """
    with open_container(result.path) as container:
        pictures = container.streams.video[0]
        seconds = float((pictures.duration or 0) * (pictures.time_base or 0))
    timeline = np.zeros(0)  # samples of the source that wait for those of the result
    placed = compared = 0
    sounding = _iter_samples(source, source_index)
    rate, tolerance, is_silent = 0, 0.0, False
    for other in _iter_samples(result, result_index):
        rate, size = other.rate, other.samples.size
        while timeline.size < size and not is_silent:
            one = next(sounding, None)
            if one is None:
                is_silent = True
                break
            if (one.rate, one.channels) != (other.rate, other.channels):
                return f"{one.channels} channels of {one.rate} Hz became {other.channels} of {other.rate} Hz"
            tolerance = max(tolerance, one.step)
            samples, gap = one.samples, round((one.seconds - begin_seconds) * rate) - placed
            if abs(gap) > _GAP_SECONDS * rate:
                silence = np.zeros(max(0, gap) * one.channels)
                samples = np.concatenate([silence, samples[max(0, -gap) * one.channels :]])
            timeline = np.concatenate([timeline, samples])
            placed += samples.size // one.channels
        wanted = np.pad(timeline[:size], (0, max(0, size - timeline.size)))
        timeline = timeline[size:]
        if np.abs(wanted - other.samples).max(initial=0.0) > tolerance:
            return f"other samples at {compared / rate:.3f} s"
        compared += size // other.channels
    if rate and abs(compared / rate - seconds) > _GAP_SECONDS:
        return f"it lasts {compared / rate:.3f} s, the pictures {seconds:.3f} s"
    return "" if rate else "it holds no samples"


class _Samples(NamedTuple):
    """Decoded sound, its channels woven, as numbers -1..1; ``step`` is what it may be rounded by in 24 bits."""

    seconds: float
    rate: int
    channels: int
    samples: NDArray[np.float64]
    step: float


def _iter_frames(reading: Reading, index: int) -> Iterator[tuple[av.AudioFrame, float, list[av.AudioFrame]]]:
    """Decode one stream of a film: each frame, its seconds, and its samples as 64-bit floats, which hold every kind.

    Raises InputError for what cannot be decoded.
    """
    resampler = av.AudioResampler(format="dbl")
    with (
        translate_foreign_errors(lambda error: InputError(f"the sound of {reading.path} cannot be decoded ({error})")),
        open_container(reading.path) as container,
    ):
        for stream in container.streams:
            if stream.index != index:
                stream.discard = Discard.all
        for packet in container.demux(container.streams[index]):
            ticks = packet.dts if packet.dts is not None else packet.pts
            if packet.size and not reading.span.has_packet(float((ticks or 0) * packet.time_base)):
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.AudioFrame)
                seconds = float((frame.pts or 0) * frame.time_base) if frame.time_base else 0.0
                yield frame, seconds - reading.span.zero, resampler.resample(frame)


def _iter_samples(reading: Reading, index: int) -> Iterator[_Samples]:
    """Yield the samples of one stream of a film, frame by frame. Raises as `_iter_frames`."""
    for frame, seconds, converted in _iter_frames(reading, index):
        step = 0.0 if frame.format.packed.name in ("u8", "s16") else _STEP_OF_24_BITS
        for one in converted:
            channels = one.layout.nb_channels
            woven = np.frombuffer(memoryview(one.planes[0]), np.float64)[: one.samples * channels]
            yield _Samples(seconds, frame.sample_rate, channels, woven.clip(-1, 1), step)


def _decode(reading: Reading, index: int) -> _Sound:
    sound, digest = _Sound(), blake2b(digest_size=16)
    for frame, seconds, converted in _iter_frames(reading, index):
        sound.rate = frame.sample_rate
        expected = sound.starts[-1][1] + (sound.samples - sound.starts[-1][0]) / sound.rate if sound.starts else None
        if expected is None or abs(seconds - expected) > _GAP_SECONDS:
            sound.starts.append((sound.samples, seconds))
        sound.samples += frame.samples
        for one in converted:
            digest.update(bytes(one.planes[0])[: one.samples * 8 * one.layout.nb_channels])
    sound.digest = digest.hexdigest()
    return sound
