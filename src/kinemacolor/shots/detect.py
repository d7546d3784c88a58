"""Where one shot ends and another begins, in gray film: cuts, fades and dissolves.

Frames are compared small, blurred, each place by the contrast around it, and moved onto each other by
optical flow: grain, flicker and camera are no change. What lasts three frames or less (dirt, a flash, a
missing frame) is no cut.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np

from kinemacolor.arrays import Bytes, Floats
from kinemacolor.resample import resize

Transition = Literal["cut", "fade", "dissolve"]
SIZE = (72, 128)  # rows and columns at which frames are compared
COARSE = (18, 32)  # and at which they are mixed: motion shows little
BLUR, AROUND = 1.5, 25  # px
NOISE = 4.0  # levels of contrast that are grain's
CUT = 0.45  # more unlike than the frames around are to each other; 1 - correlation is over 0.5 across a cut
FLASH = 3  # frames that an interruption may last
AROUND_CUT = 8  # frames to either side that tell how wild the motion is
BLANK = 3.0  # levels of contrast (deviation from the mean around) under which a frame shows nothing
REACHES = (4, 8, 16)  # frames to either side of the middle of a dissolve
RAMP = 24  # frames that a fade lasts at most, each way
MIXED = 0.5  # share of a frame's variance that a mixture of the shots around it must explain
SURE = 0.46  # a dissolve's score; wild motion reaches 0.455
LEAST = 0.15  # share that either shot must have in the mixture
ALIKE = 0.5  # correlation over which the frames around are of one shot


class Boundary(NamedTuple):
    """The ``frame`` with which a new shot begins, of a fade or dissolve the middle of its ``length`` frames.

    ``certainty`` is 0..1.
    """

    frame: int
    transition: Transition
    length: int
    certainty: float

    def meets(self, other: "Boundary") -> bool:
        """Whether both may be one: their frames touch, or lie no farther apart than an interruption lasts."""
        return abs(self.frame - other.frame) <= (self.length + other.length) / 2 + FLASH


@dataclass(frozen=True)
class _Glance:
    """A frame: small and blurred, its contrast-normalised form, the same as levels for flow, and very small."""

    standard: Floats
    levels: Bytes
    coarse: Floats
    contrast: float


class _Row(NamedTuple):
    """What is known when a frame has come: its contrast, how unlike the 1, 2, 3 before it, and what dissolves there."""

    contrast: float
    unlike: tuple[float, ...]
    mixtures: tuple[tuple[int, float], ...]


def find_boundaries(frames: Iterable[Bytes]) -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order. Reads it once, and remembers 33 small frames."""
    rows = list(_rows(_glance(frame) for frame in frames))
    blank = [row.contrast < BLANK for row in rows]
    chosen: list[Boundary] = []
    for found in (_fades(rows, blank), _cuts(rows, blank), _dissolves(rows)):
        for boundary in sorted(found, key=lambda one: -one.certainty):
            if not any(map(boundary.meets, chosen)):
                chosen.append(boundary)
    return sorted(chosen)


def _rows(glances: Iterable[_Glance]) -> Iterator[_Row]:
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    kept: deque[_Glance] = deque(maxlen=2 * max(REACHES) + 1)
    for glance in glances:
        before = list(kept)[-1 : -FLASH - 1 : -1]
        kept.append(glance)
        unlike = tuple(_unlike(other, glance, flow) for other in before)
        mixtures = tuple(_mixture(kept, reach, flow) for reach in REACHES if len(kept) > 2 * reach)
        yield _Row(glance.contrast, unlike, mixtures)


def _glance(frame: Bytes) -> _Glance:
    small = cv2.GaussianBlur(resize(frame, SIZE).astype(np.float32), (0, 0), BLUR)
    mean = cv2.blur(small, (AROUND, AROUND))
    variance = np.maximum(cv2.blur(small * small, (AROUND, AROUND)) - mean * mean, 0)
    standard = (small - mean) / np.sqrt(variance + NOISE**2)
    levels = (standard * 40 + 128).clip(0, 255).astype(np.uint8)
    return _Glance(standard, levels, resize(small, COARSE), float((small - mean).std()))


def _unlike(first: _Glance, second: _Glance, flow: cv2.DISOpticalFlow) -> float:
    """1 less the correlation of two frames, the first moved onto the second: 0..2."""
    moved = flow.calc(second.levels, first.levels, None)  # type: ignore[call-overload]
    rows, columns = np.indices(SIZE, dtype=np.float32)
    there = cv2.remap(
        first.standard, columns + moved[..., 0], rows + moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return 1 - _correlation(there, second.standard)


def _correlation(first: Floats, second: Floats) -> float:
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum() + 1e-6))


def _mixture(kept: deque[_Glance], reach: int, flow: cv2.DISOpticalFlow) -> tuple[int, float]:
    """``reach``, and how much speaks for a dissolve around the frame that came so many frames ago: 0 for nothing.

    There the frames around are of two shots, and the one between is a mixture of both.
    """
    first, middle, last = kept[-1 - 2 * reach], kept[-1 - reach], kept[-1]
    centred = [glance.coarse.ravel() - glance.coarse.mean() for glance in (first, middle, last)]
    around = np.stack([centred[0], centred[2]], 1)
    if min(first.contrast, last.contrast) < BLANK or _correlation(centred[0], centred[2]) > ALIKE:
        return reach, 0.0
    shares = np.linalg.lstsq(around, centred[1], rcond=None)[0]
    rest = centred[1] - around @ shares
    explained = 1 - float((rest**2).sum() / ((centred[1] ** 2).sum() + 1e-6))
    if shares.min() < LEAST or explained < MIXED:
        return reach, 0.0
    balance = 4 * shares.prod() / shares.sum() ** 2
    unlike = _unlike(first, last, flow)
    score = float(balance * explained * unlike)
    return reach, score if unlike > CUT and score > SURE else 0.0


def _fades(rows: list[_Row], blank: list[bool]) -> Iterator[Boundary]:
    """Stretches that show nothing, with something before and after, and the frames that lead there and back."""
    for first, end in _stretches(blank):
        interruption = end < len(rows) and end - first < FLASH and rows[end].unlike[end - first] < CUT
        if first > 0 and end < len(rows) and not interruption:
            begin, over = _faded(rows[:first][::-1]), _faded(rows[end:])
            yield Boundary((first + end) // 2, "fade", end - first + begin + over, 1.0)


def _stretches(flags: list[bool]) -> Iterator[tuple[int, int]]:
    """First and end of each stretch of set flags; gaps of up to three are dirt."""
    first = end = None
    for number in np.flatnonzero(flags).tolist():
        if end is not None and number - end > FLASH:
            yield first, end
            first = None
        first, end = number if first is None else first, number + 1
    if first is not None:
        yield first, end


def _faded(rows: list[_Row]) -> int:
    """How many of these come before the picture has most of its contrast."""
    contrasts = [row.contrast for row in rows[:RAMP]]
    return next(number for number, contrast in enumerate(contrasts) if contrast > 0.7 * max(contrasts))


def _cuts(rows: list[_Row], blank: list[bool]) -> Iterator[Boundary]:
    """Frames that are unlike all that came up to three frames before, and so are those that follow."""
    for frame in range(1, len(rows)):
        if any(blank[max(frame - FLASH, 0) : frame + FLASH]):
            continue
        unlike = min(
            rows[later].unlike[later - earlier - 1]
            for later in range(frame, min(frame + FLASH, len(rows)))
            for earlier in range(max(later - FLASH, 0), frame)
        )
        if unlike - _motion(rows, frame) > CUT:
            yield Boundary(frame, "cut", 0, min(unlike, 1.0))


def _motion(rows: list[_Row], frame: int) -> float:
    """How unlike frames are to the one before, around ``frame``: much where motion is wild."""
    near = [*range(max(frame - AROUND_CUT, 1), frame), *range(frame + 1, min(frame + AROUND_CUT, len(rows)))]
    return float(np.median([rows[number].unlike[0] for number in near] or [0.0]))


def _dissolves(rows: list[_Row]) -> Iterator[Boundary]:
    for number, row in enumerate(rows):
        for reach, score in row.mixtures:
            if score:
                yield Boundary(number - reach, "dissolve", 2 * reach, min(score, 1.0))
