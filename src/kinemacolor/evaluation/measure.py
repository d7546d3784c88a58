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
from kinemacolor.evaluation.protocol import Answer, TrueFrame
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


class Shown(NamedTuple):
    """Four pictures of one frame, for a person: gray, truth, result, confidence (bright: sure)."""

    frame: int
    gray: UInt8Array
    truth: UInt8Array
    result: UInt8Array
    confidence: UInt8Array


@dataclass
class Measured:
    """Of one model: curves, the histograms of its results, features of results, pictures; or why it failed."""

    curves: dict[str, list[float]] = field(default_factory=dict)
    histograms: list[Float32Array] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)
    moments: list[Shown] = field(default_factory=list)
    worst: Shown | None = None
    failure: str | None = None

    def result(self, film: str, model: str, protocol: str) -> FilmResult:
        """Means over frames; CDC is one number for the whole film."""
        if self.failure is not None:
            return FilmResult(film, model, protocol, 0, {}, {}, self.failure)
        means = {name: mean(values) for name, values in self.curves.items()}
        means["cdc"] = compute_cdc(self.histograms)
        return FilmResult(film, model, protocol, len(self.histograms), means, self.curves)


class _Seen(NamedTuple):
    chroma: Float32Array
    rgb: Float32Array


@dataclass(frozen=True)
class _Truth:
    """A true frame, ready to be compared with; ``motion`` leads to the frame before, if there is one."""

    index: int
    frame: TrueFrame
    rgb: Tensor
    gray: Tensor
    luma: UInt8Array
    seen: _Seen
    motion: Motion | None
    own: dict[str, float]


def measure(
    film: Iterable[TrueFrame],
    answers: Mapping[str, Iterator[Answer]],
    networks: Mapping[str, nn.Module],
    *,
    moments: Collection[int] = (),
    every: int = 1,
) -> tuple[dict[str, Measured], list[Tensor]]:
    """All measures of the ``answers`` of each model to a film, and the Inception features of the truth.

    ``networks`` are those of `metrics_weights.load_metric` that are here; they, and how well the
    confidence predicts the error, look at every ``every``-th frame, the other measures at every one. Units: PSNR
    in dB; ab error and chroma change in Lab units; WE ×1000. ``moments`` are the frames to show. A
    model that fails, or has more or fewer frames than the truth, says so in its result. Raises
    InputError where the truth is gray or has no frame.
    """
    found = {name: Measured() for name in answers}
    before: dict[str, _Seen] = {}
    features: list[Tensor] = []
    truth, vivid = None, []
    for truth in _truths(film):
        vivid.append(float(truth.frame.lab[1:].abs().mean()))
        given = {name: answer for name in found if (answer := _next(answers[name], found[name], truth.index))}
        results = {name: lab_to_rgb(torch.cat([truth.frame.lab[:1], x.chroma])) for name, x in given.items()}
        rows = {name: _of_picture(given[name], results[name], truth) for name in given}
        sampled = truth.index % every == 0
        _add_networks(rows, results, truth, networks if sampled else {}, found, features)
        for name, answer in given.items():
            current = _Seen(_plane(answer.chroma), _plane(results[name]))
            rows[name] |= truth.own | _of_confidence(answer, truth, sampled)
            rows[name] |= _of_motion(before.get(name), current, truth.motion)
            before[name] = current
            _keep(found[name], rows[name], answer, results[name], truth, truth.index in moments)
    if truth is None:
        raise InputError("the film has no frame")
    if mean(vivid) < GRAY_THRESHOLD_AB:
        raise InputError("the film is gray itself: there is nothing to compare with")
    for name, one in found.items():
        if one.failure is None and next(answers[name], None) is not None:
            one.failure = f"goes on after frame {truth.index}, where the true film ends"
    return found, features


def mean(values: Iterable[float]) -> float:
    """The mean of those that are numbers; nan if none is."""
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


def _truths(film: Iterable[TrueFrame]) -> Iterator[_Truth]:
    last: _Truth | None = None
    for index, frame in enumerate(film):
        rgb = torch.from_numpy(frame.picture).permute(2, 0, 1).float() / 255
        gray = lab_to_rgb(torch.cat([frame.lab[:1], torch.zeros_like(frame.lab[1:])]))
        luma = (frame.lab[0] * 2.55).byte().numpy()
        motion = Motion.from_frames(last.luma, luma) if last else None
        seen = _Seen(_plane(frame.lab[1:]), _plane(rgb))
        changes = _of_motion(last.seen if last else None, seen, motion)
        own = {f"{name}_truth": value for name, value in changes.items()}
        own |= {"psnr_gray": compute_psnr(gray, rgb), "colorfulness_truth": compute_colorfulness(rgb)}
        last = _Truth(index, frame, rgb, gray, luma, seen, motion, own)
        yield last


def _next(answers: Iterator[Answer], found: Measured, index: int) -> Answer | None:
    """The next answer of a model that has not failed yet."""
    if found.failure is not None:
        return None
    try:
        answer = next(answers, None)
    except KinemacolorError as error:
        found.failure = str(error)
        return None
    if answer is None:
        found.failure = f"ends before frame {index}, where the true film goes on"
    return answer


def _of_picture(answer: Answer, result: Tensor, truth: _Truth) -> dict[str, float]:
    lab = truth.frame.lab
    return {
        "psnr": compute_psnr(result, truth.rgb),
        "psnr_uint8_wraparound": compute_psnr_uint8_wraparound(_bytes(result), truth.frame.picture),
        "ssim": compute_ssim(result, truth.rgb),
        "ab_error": compute_ab_error(answer.chroma, lab[1:]),
        "ciede2000": compute_ciede2000(torch.cat([lab[:1], answer.chroma]), lab),
        "colorfulness": compute_colorfulness(result),
        "confidence": float(answer.confidence.mean()),
    }


def _of_confidence(answer: Answer, truth: _Truth, sampled: bool) -> dict[str, float]:
    confidence = answer.confidence.numpy()
    if not sampled or np.isnan(confidence).any():
        return {"confidence_correlation": math.nan, "ause": math.nan}
    error = torch.linalg.vector_norm(answer.chroma - truth.frame.lab[1:], dim=0).numpy()
    return {
        "confidence_correlation": compute_confidence_correlation(confidence, error),
        "ause": compute_ause(confidence, error),
    }


def _add_networks(
    rows: Mapping[str, dict[str, float]],
    results: Mapping[str, Tensor],
    truth: _Truth,
    networks: Mapping[str, nn.Module],
    found: Mapping[str, Measured],
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
            found[name].features.append(feature)


def _of_motion(previous: _Seen | None, current: _Seen, motion: Motion | None) -> dict[str, float]:
    """Along the true film's motion; nan for the first frame."""
    if previous is None or motion is None:
        return {"warp_error": math.nan, "chroma_change": math.nan}
    return {
        "warp_error": motion.warp_error(previous.rgb, current.rgb),
        "chroma_change": motion.mean_ab_change(previous.chroma, current.chroma),
    }


def _keep(
    found: Measured, row: Mapping[str, float], answer: Answer, result: Tensor, truth: _Truth, moment: bool
) -> None:
    for name, value in row.items():
        found.curves.setdefault(name, []).append(value)
    found.histograms.append(compute_color_histogram(_bytes(result)))
    worst = row["psnr"] <= min(found.curves["psnr"])
    if worst or moment:
        shown = _shown(answer, result, truth)
        found.worst = shown if worst else found.worst
        found.moments += [shown] if moment else []


def _shown(answer: Answer, result: Tensor, truth: _Truth) -> Shown:
    sure = np.nan_to_num(answer.confidence.numpy() * 255).astype(np.uint8)
    heat = cv2.applyColorMap(sure, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return Shown(truth.index, _bytes(truth.gray), truth.frame.picture, _bytes(result), np.ascontiguousarray(heat))


def _bytes(rgb: Tensor) -> UInt8Array:
    levels: UInt8Array = np.ascontiguousarray((rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return levels


def _plane(x: Tensor) -> Float32Array:
    plane: Float32Array = np.ascontiguousarray(x.permute(1, 2, 0).numpy())
    return plane
