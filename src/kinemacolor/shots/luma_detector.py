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

from kinemacolor.shots.shot import LOOKBACK, Boundary
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.geometry import resize

COMPARISON_SIZE = (72, 128)  # rows and columns at which frames are compared
COARSE_SIZE = (18, 32)  # and at which mixtures are looked for first: motion shows little
BORDER_DIVISOR = 32  # of this part of a frame, on each side, may be the black around the picture, the same in all shots
BLUR_SIGMA, CONTRAST_WINDOW = 1.5, 25  # px
GRAIN_CONTRAST = 4.0  # levels of contrast that are grain's
CUT_THRESHOLD = (
    0.36  # more unlike across a cut than frames beside it are at a distance of 2; the same of an interruption
)
MOTION_WINDOW = 8  # frames to either side that tell how wild the motion is
BLANK_CONTRAST = 3.0  # levels of contrast (deviation from the mean around) under which a frame shows nothing
DISSOLVE_RADII = (4, 6, 9, 13, 20)  # frames to either side of the middle of a dissolve
MAX_FADE_FRAMES = 24  # frames that a fade lasts at most, each way
MIN_EXPLAINED, MIN_SHARE, MAX_CORRELATION = (
    0.3,
    0.08,
    0.7,
)  # of coarse frames: what a mixture explains, either share, how alike both may be
DISSOLVE_THRESHOLD = 0.44  # a dissolve's score


@dataclass(frozen=True)
class _FrameFeatures:
    """A frame, small and blurred, without the mean around each place; in units of the contrast there; as levels."""

    detail: Float32Array
    normalized: Float32Array
    gray_levels: UInt8Array
    coarse: Float32Array
    contrast: float


@dataclass(frozen=True)
class _FilmSignals:
    """The film in numbers, ``T`` each: contrast, how unlike the 1, 2, 3 frames before (``T 3``), dissolves."""

    contrast: Float32Array
    dissimilarity: Float32Array
    dissolve_score: Float32Array
    dissolve_radius: Float32Array

    def __len__(self) -> int:
        return len(self.contrast)


def detect_boundaries_luma(frames: Iterable[UInt8Array]) -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order.

    Reads it once, and remembers 41 small frames and 24 bytes of each.
    """
    signals = _measure_signals(map(_extract_features, frames))
    blank = signals.contrast < BLANK_CONTRAST
    chosen = list(_iter_fades(signals, blank))
    for found in (_iter_cuts(signals, blank), _iter_dissolves(signals)):
        for boundary in sorted(found, key=lambda one: -one.certainty):
            if not any(map(boundary.can_merge_with, chosen)):
                chosen.append(boundary)
    return sorted(chosen)


def iter_runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and end of each stretch of set flags; gaps of up to three are dirt."""
    numbers = np.flatnonzero(flags)
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > LOOKBACK + 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1


def _measure_signals(features: Iterable[_FrameFeatures]) -> _FilmSignals:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    window: deque[_FrameFeatures] = deque(maxlen=2 * max(DISSOLVE_RADII) + 1)
    numbers = array("f")
    for current in features:
        before = [window[-back] for back in range(1, min(LOOKBACK, len(window)) + 1)]
        window.append(current)
        dissimilarities = [_measure_dissimilarity(other, current, flow) for other in before]
        dissolves = [
            (_score_dissolve(window, radius, flow), radius) for radius in DISSOLVE_RADII if len(window) > 2 * radius
        ]
        numbers.extend(
            (
                current.contrast,
                *dissimilarities,
                *[0.0] * (LOOKBACK - len(dissimilarities)),
                *max(dissolves, default=(0.0, 0)),
            )
        )
    table = np.array(numbers, np.float32).reshape(-1, LOOKBACK + 3)
    return _FilmSignals(table[:, 0], table[:, 1 : 1 + LOOKBACK], table[:, -2], table[:, -1])


def _extract_features(frame: UInt8Array) -> _FrameFeatures:
    high, wide = (size // BORDER_DIVISOR for size in frame.shape)
    inside = frame[high : frame.shape[0] - high, wide : frame.shape[1] - wide]
    small = cv2.GaussianBlur(resize(inside, COMPARISON_SIZE).astype(np.float32), (0, 0), BLUR_SIGMA)
    mean = cv2.blur(small, (CONTRAST_WINDOW, CONTRAST_WINDOW))
    variance = np.maximum(cv2.blur(small * small, (CONTRAST_WINDOW, CONTRAST_WINDOW)) - mean * mean, 0)
    detail = small - mean
    normalized = (detail / np.sqrt(variance + GRAIN_CONTRAST**2)).astype(np.float32, copy=False)
    gray_levels = (normalized * 40 + 128).clip(0, 255).astype(np.uint8)
    return _FrameFeatures(detail, normalized, gray_levels, resize(detail, COARSE_SIZE), float(detail.std()))


def _measure_dissimilarity(first: _FrameFeatures, second: _FrameFeatures, flow: cv2.DISOpticalFlow) -> float:
    """1 less the correlation of two frames, the first moved onto the second: 0..2."""
    return 1 - _compute_correlation(_warp_onto(first.normalized, first, second, flow), second.normalized)


def _warp_onto(
    picture: Float32Array, first: _FrameFeatures, second: _FrameFeatures, flow: cv2.DISOpticalFlow
) -> Float32Array:
    """What belongs to the first frame, moved onto the second."""
    shift = flow.calc(second.gray_levels, first.gray_levels, None)  # type: ignore[call-overload]
    there = (_COLUMN_GRID + shift[..., 0], _ROW_GRID + shift[..., 1])
    return cv2.remap(picture, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


_ROW_GRID, _COLUMN_GRID = np.indices(COMPARISON_SIZE, dtype=np.float32)


def _compute_correlation(first: Float32Array, second: Float32Array) -> float:
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum() + 1e-6))


def _score_dissolve(window: deque[_FrameFeatures], radius: int, flow: cv2.DISOpticalFlow) -> float:
    """How much, 0..1, speaks for a dissolve around the frame that came ``reach`` frames ago.

    There the frames around are of two shots, and the one between is a mixture of both.
    """
    first, middle, last = window[-1 - 2 * radius], window[-1 - radius], window[-1]
    if (
        min(first.contrast, last.contrast) < BLANK_CONTRAST
        or _compute_correlation(first.coarse, last.coarse) > MAX_CORRELATION
    ):
        return 0.0
    shares, explained = _fit_mixture(first.coarse, last.coarse, middle.coarse)
    if min(shares) < MIN_SHARE or explained < MIN_EXPLAINED:
        return 0.0
    one, other = (_warp_onto(features.detail, features, middle, flow) for features in (first, last))
    shares, explained = _fit_mixture(one, other, middle.detail)
    if min(shares) <= 0:
        return 0.0
    balance = 4 * shares[0] * shares[1] / sum(shares) ** 2
    score = balance * explained * (1 - _compute_correlation(one, other))
    return min(score, 1.0) if score > DISSOLVE_THRESHOLD else 0.0


def _fit_mixture(first: Float32Array, last: Float32Array, middle: Float32Array) -> tuple[tuple[float, float], float]:
    """How much of the first and the last picture the middle one holds, and the part of its variance so explained."""
    pictures = np.stack([first.ravel(), last.ravel(), middle.ravel()])
    products = pictures @ pictures.T
    shares = np.linalg.solve(products[:2, :2] + 1e-3 * np.eye(2), products[:2, 2])
    return (float(shares[0]), float(shares[1])), float(shares @ products[:2, 2] / (products[2, 2] + 1e-6))


def _iter_fades(signals: _FilmSignals, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Stretches that show nothing, with something before and after, and the frames that lead there and back."""
    for first, end in iter_runs(blank):
        if first == 0 or end == len(signals):
            continue
        if end - first < LOOKBACK and signals.dissimilarity[end, end - first] < CUT_THRESHOLD:
            continue
        begin, over = _count_fade_frames(signals.contrast[:first][::-1]), _count_fade_frames(signals.contrast[end:])
        yield Boundary((first + end) // 2, "fade", end - first + begin + over, 1.0)


def _count_fade_frames(contrast: Float32Array) -> int:
    """How many frames come before the picture has most of its contrast."""
    return int(np.argmax(contrast[:MAX_FADE_FRAMES] > 0.7 * contrast[:MAX_FADE_FRAMES].max()))


def _iter_cuts(signals: _FilmSignals, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Frames that are unlike all that came up to three frames before, and so are those that follow."""
    pairs = [(later, earlier) for later in range(LOOKBACK) for earlier in range(later - LOOKBACK, 0)]
    for frame in np.flatnonzero(signals.dissimilarity[:, 0] > CUT_THRESHOLD).tolist():
        if not LOOKBACK <= frame <= len(signals) - LOOKBACK or blank[frame - LOOKBACK : frame + LOOKBACK].any():
            continue
        dissimilarity = min(
            float(signals.dissimilarity[frame + later, later - earlier - 1]) for later, earlier in pairs
        )
        if dissimilarity - _measure_motion(signals.dissimilarity[:, 1], frame) > CUT_THRESHOLD:
            yield Boundary(frame, "cut", 0, min(dissimilarity, 1.0))


def _measure_motion(dissimilarity: Float32Array, frame: int) -> float:
    """How unlike frames at a distance of 2 are to each other on either side of ``frame``: much where motion is wild."""
    before, after = (
        dissimilarity[max(frame - MOTION_WINDOW, 2) : frame],
        dissimilarity[frame + 2 : frame + 2 + MOTION_WINDOW],
    )
    return float(np.median(np.concatenate([before, after]))) if len(before) + len(after) else 0.0


def _iter_dissolves(signals: _FilmSignals) -> Iterator[Boundary]:
    for number in np.flatnonzero(signals.dissolve_score).tolist():
        radius = int(signals.dissolve_radius[number])
        yield Boundary(number - radius, "dissolve", 2 * radius, float(signals.dissolve_score[number]))
