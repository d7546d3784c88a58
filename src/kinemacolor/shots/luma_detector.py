"""Our own shot detector for gray film: finds cuts, fades and dissolves.

Frames are compared at a small size, blurred, each place in units of the contrast around it, and warped onto each
other by optical flow, so that grain, flicker and camera motion do not count as change. What lasts two frames or less
(dirt, a flash, a missing frame) is no cut. A frame of a dissolve is a mixture of one frame before and one after it,
which stay unlike when both are warped onto it; frames that differ by motion become alike.
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
COARSE_SIZE = (18, 32)  # rows and columns at which mixtures are looked for first: motion shows little there
BORDER_DIVISOR = 32  # 1/32 of a frame is cut off on each side: it may be the black border, the same in all shots
BLUR_SIGMA, CONTRAST_WINDOW = 1.5, 25  # px
GRAIN_CONTRAST = 4.0  # contrast of grain, in 8-bit levels
# By this much frames across a cut are more unlike than frames beside it that are 2 apart; and frames before and after
# a few blank ones are unlike, where these are a fade and no interruption.
CUT_THRESHOLD = 0.36
MOTION_WINDOW = 8  # frames to either side of a cut over which motion is measured
BLANK_CONTRAST = 3.0  # 8-bit levels of contrast (deviation from the local mean) under which a frame shows nothing
DISSOLVE_RADII = (4, 6, 9, 13, 20)  # frames to either side of the middle of a dissolve
MAX_FADE_FRAMES = 24  # frames that a fade lasts at most, each way
# For coarse frames: the part of the variance that a mixture explains, either share in it, how alike its two frames are.
MIN_EXPLAINED, MIN_SHARE, MAX_CORRELATION = 0.3, 0.08, 0.7
DISSOLVE_THRESHOLD = 0.44  # score above which there is a dissolve


@dataclass(frozen=True)
class _FrameFeatures:
    """A frame at `COMPARISON_SIZE`, blurred.

    ``detail`` is the frame less its local mean; ``normalized`` is that in units of the local contrast, and
    ``gray_levels`` the same as 8-bit levels, for the optical flow. ``coarse`` is ``detail`` at `COARSE_SIZE`;
    ``contrast`` is the deviation of ``detail``.
    """

    detail: Float32Array
    normalized: Float32Array
    gray_levels: UInt8Array
    coarse: Float32Array
    contrast: float


@dataclass(frozen=True)
class _FilmSignals:
    """What is measured of the ``T`` frames of a film.

    ``dissimilarity`` (``T 3``, 0..2) compares a frame with those 1, 2 and 3 before it. ``dissolve_score`` (0..1) is
    of a dissolve of ``dissolve_radius`` frames either way, whose middle lies that many frames before.
    """

    contrast: Float32Array
    dissimilarity: Float32Array
    dissolve_score: Float32Array
    dissolve_radius: Float32Array

    def __len__(self) -> int:
        return len(self.contrast)


def detect_boundaries_luma(frames: Iterable[UInt8Array]) -> list[Boundary]:
    """Find the boundaries between the shots of a film of gray frames (``H W``, uint8), in order.

    Reads the frames once; holds 41 small frames, and 24 bytes of every frame.
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
    """Yield the first and the end (not in it) of each run of set flags; gaps of up to three are bridged, as dirt."""
    numbers = np.flatnonzero(flags)
    for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > LOOKBACK + 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1


def _measure_signals(features: Iterable[_FrameFeatures]) -> _FilmSignals:
    """Compare each frame with those before it, in one reading."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    window: deque[_FrameFeatures] = deque(maxlen=2 * max(DISSOLVE_RADII) + 1)
    values = array("f")
    for current in features:
        before = [window[-back] for back in range(1, min(LOOKBACK, len(window)) + 1)]
        window.append(current)
        dissimilarities = [_measure_dissimilarity(other, current, flow) for other in before]
        dissolves = [
            (_score_dissolve(window, radius, flow), radius) for radius in DISSOLVE_RADII if len(window) > 2 * radius
        ]
        values.extend(
            (
                current.contrast,
                *dissimilarities,
                *[0.0] * (LOOKBACK - len(dissimilarities)),
                *max(dissolves, default=(0.0, 0)),
            )
        )
    table = np.array(values, np.float32).reshape(-1, LOOKBACK + 3)
    return _FilmSignals(table[:, 0], table[:, 1 : 1 + LOOKBACK], table[:, -2], table[:, -1])


def _extract_features(frame: UInt8Array) -> _FrameFeatures:
    """Make a gray frame small, without its border, and normalize it by its local mean and contrast."""
    top, left = (size // BORDER_DIVISOR for size in frame.shape)
    inside = frame[top : frame.shape[0] - top, left : frame.shape[1] - left]
    small = cv2.GaussianBlur(resize(inside, COMPARISON_SIZE).astype(np.float32), (0, 0), BLUR_SIGMA)
    mean = cv2.blur(small, (CONTRAST_WINDOW, CONTRAST_WINDOW))
    variance = np.maximum(cv2.blur(small * small, (CONTRAST_WINDOW, CONTRAST_WINDOW)) - mean * mean, 0)
    detail = small - mean
    normalized = (detail / np.sqrt(variance + GRAIN_CONTRAST**2)).astype(np.float32, copy=False)
    gray_levels = (normalized * 40 + 128).clip(0, 255).astype(np.uint8)
    return _FrameFeatures(detail, normalized, gray_levels, resize(detail, COARSE_SIZE), float(detail.std()))


def _measure_dissimilarity(first: _FrameFeatures, second: _FrameFeatures, flow: cv2.DISOpticalFlow) -> float:
    """Compute 1 less the correlation of two frames, the first warped onto the second: 0..2."""
    return 1 - _compute_correlation(_warp_onto(first.normalized, first, second, flow), second.normalized)


def _warp_onto(
    picture: Float32Array, first: _FrameFeatures, second: _FrameFeatures, flow: cv2.DISOpticalFlow
) -> Float32Array:
    """Warp a picture of the first frame onto the second, by the optical flow between both."""
    shift = flow.calc(second.gray_levels, first.gray_levels, None)  # type: ignore[call-overload]
    source = (_COLUMN_GRID + shift[..., 0], _ROW_GRID + shift[..., 1])
    return cv2.remap(picture, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


_ROW_GRID, _COLUMN_GRID = np.indices(COMPARISON_SIZE, dtype=np.float32)


def _compute_correlation(first: Float32Array, second: Float32Array) -> float:
    return float((first * second).sum() / np.sqrt((first * first).sum() * (second * second).sum() + 1e-6))


def _score_dissolve(window: deque[_FrameFeatures], radius: int, flow: cv2.DISOpticalFlow) -> float:
    """Score, 0..1, a dissolve whose middle is the frame ``radius`` frames before the last of ``window``.

    The frames ``radius`` before and after it must be of two shots, and the middle one a mixture of both.
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
    # 1 where both shares are the same, as in the middle of a dissolve; 0 where one is missing.
    balance = 4 * shares[0] * shares[1] / sum(shares) ** 2
    score = balance * explained * (1 - _compute_correlation(one, other))
    return min(score, 1.0) if score > DISSOLVE_THRESHOLD else 0.0


def _fit_mixture(first: Float32Array, last: Float32Array, middle: Float32Array) -> tuple[tuple[float, float], float]:
    """Fit the middle picture by least squares as a mixture of the first and the last.

    Returns both shares, and the part of the middle picture's variance that the mixture explains.
    """
    pictures = np.stack([first.ravel(), last.ravel(), middle.ravel()])
    products = pictures @ pictures.T
    # The normal equations; the small ridge keeps them solvable where both pictures are the same.
    shares = np.linalg.solve(products[:2, :2] + 1e-3 * np.eye(2), products[:2, 2])
    return (float(shares[0]), float(shares[1])), float(shares @ products[:2, 2] / (products[2, 2] + 1e-6))


def _iter_fades(signals: _FilmSignals, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Find runs of blank frames with pictures before and after; the frames that lead there and back count too.

    A few blank frames between pictures that are alike are an interruption, such as a flash or dirt, and no fade.
    """
    for first, end in iter_runs(blank):
        if first == 0 or end == len(signals):
            continue
        if end - first < LOOKBACK and signals.dissimilarity[end, end - first] < CUT_THRESHOLD:
            continue
        fade_out = _count_fade_frames(signals.contrast[:first][::-1])
        fade_in = _count_fade_frames(signals.contrast[end:])
        yield Boundary((first + end) // 2, "fade", end - first + fade_out + fade_in, 1.0)


def _count_fade_frames(contrast: Float32Array) -> int:
    """Count the frames from a blank one until the picture has 0.7 of its contrast."""
    return int(np.argmax(contrast[:MAX_FADE_FRAMES] > 0.7 * contrast[:MAX_FADE_FRAMES].max()))


def _iter_cuts(signals: _FilmSignals, blank: NDArray[np.bool_]) -> Iterator[Boundary]:
    """Find frames that begin a shot: they and those after them are unlike those before, up to three frames apart.

    Frames across the cut must be more unlike than motion makes frames of the same shot.
    """
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
    """Return the median dissimilarity of frames 2 apart on either side of ``frame``: high where motion is fast."""
    before, after = (
        dissimilarity[max(frame - MOTION_WINDOW, 2) : frame],
        dissimilarity[frame + 2 : frame + 2 + MOTION_WINDOW],
    )
    return float(np.median(np.concatenate([before, after]))) if len(before) + len(after) else 0.0


def _iter_dissolves(signals: _FilmSignals) -> Iterator[Boundary]:
    """Find dissolves: every frame with a score gives one, the caller takes the best of those that touch."""
    for number in np.flatnonzero(signals.dissolve_score).tolist():
        radius = int(signals.dissolve_radius[number])
        yield Boundary(number - radius, "dissolve", 2 * radius, float(signals.dissolve_score[number]))
