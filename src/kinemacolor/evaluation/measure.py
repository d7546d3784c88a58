"""One film, one model: every measure of every frame."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.arrays import Bytes, Floats
from kinemacolor.color import lab_to_rgb
from kinemacolor.errors import InputError
from kinemacolor.evaluation.protocol import Answer
from kinemacolor.metrics.confidence import ause, correlation
from kinemacolor.metrics.motion import Motion, color_distribution_consistency, color_histogram
from kinemacolor.metrics.picture import ab_error, ciede2000, colorfulness, psnr, psnr_uint8_wraparound, ssim

GRAYEST = 2.0  # mean |ab| under which a film is no colour film
TILE_HEIGHT = 216


@dataclass(frozen=True)
class FilmResult:
    """Measures of one film: means over its frames, and one list with a number (or nan) for each frame.

    ``failure`` says why there are none.
    """

    film: str
    model: str
    protocol: str
    frames: int
    means: Mapping[str, float]
    curves: Mapping[str, list[float]]
    failure: str | None = None


class Shown(NamedTuple):
    """Four pictures of one frame, for a person: gray, truth, result, confidence (bright: sure)."""

    frame: int
    gray: Bytes
    truth: Bytes
    result: Bytes
    confidence: Bytes


class _Seen(NamedTuple):
    chroma: Floats
    truth_chroma: Floats
    rgb: Floats
    truth: Floats
    gray: Bytes


@dataclass
class Measured:
    """What `measure` gives: curves, the histograms of its results, features of results and of truth, pictures."""

    curves: dict[str, list[float]]
    histograms: list[Floats]
    features: list[Tensor]
    features_of_truth: list[Tensor]
    worst: Shown | None = None
    middle: Shown | None = None

    def result(self, film: str, model: str, protocol: str) -> FilmResult:
        """Means over frames; CDC is one number for the whole film."""
        with np.errstate(all="ignore"):
            means = {name: _mean(values) for name, values in self.curves.items()}
        means["cdc"] = color_distribution_consistency(self.histograms)
        return FilmResult(film, model, protocol, len(self.histograms), means, self.curves)


def measure(answers: Iterator[Answer], networks: Mapping[str, nn.Module], middle: int) -> Measured:
    """All measures of a film's frames; ``networks`` are those of `metrics_weights.load_metric` that are here.

    Units: PSNR in dB; ab error and chroma change in Lab units; WE ×1000. ``middle`` is the frame to
    show. Raises InputError where the truth is gray.
    """
    found = Measured({}, [], [], [])
    previous, lowest, vivid = None, math.inf, 0.0
    for index, answer in enumerate(answers):
        luma = answer.lab[:1]
        result = lab_to_rgb(torch.cat([luma, answer.chroma]))
        truth = torch.from_numpy(answer.truth).permute(2, 0, 1).float() / 255
        gray = lab_to_rgb(torch.cat([luma, torch.zeros_like(answer.chroma)]))
        row = _of_picture(answer, result, truth, gray) | _of_networks(result, truth, networks, found)
        chroma, true_chroma, rgb, true_rgb = (_plane(x) for x in (answer.chroma, answer.lab[1:], result, truth))
        current = _Seen(chroma, true_chroma, rgb, true_rgb, (luma[0] * 2.55).byte().numpy())
        row |= _of_motion(previous, current)
        previous, vivid = current, vivid + float(answer.lab[1:].abs().mean())
        for name, value in row.items():
            found.curves.setdefault(name, []).append(value)
        found.histograms.append(color_histogram(_bytes(result)))
        if row["psnr"] < lowest or index == middle:
            shown = _shown(index, answer, result, gray)
            found.middle = shown if index == middle else found.middle
            if row["psnr"] < lowest:
                lowest, found.worst = row["psnr"], shown
    if not found.histograms:
        raise InputError("the film has no frame")
    if vivid / len(found.histograms) < GRAYEST:
        raise InputError("the film is gray itself: there is nothing to compare with")
    return found


def _of_picture(answer: Answer, result: Tensor, truth: Tensor, gray: Tensor) -> dict[str, float]:
    made = torch.cat([answer.lab[:1], answer.chroma])
    error = torch.linalg.vector_norm(answer.chroma - answer.lab[1:], dim=0).numpy()
    confidence = answer.confidence.numpy()
    sure = not np.isnan(confidence).any()
    return {
        "psnr": psnr(result, truth),
        "psnr_gray": psnr(gray, truth),
        "psnr_uint8_wraparound": psnr_uint8_wraparound(_bytes(result), answer.truth),
        "ssim": ssim(result, truth),
        "ab_error": ab_error(answer.chroma, answer.lab[1:]),
        "ciede2000": ciede2000(made, answer.lab),
        "colorfulness": colorfulness(result),
        "colorfulness_truth": colorfulness(truth),
        "confidence": float(confidence.mean()),
        "confidence_correlation": correlation(confidence, error) if sure else math.nan,
        "ause": ause(confidence, error) if sure else math.nan,
    }


def _of_networks(result: Tensor, truth: Tensor, networks: Mapping[str, nn.Module], found: Measured) -> dict[str, float]:
    row = {}
    if lpips := networks.get("lpips-alex"):
        row["lpips_alex"] = float(lpips(result[None], truth[None]))
    if classifier := networks.get("classifier"):
        row["top1"], row["top5"] = classifier(result[None], truth[None])[0].tolist()
    if inception := networks.get("inception"):
        features = inception(torch.stack([result, truth]))
        found.features.append(features[0])
        found.features_of_truth.append(features[1])
    return row


def _of_motion(previous: _Seen | None, current: _Seen) -> dict[str, float]:
    """Of result and truth along the true film's motion; nan for the first frame."""
    names = "warp_error", "warp_error_truth", "chroma_change", "chroma_change_truth"
    if previous is None:
        return dict.fromkeys(names, math.nan)
    motion = Motion.between(previous.gray, current.gray)
    values = (
        motion.warp_error(previous.rgb, current.rgb),
        motion.warp_error(previous.truth, current.truth),
        motion.chroma_change(previous.chroma, current.chroma),
        motion.chroma_change(previous.truth_chroma, current.truth_chroma),
    )
    return dict(zip(names, values, strict=True))


def _shown(index: int, answer: Answer, result: Tensor, gray: Tensor) -> Shown:
    sure = np.nan_to_num(answer.confidence.numpy() * 255).astype(np.uint8)
    heat = cv2.applyColorMap(sure, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return Shown(index, _bytes(gray), answer.truth, _bytes(result), np.ascontiguousarray(heat))


def _mean(values: list[float]) -> float:
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


def _bytes(rgb: Tensor) -> Bytes:
    levels: Bytes = np.ascontiguousarray((rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return levels


def _plane(x: Tensor) -> Floats:
    plane: Floats = np.ascontiguousarray(x.permute(1, 2, 0).numpy())
    return plane
