"""Measures predicted colours against the film's luma and the shot's references, per frame and per shot."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from kinemacolor.color import YCbCr
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.metrics.motion import Motion
from kinemacolor.report.palette import Palette
from kinemacolor.utils.arrays import Float32Array, Float64Array, UInt8Array

JUST_NOTICEABLE = 2.3  # Lab units: the smallest visible difference between grays (Mahy et al. 1994)
JND_PER_COLORFULNESS = 0.045  # by which it grows for each unit of chroma C* (CIE94: S_C = 1 + 0.045 C*)
MIN_COLORFULNESS = 1.0  # Lab units: ratios to a mean length of ab under this one mean nothing
CONFIDENCE_BINS = 256  # of the histogram of confidence
MAX_SLOPE_POINTS = 200  # of a curve; a longer one is averaged in groups to this number first


class FrameMeasures(NamedTuple):
    """Measures of one frame; nan where there is nothing to measure.

    ``confidence``: mean, 0..1. ``chroma``: colourfulness, the mean length of ab, Lab units. ``distance``: how far its
    colours lie from the nearest reference's (`Palette.distance_to`). ``richness``: its colourfulness as a part of that
    reference's. ``cast_a``, ``cast_b``: its median a and b less that reference's. ``flicker``: change of ab along the
    motion from the frame before (`Motion.mean_ab_change`), Lab units. ``clipped``: share of pixels that visibly lose
    colour because no display can show their ab at the film's luma (`compute_clipped_share`). ``filled``: the part 0..1
    of its colours that no reference shows.
    """

    confidence: float
    chroma: float
    distance: float
    richness: float
    cast_a: float
    cast_b: float
    flicker: float
    clipped: float
    filled: float


class MeasureCurves:
    """The measures of all frames in order, as compact arrays of 32-bit floats."""

    def __init__(self) -> None:
        self._columns = {name: array("f") for name in FrameMeasures._fields}

    def add(self, measured: FrameMeasures) -> None:
        """Append the measures of the next frame."""
        for column, value in zip(self._columns.values(), measured, strict=True):
            column.append(value)

    def values_of(self, name: str, first: int = 0, end: int | None = None) -> Float32Array:
        """Return one measure, by its name in `FrameMeasures`, of frames ``first`` up to, not including, ``end``."""
        return np.frombuffer(self._columns[name], np.float32)[first:end].copy()


@dataclass(frozen=True)
class ShotMeasures:
    """Measures of one shot; None where there is nothing to measure.

    Means over frames: ``confidence``, ``chroma``, ``distance``, ``richness``, ``flicker``, ``clipped``,
    ``filled``, and ``cast``, the mean (a, b). ``confidence_p10``: a tenth of its pixels has less. ``fade_per_100`` is
    the relative change of colourfulness, ``drift_per_100`` the change of distance in Lab units, both over 100 frames;
    ``fade`` and ``drift`` are the same over the whole shot. Slopes are robust (`estimate_slope`).
    """

    confidence: float
    confidence_p10: float
    chroma: float
    distance: float | None
    richness: float | None
    cast: tuple[float, float] | None
    flicker: float | None
    clipped: float
    filled: float | None
    fade_per_100: float
    fade: float
    drift_per_100: float | None
    drift: float | None


class ShotMeter:
    """Measures the frames of one shot in order; only the frame before is held in memory.

    ``references``: palettes of the shot's references, may be empty. ``coding``: the film's colour coding.
    """

    def __init__(self, references: Sequence[Palette], coding: YCbCr) -> None:
        self._references, self._coding = references, coding
        self._previous: tuple[UInt8Array, Float32Array] | None = None
        self._counts = np.zeros(CONFIDENCE_BINS, np.int64)

    def measure_frame(self, gray: UInt8Array, prediction: ColorPrediction) -> FrameMeasures:
        """Measure the next frame: gray ``h w``, full range, and a prediction of that size, saturation applied."""
        ab, confidence, filled = prediction
        own = Palette.from_ab(ab)
        near = min(self._references, key=own.distance_to, default=None)
        levels = (confidence * (CONFIDENCE_BINS - 1)).round().clip(0, CONFIDENCE_BINS - 1).astype(np.int64)
        self._counts += np.bincount(levels.ravel(), minlength=CONFIDENCE_BINS)
        found = FrameMeasures(
            float(confidence.mean()),
            own.colorfulness,
            *_compare_palettes(own, near),
            self._measure_flicker(gray, ab),
            compute_clipped_share(gray, ab, self._coding),
            float("nan") if filled is None else float(filled.mean()),
        )
        self._previous = gray, ab
        return found

    @property
    def confidence_p10(self) -> float:
        """The confidence that a tenth of all pixels measured until now stays under."""
        reached = np.cumsum(self._counts) >= 0.1 * self._counts.sum()
        return float(np.argmax(reached)) / (CONFIDENCE_BINS - 1)

    def _measure_flicker(self, gray: UInt8Array, ab: Float32Array) -> float:
        """Mean change of ab along the motion from the frame before; nan for the first frame."""
        if self._previous is None:
            return float("nan")
        gray_before, ab_before = self._previous
        return Motion.from_frames(gray_before, gray).mean_ab_change(ab_before, ab)


def _compare_palettes(own: Palette, near: Palette | None) -> tuple[float, float, float, float]:
    """Return distance, richness and cast (a, b) of a frame against its nearest reference; nan without one."""
    if near is None:
        return (float("nan"),) * 4
    cast = own.median_ab[0] - near.median_ab[0], own.median_ab[1] - near.median_ab[1]
    richness = own.colorfulness / near.colorfulness if near.colorfulness >= MIN_COLORFULNESS else float("nan")
    return own.distance_to(near), richness, *cast


def compute_clipped_share(gray: UInt8Array, ab: Float32Array, coding: YCbCr) -> float:
    """Return the share of pixels whose ab ``h w 2`` visibly loses colour at the film's gray ``h w``, 8 bits full range.

    A loss is visible if it is over `JUST_NOTICEABLE`, weighted by colourfulness as in CIE94.
    """
    luma = torch.from_numpy(gray).float()[None] / 255
    ab_channels = torch.from_numpy(ab).permute(2, 0, 1)
    colorfulness = ab_channels.norm(dim=0)
    lost = (1 - coding.gamut_scale(luma, ab_channels)) * colorfulness
    return float((lost > JUST_NOTICEABLE * (1 + JND_PER_COLORFULNESS * colorfulness)).float().mean())


def measure_shot(curves: MeasureCurves, first: int, end: int, confidence_p10: float) -> ShotMeasures:
    """Summarize the frames ``first`` up to, not including, ``end`` of the curves as the measures of a shot."""
    frames = end - first
    mean = {name: _mean_of_finite(curves.values_of(name, first, end)) for name in FrameMeasures._fields}
    colorfulness, distance = curves.values_of("chroma", first, end), curves.values_of("distance", first, end)
    fading = estimate_slope(colorfulness) / max(float(np.median(colorfulness)), MIN_COLORFULNESS)
    drifting = None if mean["distance"] is None else estimate_slope(distance)
    cast_a, cast_b = mean["cast_a"], mean["cast_b"]
    return ShotMeasures(
        confidence=mean["confidence"] or 0.0,
        confidence_p10=confidence_p10,
        chroma=mean["chroma"] or 0.0,
        distance=mean["distance"],
        richness=mean["richness"],
        cast=None if cast_a is None or cast_b is None else (cast_a, cast_b),
        flicker=mean["flicker"],
        clipped=mean["clipped"] or 0.0,
        filled=mean["filled"],
        fade_per_100=100 * fading,
        fade=fading * (frames - 1),
        drift_per_100=None if drifting is None else 100 * drifting,
        drift=None if drifting is None else drifting * (frames - 1),
    )


def estimate_slope(values: Float32Array) -> float:
    """Estimate the change per step of a curve: the median of the slopes between all pairs of its points.

    This is the estimator of Theil (1950) and Sen (1968), which up to 29 % of outliers cannot spoil. A curve of more
    than `MAX_SLOPE_POINTS` points is averaged in groups first. 0 where there are fewer than two points.
    """
    means = average_groups(values, MAX_SLOPE_POINTS)
    places = average_groups(np.arange(len(values), dtype=np.float32), MAX_SLOPE_POINTS)
    if len(means) < 2:
        return 0.0
    one, other = np.triu_indices(len(means), 1)
    return float(np.median((means[other] - means[one]) / (places[other] - places[one])))


def average_groups(values: Float32Array, count: int) -> Float64Array:
    """Shorten a curve to at most ``count`` points, each the mean of neighbouring values."""
    return np.array([part.mean(dtype=np.float64) for part in np.array_split(values, min(count, len(values)))])


def _mean_of_finite(values: Float32Array) -> float | None:
    """Return the mean of the finite values, None if there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else None
