"""Sound as it is heard: decoded samples, for where a container packs them anew (PCM in MP4 and QuickTime)."""

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import av
from av.stream import Discard

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.verification.film_reading import open_container

_GAP_SECONDS = 0.0025


@dataclass
class _Sound:
    """All samples as a digest, their count and rate, and after which sample at which second sound goes on."""

    rate: int = 0
    samples: int = 0
    digest: str = ""
    starts: list[tuple[int, float]] = field(default_factory=list)


def compare_sound(source: Path, source_index: int, result: Path, result_index: int, shift_seconds: float) -> str:
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


def _decode(path: Path, index: int) -> _Sound:
    sound, digest = _Sound(), blake2b(digest_size=16)
    resampler = av.AudioResampler(format="dbl")  # holds every kind of sample exactly
    with (
        translate_foreign_errors(lambda error: InputError(f"the sound of {path} cannot be decoded ({error})")),
        open_container(path) as container,
    ):
        for stream in container.streams:
            if stream.index != index:
                stream.discard = Discard.all
        for frame in container.decode(container.streams[index]):
            assert isinstance(frame, av.AudioFrame)
            sound.rate = frame.sample_rate
            seconds = float((frame.pts or 0) * frame.time_base) if frame.time_base else 0.0
            expected = (
                sound.starts[-1][1] + (sound.samples - sound.starts[-1][0]) / sound.rate if sound.starts else None
            )
            if expected is None or abs(seconds - expected) > _GAP_SECONDS:
                sound.starts.append((sound.samples, seconds))
            sound.samples += frame.samples
            for converted in resampler.resample(frame):
                digest.update(bytes(converted.planes[0])[: converted.samples * 8 * converted.layout.nb_channels])
    sound.digest = digest.hexdigest()
    return sound
