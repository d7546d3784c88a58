"""One film, several models side by side: every measure of every frame. What is true of the film is found once."""

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
from kinemacolor.utils.arrays import Float32Array, UInt8Array


@dataclass(frozen=True)
class FilmResult:
    """Measures of one film: means over its frames, and one list with a number (or nan) for each frame.

    ``failure`` says why there are none. ``weights`` tells those of the model from others.
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
    """Four pictures of one frame, for a person: gray, truth, result, confidence (bright: sure)."""

    frame: int
    gray: UInt8Array
    truth: UInt8Array
    result: UInt8Array
    confidence: UInt8Array


@dataclass
class ModelMeasurements:
    """Of one model: curves, the histograms of its results, features of results, pictures; or why it failed."""

    curves: dict[str, list[float]] = field(default_factory=dict)
    histograms: list[Float32Array] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)
    sample_pictures: list[FramePictures] = field(default_factory=list)
    worst_pictures: FramePictures | None = None
    failure: str | None = None

    def summarize_film(self, film: str, model: str, protocol: str) -> FilmResult:
        """Means over frames; CDC is one number for the whole film."""
        if self.failure is not None:
            return FilmResult(film, model, protocol, 0, {}, {}, self.failure)
        means = {name: finite_mean(values) for name, values in self.curves.items()}
        means["cdc"] = compute_cdc(self.histograms)
        return FilmResult(film, model, protocol, len(self.histograms), means, self.curves)


class _FramePixels(NamedTuple):
    ab: Float32Array
    rgb: Float32Array


@dataclass(frozen=True)
class _PreparedTruth:
    """A true frame, ready to be compared with; ``motion`` leads to the frame before, if there is one."""

    index: int
    frame: TrueFrame
    rgb: Tensor
    gray: Tensor
    lightness_bytes: UInt8Array
    pixels: _FramePixels
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
    """All measures of the ``answers`` of each model to a film, and the Inception features of the truth.

    ``networks`` are those of `metrics_weights.load_metric` that are here; they, and how well the
    confidence predicts the error, look at every ``every``-th frame, the other measures at every one. Units: PSNR
    in dB; ab error and chroma change in Lab units; WE ×1000. ``moments`` are the frames to show. A
    model that fails, or has more or fewer frames than the truth, says so in its result. Raises
    InputError where the truth is gray or has no frame.
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
    """The mean of those that are numbers; nan if none is."""
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


def _iter_prepared_truths(film: Iterable[TrueFrame]) -> Iterator[_PreparedTruth]:
    last: _PreparedTruth | None = None
    for index, frame in enumerate(film):
        rgb = torch.from_numpy(frame.picture).permute(2, 0, 1).float() / 255
        gray = lab_to_rgb(torch.cat([frame.lab[:1], torch.zeros_like(frame.lab[1:])]))
        lightness_bytes = (frame.lab[0] * 2.55).byte().numpy()
        motion = Motion.from_frames(last.lightness_bytes, lightness_bytes) if last else None
        pixels = _FramePixels(_to_channels_last(frame.lab[1:]), _to_channels_last(rgb))
        changes = _motion_metrics(last.pixels if last else None, pixels, motion)
        metrics = {f"{name}_truth": value for name, value in changes.items()}
        metrics |= {"psnr_gray": compute_psnr(gray, rgb), "colorfulness_truth": compute_colorfulness(rgb)}
        last = _PreparedTruth(index, frame, rgb, gray, lightness_bytes, pixels, motion, metrics)
        yield last


def _next_prediction(
    predictions: Iterator[PredictedFrame], measurements: ModelMeasurements, index: int
) -> PredictedFrame | None:
    """The next answer of a model that has not failed yet."""
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
    """The measures of networks, all models in one batch beside one truth; nan where they do not look."""
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
        *made, last = inception(torch.cat([batch, true]))
        features.append(last)
        for name, feature in zip(rows, made, strict=True):
            measurements[name].features.append(feature)


def _motion_metrics(previous: _FramePixels | None, current: _FramePixels, motion: Motion | None) -> dict[str, float]:
    """Along the true film's motion; nan for the first frame."""
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
    for name, value in row.items():
        measurements.curves.setdefault(name, []).append(value)
    measurements.histograms.append(compute_color_histogram(_to_uint8_picture(result)))
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
    plane: Float32Array = np.ascontiguousarray(x.permute(1, 2, 0).numpy())
    return plane
