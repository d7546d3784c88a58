"""Computes all measures of every frame of one film, for several models side by side.

What depends on the true film alone (motion, its own measures, its Inception features) is computed once for all models.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb
from kinemacolor.errors import InputError, KinemacolorError
from kinemacolor.evaluation.protocol import PredictedFrame, TrueFrame
from kinemacolor.metrics.confidence import compute_ause, compute_confidence_correlation
from kinemacolor.metrics.detail import compute_band_energies, compute_detail
from kinemacolor.metrics.motion import Motion, compute_cdc, compute_color_histogram
from kinemacolor.metrics.picture import (
    GRAY_THRESHOLD_AB,
    compute_ab_error,
    compute_ciede2000,
    compute_colorfulness,
    compute_psnr,
    compute_psnr_uint8_wraparound,
    compute_ssim,
)
from kinemacolor.utils.arrays import Float32Array, Float64Array, UInt8Array


@dataclass(frozen=True)
class FilmResult:
    """Measures of one model on one film: means over its frames, and curves with a number (or nan) for each frame.

    ``failure``: why there are no measures, else None. ``weights``: fingerprint of the weights that were measured.
    """

    film: str
    model: str
    protocol: str
    frames: int
    means: Mapping[str, float]
    curves: Mapping[str, list[float]]
    failure: str | None = None
    weights: str = ""


class FramePictures(NamedTuple):
    """Four pictures of one frame to look at, ``H W 3`` uint8: gray, truth, result, confidence (bright: sure)."""

    frame: int
    gray: UInt8Array
    truth: UInt8Array
    result: UInt8Array
    confidence: UInt8Array


@dataclass
class ModelMeasurements:
    """What was measured of one model on one film: curves, colour histograms, features and pictures of its results.

    ``error_energies`` and ``truth_energies``: `compute_band_energies` of the error and of the truth in each frame.
    ``failure``: why the model could not be measured, else None.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    histograms: list[Float32Array] = field(default_factory=list)
    error_energies: list[Float64Array] = field(default_factory=list)
    truth_energies: list[Float64Array] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)
    sample_pictures: list[FramePictures] = field(default_factory=list)
    worst_pictures: FramePictures | None = None
    failure: str | None = None

    def summarize_film(self, film: str, model: str, protocol: str) -> FilmResult:
        """Average the curves over frames, and add CDC and detail, which are of the whole film."""
        if self.failure is not None:
            return FilmResult(film, model, protocol, 0, {}, {}, self.failure)
        means = {name: finite_mean(values) for name, values in self.curves.items()}
        means |= {"cdc": compute_cdc(self.histograms), **compute_detail(self.error_energies, self.truth_energies)}
        return FilmResult(film, model, protocol, len(self.histograms), means, self.curves)


class _FramePixels(NamedTuple):
    """One frame as arrays for optical flow: ab ``H W 2`` and sRGB ``H W 3``, 0..1."""

    ab: Float32Array
    rgb: Float32Array


@dataclass(frozen=True)
class _PreparedTruth:
    """A true frame with all that comparisons need; ``motion`` leads to the frame before, None for the first one.

    ``rgb`` and ``gray``: sRGB ``3 H W``, 0..1, in colour and without. ``lightness_bytes``: L* scaled to 0..255.
    ``band_energies``: `compute_band_energies` of ab.
    """

    index: int
    frame: TrueFrame
    rgb: Tensor
    gray: Tensor
    lightness_bytes: UInt8Array
    pixels: _FramePixels
    band_energies: Float64Array
    motion: Motion | None
    metrics: dict[str, float]


def measure_film(
    film: Iterable[TrueFrame],
    predictions: Mapping[str, Iterator[PredictedFrame]],
    networks: Mapping[str, nn.Module],
    *,
    sample_frames: Collection[int] = (),
    network_stride: int = 1,
) -> tuple[dict[str, ModelMeasurements], list[Tensor]]:
    """Compute all measures of the ``predictions`` of each model for a film, and Inception features of the true film.

    ``networks``: metric networks of `load_metric`, by name, whose weights are installed. They, and how well confidence
    predicts the error, are computed for every ``network_stride``-th frame, all other measures for every frame.
    ``sample_frames``: numbers of the frames to make pictures of. Units: PSNR in dB; ab error and ``chroma_change``
    (change of ab) in Lab units; warp error ×1000. A model that fails, or has more or fewer frames than the true film,
    has a ``failure`` in its measurements. Raises InputError where the true film is gray or has no frame.
    """
    measurements = {name: ModelMeasurements() for name in predictions}
    previous_pixels: dict[str, _FramePixels] = {}
    features: list[Tensor] = []
    truth, mean_abs_ab = None, []
    for truth in _iter_prepared_truths(film):
        mean_abs_ab.append(float(truth.frame.lab[1:].abs().mean()))
        current_predictions = {
            name: prediction
            for name in measurements
            if (prediction := _next_prediction(predictions[name], measurements[name], truth.index))
        }
        results = {name: lab_to_rgb(torch.cat([truth.frame.lab[:1], x.ab])) for name, x in current_predictions.items()}
        rows = {name: _picture_metrics(current_predictions[name], results[name], truth) for name in current_predictions}
        sampled = truth.index % network_stride == 0
        _add_network_metrics(rows, results, truth, networks if sampled else {}, measurements, features)
        for name, prediction in current_predictions.items():
            current = _FramePixels(_to_channels_last(prediction.ab), _to_channels_last(results[name]))
            rows[name] |= truth.metrics | _confidence_metrics(prediction, truth, sampled)
            rows[name] |= _motion_metrics(previous_pixels.get(name), current, truth.motion)
            previous_pixels[name] = current
            _record_frame(
                measurements[name], rows[name], prediction, results[name], truth, truth.index in sample_frames
            )
    if truth is None:
        raise InputError("the film has no frame")
    if finite_mean(mean_abs_ab) < GRAY_THRESHOLD_AB:
        raise InputError("the film is gray itself: there is nothing to compare with")
    for name, one in measurements.items():
        if one.failure is None and next(predictions[name], None) is not None:
            one.failure = f"goes on after frame {truth.index}, where the true film ends"
    return measurements, features


def finite_mean(values: Iterable[float]) -> float:
    """Average the values that are not nan; nan if there is none."""
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


def _iter_prepared_truths(film: Iterable[TrueFrame]) -> Iterator[_PreparedTruth]:
    """Compute once for each true frame what all models are compared with."""
    last: _PreparedTruth | None = None
    for index, frame in enumerate(film):
        rgb = torch.from_numpy(frame.picture).permute(2, 0, 1).float() / 255
        gray = lab_to_rgb(torch.cat([frame.lab[:1], torch.zeros_like(frame.lab[1:])]))
        lightness_bytes = (frame.lab[0] * 2.55).byte().numpy()  # L* 0..100 as 8 bits, for optical flow
        motion = Motion.from_frames(last.lightness_bytes, lightness_bytes) if last else None
        pixels = _FramePixels(_to_channels_last(frame.lab[1:]), _to_channels_last(rgb))
        changes = _motion_metrics(last.pixels if last else None, pixels, motion)
        metrics = {f"{name}_truth": value for name, value in changes.items()}
        metrics |= {"psnr_gray": compute_psnr(gray, rgb), "colorfulness_truth": compute_colorfulness(rgb)}
        energies = compute_band_energies(pixels.ab)
        last = _PreparedTruth(index, frame, rgb, gray, lightness_bytes, pixels, energies, motion, metrics)
        yield last


def _next_prediction(
    predictions: Iterator[PredictedFrame], measurements: ModelMeasurements, index: int
) -> PredictedFrame | None:
    """Take the next prediction of a model that has not failed; on failure, note why and return None."""
    if measurements.failure is not None:
        return None
    try:
        prediction = next(predictions, None)
    except KinemacolorError as error:
        measurements.failure = str(error)
        return None
    if prediction is None:
        measurements.failure = f"ends before frame {index}, where the true film goes on"
    return prediction


def _picture_metrics(prediction: PredictedFrame, result: Tensor, truth: _PreparedTruth) -> dict[str, float]:
    lab = truth.frame.lab
    return {
        "psnr": compute_psnr(result, truth.rgb),
        "psnr_uint8_wraparound": compute_psnr_uint8_wraparound(_to_uint8_picture(result), truth.frame.picture),
        "ssim": compute_ssim(result, truth.rgb),
        "ab_error": compute_ab_error(prediction.ab, lab[1:]),
        "ciede2000": compute_ciede2000(torch.cat([lab[:1], prediction.ab]), lab),
        "colorfulness": compute_colorfulness(result),
        "confidence": float(prediction.confidence.mean()),
    }


def _confidence_metrics(prediction: PredictedFrame, truth: _PreparedTruth, sampled: bool) -> dict[str, float]:
    confidence = prediction.confidence.numpy()
    if not sampled or np.isnan(confidence).any():
        return {"confidence_correlation": math.nan, "ause": math.nan}
    error = torch.linalg.vector_norm(prediction.ab - truth.frame.lab[1:], dim=0).numpy()
    return {
        "confidence_correlation": compute_confidence_correlation(confidence, error),
        "ause": compute_ause(confidence, error),
    }


def _add_network_metrics(
    rows: Mapping[str, dict[str, float]],
    results: Mapping[str, Tensor],
    truth: _PreparedTruth,
    networks: Mapping[str, nn.Module],
    measurements: Mapping[str, ModelMeasurements],
    features: list[Tensor],
) -> None:
    """Add the measures of networks to ``rows``, all models in one batch; nan for frames without networks.

    Inception features of the results go to ``measurements``, that of the true frame to ``features``.
    """
    names = {"lpips-alex": ("lpips_alex",), "lpips-vgg": ("lpips_vgg",), "classifier": ("top1", "top5")}
    for row in rows.values():
        row |= dict.fromkeys((name for group in names.values() for name in group), math.nan)
    if not rows or not networks:
        return
    batch, true = torch.stack([results[name] for name in rows]), truth.rgb[None]
    for network in names.keys() & networks.keys():
        values = networks[network](batch, true).reshape(len(rows), -1).tolist()
        for row, value in zip(rows.values(), values, strict=True):
            row |= dict(zip(names[network], value, strict=True))
    if inception := networks.get("inception"):
        *result_features, true_feature = inception(torch.cat([batch, true]))
        features.append(true_feature)
        for name, feature in zip(rows, result_features, strict=True):
            measurements[name].features.append(feature)


def _motion_metrics(previous: _FramePixels | None, current: _FramePixels, motion: Motion | None) -> dict[str, float]:
    """Measure the change from the frame before, along the true film's motion; nan for the first frame."""
    if previous is None or motion is None:
        return {"warp_error": math.nan, "chroma_change": math.nan}
    return {
        "warp_error": motion.warp_error(previous.rgb, current.rgb),
        "chroma_change": motion.mean_ab_change(previous.ab, current.ab),
    }


def _record_frame(
    measurements: ModelMeasurements,
    row: Mapping[str, float],
    prediction: PredictedFrame,
    result: Tensor,
    truth: _PreparedTruth,
    is_sample: bool,
) -> None:
    """Append a frame's measures, and make pictures of it if it is a sample or the worst frame so far (by PSNR)."""
    for name, value in row.items():
        measurements.curves.setdefault(name, []).append(value)
    measurements.histograms.append(compute_color_histogram(_to_uint8_picture(result)))
    measurements.error_energies.append(compute_band_energies(_to_channels_last(prediction.ab - truth.frame.lab[1:])))
    measurements.truth_energies.append(truth.band_energies)
    worst = row["psnr"] <= min(measurements.curves["psnr"])
    if worst or is_sample:
        pictures = _make_frame_pictures(prediction, result, truth)
        measurements.worst_pictures = pictures if worst else measurements.worst_pictures
        measurements.sample_pictures += [pictures] if is_sample else []


def _make_frame_pictures(prediction: PredictedFrame, result: Tensor, truth: _PreparedTruth) -> FramePictures:
    confidence_levels = np.nan_to_num(prediction.confidence.numpy() * 255).astype(np.uint8)
    heat_map = cv2.applyColorMap(confidence_levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return FramePictures(
        truth.index,
        _to_uint8_picture(truth.gray),
        truth.frame.picture,
        _to_uint8_picture(result),
        np.ascontiguousarray(heat_map),
    )


def _to_uint8_picture(rgb: Tensor) -> UInt8Array:
    levels: UInt8Array = np.ascontiguousarray((rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return levels


def _to_channels_last(x: Tensor) -> Float32Array:
    array: Float32Array = np.ascontiguousarray(x.permute(1, 2, 0).numpy())
    return array
