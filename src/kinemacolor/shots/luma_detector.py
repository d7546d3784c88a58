"""Where one shot ends and another begins, in gray film: cuts, fades and dissolves.

Frames are compared small, blurred, each place by the contrast around it, and moved onto each other by
optical flow: grain, flicker and camera are no change. What lasts two frames or less (dirt, a flash, a
missing frame) is no cut. A frame of a dissolve is a mixture of one before and one after, which stay
unlike when both are moved onto it: that tells dissolves from what moves.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kinemacolor.shots.shot import SPAN, Boundary
from kinemacolor.utils.arrays import Bytes, Floats
from kinemacolor.video.geometry import resize

SIZE = (72, 128)  # rows and columns at which frames are compared
COARSE = (18, 32)  # and at which mixtures are looked for first: motion shows little
EDGE = 32  # of this part of a frame, on each side, may be the black around the picture, the same in all shots
BLUR, AROUND = 1.5, 25  # px
NOISE = 4.0  # levels of contrast that are grain's
CUT = 0.36  # more unlike across a cut than frames beside it are at a distance of 2; the same of an interruption
AROUND_CUT = 8  # frames to either side that tell how wild the motion is
BLANK = 3.0  # levels of contrast (deviation from the mean around) under which a frame shows nothing
REACHES = (4, 6, 9, 13, 20)  # frames to either side of the middle of a dissolve
RAMP = 24  # frames that a fade lasts at most, each way
MAYBE, LEAST, ALIKE = 0.3, 0.08, 0.7  # of coarse frames: what a mixture explains, either share, how alike both may be
SURE = 0.44  # a dissolve's score


@dataclass(frozen=True)
class _Glance:
    """A frame, small and blurred, without the mean around each place; in units of the contrast there; as levels."""

    detail: Floats
    standard: Floats
    levels: Bytes
    coarse: Floats
    contrast: float


@dataclass(frozen=True)
class _Course:
    """The film in numbers, ``T`` each: contrast, how unlike the 1, 2, 3 frames before (``T 3``), dissolves."""

    contrast: Floats
    unlike: Floats
    mixed: Floats
    reach: Floats

    def __len__(self) -> int:
        return len(self.contrast)


def find_boundaries(frames: Iterable[Bytes]) -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order.

    Reads it once, and remembers 41 small frames and 24 bytes of each.
    """
    course = _course(map(_glance, frames))
    blank = course.contrast < BLANK
    chosen = list(_fades(course, blank))
    for found in (_cuts(course, blank), _dissolves(course)):
        for boundary in sorted(found, key=lambda one: -one.certainty):
            if not any(map(boundary.meets, chosen)):
                chosen.append(boundary)
    return sorted(chosen)


def stretches(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and end of each stretch of set flags; gaps of up to three are dirt."""
    numbers = np.flatnonzero(flags)
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > SPAN + 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1


def _course(glances: Iterable[_Glance]) -> _Course:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    kept: deque[_Glance] = deque(maxlen=2 * max(REACHES) + 1)
    numbers = array("f")
    for glance in glances:
        before = [kept[-back] for back in range(1, min(SPAN, len(kept)) + 1)]
        kept.append(glance)
        unlike = [_unlike(other, glance, flow) for other in before]
        mixtures = [(_mixture(kept, reach, flow), reach) for reach in REACHES if len(kept) > 2 * reach]
        numbers.extend((glance.contrast, *unlike, *[0.0] * (SPAN - len(unlike)), *max(mixtures, default=(0.0, 0))))
    table = np.array(numbers, np.float32).reshape(-1, SPAN + 3)
    return _Course(table[:, 0], table[:, 1 : 1 + SPAN], table[:, -2], table[:, -1])


def _glance(frame: Bytes) -> _Glance:
    high, wide = (size // EDGE for size in frame.shape)
    inside = frame[high : frame.shape[0] - high, wide : frame.shape[1] - wide]
    small = cv2.GaussianBlur(resize(inside, SIZE).astype(np.float32), (0, 0), BLUR)
    mean = cv2.blur(small, (AROUND, AROUND))
    variance = np.maximum(cv2.blur(small * small, (AROUND, AROUND)) - mean * mean, 0)
    detail = small - mean
    standard = (detail / np.sqrt(variance + NOISE**2)).astype(np.float32, copy=False)
    levels = (standard * 40 + 128).clip(0, 255).astype(np.uint8)
    return _Glance(detail, standard, levels, resize(detail, COARSE), float(detail.std()))


def _unlike(first: _Glance, second: _Glance, flow: cv2.DISOpticalFlow) -> float:
    """1 less the correlation of two frames, the first moved onto the second: 0..2."""
    return 1 - _correlation(_moved(first.standard, first, second, flow), second.standard)


def _moved(picture: Floats, first: _Glance, second: _Glance, flow: cv2.DISOpticalFlow) -> Floats:
    """What belongs to the first frame, moved onto the second."""
    shift = flow.calc(second.levels, first.levels, None)  # type: ignore[call-overload]
    there = (_COLUMNS + shift[..., 0], _ROWS + shift[..., 1])
    return cv2.remap(picture, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


_ROWS, _COLUMNS = np.indices(SIZE, dtype=np.float32)


def _correlation(first: Floats, second: Floats) -> float:
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum() + 1e-6))


def _mixture(kept: deque[_Glance], reach: int, flow: cv2.DISOpticalFlow) -> float:
    """How much, 0..1, speaks for a dissolve around the frame that came ``reach`` frames ago.

    There the frames around are of two shots, and the one between is a mixture of both.
    """
    first, middle, last = kept[-1 - 2 * reach], kept[-1 - reach], kept[-1]
    if min(first.contrast, last.contrast) < BLANK or _correlation(first.coarse, last.coarse) > ALIKE:
        return 0.0
    shares, explained = _shares(first.coarse, last.coarse, middle.coarse)
    if min(shares) < LEAST or explained < MAYBE:
        return 0.0
    one, other = (_moved(glance.detail, glance, middle, flow) for glance in (first, last))
    shares, explained = _shares(one, other, middle.detail)
    if min(shares) <= 0:
        return 0.0
    balance = 4 * shares[0] * shares[1] / sum(shares) ** 2
    score = balance * explained * (1 - _correlation(one, other))
    return min(score, 1.0) if score > SURE else 0.0


def _shares(first: Floats, last: Floats, middle: Floats) -> tuple[tuple[float, float], float]:
    """How much of the first and the last picture the middle one holds, and the part of its variance so explained."""
    pictures = np.stack([first.ravel(), last.ravel(), middle.ravel()])
    products = pictures @ pictures.T
    shares = np.linalg.solve(products[:2, :2] + 1e-3 * np.eye(2), products[:2, 2])
    return (float(shares[0]), float(shares[1])), float(shares @ products[:2, 2] / (products[2, 2] + 1e-6))


def _fades(course: _Course, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Stretches that show nothing, with something before and after, and the frames that lead there and back."""
    for first, end in stretches(blank):
        if first == 0 or end == len(course):
            continue
        if end - first < SPAN and course.unlike[end, end - first] < CUT:
            continue
        begin, over = _faded(course.contrast[:first][::-1]), _faded(course.contrast[end:])
        yield Boundary((first + end) // 2, "fade", end - first + begin + over, 1.0)


def _faded(contrast: Floats) -> int:
    """How many frames come before the picture has most of its contrast."""
    return int(np.argmax(contrast[:RAMP] > 0.7 * contrast[:RAMP].max()))


def _cuts(course: _Course, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Frames that are unlike all that came up to three frames before, and so are those that follow."""
    pairs = [(later, earlier) for later in range(SPAN) for earlier in range(later - SPAN, 0)]
    for frame in np.flatnonzero(course.unlike[:, 0] > CUT).tolist():
        if not SPAN <= frame <= len(course) - SPAN or blank[frame - SPAN : frame + SPAN].any():
            continue
        unlike = min(float(course.unlike[frame + later, later - earlier - 1]) for later, earlier in pairs)
        if unlike - _motion(course.unlike[:, 1], frame) > CUT:
            yield Boundary(frame, "cut", 0, min(unlike, 1.0))


def _motion(unlike: Floats, frame: int) -> float:
    """How unlike frames at a distance of 2 are to each other on either side of ``frame``: much where motion is wild."""
    before, after = unlike[max(frame - AROUND_CUT, 2) : frame], unlike[frame + 2 : frame + 2 + AROUND_CUT]
    return float(np.median(np.concatenate([before, after]))) if len(before) + len(after) else 0.0


def _dissolves(course: _Course) -> Iterator[Boundary]:
    for number in np.flatnonzero(course.mixed).tolist():
        reach = int(course.reach[number])
        yield Boundary(number - reach, "dissolve", 2 * reach, float(course.mixed[number]))
