"""Measures of painted frames beside the film's luma and the shot's references: per frame, and of a whole shot."""

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

JUST_NOTICEABLE = 2.3  # Lab units: the smallest difference that is seen between grays (Mahy et al. 1994)
JND_PER_COLORFULNESS = 0.045  # so much more of it is needed for each unit of chroma (CIE94, S_C)
MIN_COLORFULNESS = 1.0  # Lab units of mean chroma under which shares of it mean nothing
CONFIDENCE_BINS = 256  # of confidence
MAX_SLOPE_POINTS = 200  # a longer curve is fitted through so many means of neighbours


class FrameMeasures(NamedTuple):
    """Of one frame; nan where there is nothing to measure.

    ``confidence``: mean, 0..1. ``chroma``: mean, Lab units. ``distance``: of its colours from those of the reference
    that is nearest (`Palette.distance`). ``richness``: its chroma as a part of that reference's. ``cast_a``,
    ``cast_b``: its median colour less that reference's. ``flicker``: change along the motion from the frame
    before (`Motion.chroma_change`), Lab units. ``clipped``: share of pixels that lose more than is noticed because
    no display can show their colour at the film's luma.
    """

    confidence: float
    chroma: float
    distance: float
    richness: float
    cast_a: float
    cast_b: float
    flicker: float
    clipped: float


class MeasureCurves:
    """The measures of frames one after the other, in a few bytes a frame."""

    def __init__(self) -> None:
        self._columns = {name: array("f") for name in FrameMeasures._fields}

    def add(self, measured: FrameMeasures) -> None:
        for column, value in zip(self._columns.values(), measured, strict=True):
            column.append(value)

    def values_of(self, name: str, first: int = 0, end: int | None = None) -> Float32Array:
        """One measure of frames ``first`` up to ``end``."""
        return np.frombuffer(self._columns[name], np.float32)[first:end].copy()


@dataclass(frozen=True)
class ShotMeasures:
    """Of one shot; None where there is nothing to measure.

    Means over frames: ``confidence``, ``chroma``, ``distance``, ``richness``, ``flicker``, ``clipped``, and ``cast``,
    the mean (a, b). ``confidence_p10``: a tenth of its pixels has less. ``fade_per_100`` is the relative change of
    chroma, ``drift_per_100`` the change of distance in Lab units, both of 100 frames; ``fade`` and ``drift`` those of
    the whole shot. Slopes are robust (`slope`).
    """

    confidence: float
    confidence_p10: float
    chroma: float
    distance: float | None
    richness: float | None
    cast: tuple[float, float] | None
    flicker: float | None
    clipped: float
    fade_per_100: float
    fade: float
    drift_per_100: float | None
    drift: float | None


class ShotMeter:
    """Measures the frames of one shot in order. Nothing of a frame is kept but until the next.

    ``references``: what the shot's look like, perhaps none.
    """

    def __init__(self, references: Sequence[Palette], coding: YCbCr) -> None:
        self._references, self._coding = references, coding
        self._previous: tuple[UInt8Array, Float32Array] | None = None
        self._counts = np.zeros(CONFIDENCE_BINS, np.int64)

    def measure_frame(self, gray: UInt8Array, prediction: ColorPrediction) -> FrameMeasures:
        """A painted frame, with its gain, and the film's gray ``h w``, full range, of the same size."""
        ab, confidence = prediction
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
        )
        self._previous = gray, ab
        return found

    @property
    def confidence_p10(self) -> float:
        """The confidence that a tenth of all pixels so far is under."""
        reached = np.cumsum(self._counts) >= 0.1 * self._counts.sum()
        return float(np.argmax(reached)) / (CONFIDENCE_BINS - 1)

    def _measure_flicker(self, gray: UInt8Array, ab: Float32Array) -> float:
        if self._previous is None:
            return float("nan")
        gray_before, ab_before = self._previous
        return Motion.from_frames(gray_before, gray).mean_ab_change(ab_before, ab)


def _compare_palettes(own: Palette, near: Palette | None) -> tuple[float, float, float, float]:
    """Distance, richness and cast of a frame beside its nearest reference."""
    if near is None:
        return (float("nan"),) * 4
    cast = own.median_ab[0] - near.median_ab[0], own.median_ab[1] - near.median_ab[1]
    richness = own.colorfulness / near.colorfulness if near.colorfulness >= MIN_COLORFULNESS else float("nan")
    return own.distance_to(near), richness, *cast


def compute_clipped_share(gray: UInt8Array, ab: Float32Array, coding: YCbCr) -> float:
    """The share of pixels whose ab ``h w 2`` lose more than `NOTICED` at the film's gray ``h w``."""
    luma = torch.from_numpy(gray).float()[None] / 255
    ab_channels = torch.from_numpy(ab).permute(2, 0, 1)
    colorfulness = ab_channels.norm(dim=0)
    lost = (1 - coding.gamut_scale(luma, ab_channels)) * colorfulness
    return float((lost > JUST_NOTICEABLE * (1 + JND_PER_COLORFULNESS * colorfulness)).float().mean())


def measure_shot(curves: MeasureCurves, first: int, end: int, confidence_p10: float) -> ShotMeasures:
    """Of the shot that has frames ``first`` up to ``end`` of the curves."""
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
        fade_per_100=100 * fading,
        fade=fading * (frames - 1),
        drift_per_100=None if drifting is None else 100 * drifting,
        drift=None if drifting is None else drifting * (frames - 1),
    )


def estimate_slope(values: Float32Array) -> float:
    """The change per step of a curve: the median over all pairs of points of the slope between them.

    That is the estimator of Theil (1950) and Sen (1968): three points in ten may lie anywhere. Of a curve of more
    than 200 points the means of neighbours are taken. 0 where there are fewer than two points.
    """
    means = average_groups(values, MAX_SLOPE_POINTS)
    places = average_groups(np.arange(len(values), dtype=np.float32), MAX_SLOPE_POINTS)
    if len(means) < 2:
        return 0.0
    one, other = np.triu_indices(len(means), 1)
    return float(np.median((means[other] - means[one]) / (places[other] - places[one])))


def average_groups(values: Float32Array, count: int) -> Float64Array:
    """A curve as at most ``count`` means of neighbours."""
    return np.array([part.mean(dtype=np.float64) for part in np.array_split(values, min(count, len(values)))])


def _mean_of_finite(values: Float32Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else None
