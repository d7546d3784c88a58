"""Validation: how well a model colours films and photographs that it was not trained on, by what users look at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.sources import Source
from kinemacolor.errors import WeightsError
from kinemacolor.metrics.confidence import compute_confidence_correlation
from kinemacolor.metrics.picture import compute_psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.filmstrip import make_strip_block, stack_strip_blocks
from kinemacolor.training.validation_items import COLUMNS, ColumnName, ValidationItem
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.weights.metric_networks import load_metric

BEST_RULE: tuple[ColumnName, ...] = ("far", "near", "other")  # the first of them that was measured decides
PICTURED_ITEMS: dict[ColumnName, int] = {"near": 1, "far": 1, "other": 2}  # items of a column in the filmstrip
LPIPS_BATCH = 8  # frames


@dataclass(frozen=True)
class ValidationColumn:
    """Measures of each item of a column, by the name of its film or photograph.

    They are ``psnr`` (dB), ``lpips`` and ``confidence_correlation`` (-1..1), as in `kinemacolor evaluate`: means over
    frames. A measure that cannot be had is left out.
    """

    items: dict[str, dict[str, float]]

    def compute_means(self) -> dict[str, float]:
        """Compute the mean of every measure over the items that have it."""
        names = dict.fromkeys(name for row in self.items.values() for name in row)
        columns = {name: [row[name] for row in self.items.values() if name in row] for name in names}
        return {name: float(np.mean(column)) for name, column in columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """Give the means, the number of items and each item for the log."""
        return {"count": len(self.items), **self.compute_means(), "items": self.items}


@dataclass(frozen=True)
class ValidationResult:
    """The ``columns`` that have items, in the order of `COLUMNS`, and the ``filmstrip``, ``H W 3``, of their first."""

    columns: Mapping[ColumnName, ValidationColumn]
    filmstrip: UInt8Array

    @property
    def mean_psnr(self) -> float | None:
        """Mean PSNR (dB) of the column ``near``; None where it has no item."""
        near = self.columns.get("near")
        return near.compute_means()["psnr"] if near else None

    def score(self) -> tuple[ColumnName, float]:
        """Give the column that decides which step is the best, and its mean PSNR (dB): far, else near, else other."""
        column = next(name for name in BEST_RULE if name in self.columns)
        return column, self.columns[column].compute_means()["psnr"]

    def to_facts(self) -> dict[str, Any]:
        """Give the facts of a row of the log; ``psnr`` and ``films`` are those of ``near``, as older versions wrote."""
        near = self.columns.get("near")
        films = {name: row["psnr"] for name, row in near.items.items()} if near else {}
        older = {"psnr": self.mean_psnr, "films": films} if near else {}
        return older | {name: column.to_dict() for name, column in self.columns.items()}

    def summarize(self) -> str:
        """Format the mean PSNR of each column as one line."""
        means = ((name, column.compute_means()["psnr"], len(column.items)) for name, column in self.columns.items())
        return ", ".join(f"{name} {psnr:.2f} dB ({count})" for name, psnr, count in means)


class _Prediction(NamedTuple):
    """Reference ``3 h w``, true and predicted frames ``T 3 h w``, sRGB 0..1; ab error and confidence ``T h w``."""

    reference: Tensor
    true: Tensor
    predicted: Tensor
    error: Tensor
    confidence: Tensor


class _MeasuredItem(NamedTuple):
    """Measures of item ``number``, and its block of the filmstrip where it is pictured."""

    number: int
    measures: dict[str, float]
    block: UInt8Array | None


def load_lpips(device: torch.device) -> tuple[nn.Module | None, str]:
    """Load the network of LPIPS; where its weights are not installed, None and a note that says how to get them."""
    try:
        return load_metric("lpips-alex").to(device), ""
    except WeightsError as error:
        return None, f"validation leaves out LPIPS: {error}"


def validate_model(
    model: Colorizer,
    items: Sequence[ValidationItem],
    frame_cache: FrameCache,
    frames: int,
    process_group: ProcessGroup,
    lpips: nn.Module | None = None,
) -> ValidationResult:
    """Predict the first ``frames`` of each item's first shot from its reference, and compare them with the truth.

    As in `kinemacolor evaluate`: PSNR of RGB in float, mean over frames; pictures are cropped to their centre. Items
    (at least one) are distributed over the processes, which all get the same result. ``model`` must be in evaluation
    mode. Raises what `FrameCache.load_frames` raises.
    """
    columns = [item.column for item in items]
    pictured = {columns.index(name) + place for name in {*columns} for place in range(PICTURED_ITEMS[name])}
    own = []
    for number in range(process_group.rank, len(items), process_group.world_size):
        made = _predict_item(model, items[number], frame_cache, frames, process_group.device)
        is_pictured = number in pictured
        block = make_strip_block(made.reference, made.true, made.predicted) if is_pictured else None
        own.append(_MeasuredItem(number, _measure_prediction(made, lpips, process_group.device), block))
    measured = sorted((one for part in process_group.all_gather(own) for one in part), key=lambda one: one.number)
    found, strips = {}, []
    for name in (name for name in COLUMNS if name in columns):
        rows = [one for one in measured if columns[one.number] == name]
        found[name] = ValidationColumn({items[one.number].source.path.name: one.measures for one in rows})
        strips.append([one.block for one in rows if one.block is not None])
    return ValidationResult(found, stack_strip_blocks(strips))


def _predict_item(
    model: Colorizer, item: ValidationItem, frame_cache: FrameCache, frames: int, device: torch.device
) -> _Prediction:
    """Predict the first frames of an item."""
    true = _load_pictures(frame_cache, item.source, item.source.list_shot_ranges()[0][:frames])
    reference = _load_pictures(frame_cache, item.reference, range(item.reference_frame, item.reference_frame + 1))
    lab = rgb_to_lab(true).to(device)
    state, outputs = model.init_state(rgb_to_lab(reference).to(device)[None], in_shot=item.in_shot), []
    for block in torch.split(lab[None, :, :1], model.spec.block_size, 1):
        outputs.append(model(block, state))
        state = outputs[-1].state
    ab = torch.cat([output.ab[0] for output in outputs]).to(lab)
    confidence = torch.cat([output.confidence[0, :, 0] for output in outputs])
    predicted = lab_to_rgb(torch.cat([lab[:, :1], ab], 1)).cpu()
    error = torch.linalg.vector_norm(ab - lab[:, 1:], dim=1).cpu()
    return _Prediction(reference[0], true, predicted, error, confidence.float().cpu())


def _load_pictures(frame_cache: FrameCache, source: Source, numbers: range) -> Tensor:
    """Frames of a source as sRGB 0..1, ``T 3 h w``, cropped to their centre."""
    stored = frame_cache.load_frames(source)
    pictures = np.stack([resize_and_center_crop(stored[number], frame_cache.size) for number in numbers])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def _measure_prediction(made: _Prediction, lpips: nn.Module | None, device: torch.device) -> dict[str, float]:
    """Means over frames; those that are no number in every frame are left out."""
    frames = {"psnr": [compute_psnr(a, b) for a, b in zip(made.predicted, made.true, strict=True)]}
    if lpips is not None:
        chunks = zip(*(torch.split(pictures, LPIPS_BATCH) for pictures in (made.predicted, made.true)), strict=True)
        frames["lpips"] = [x for one, other in chunks for x in lpips(one.to(device), other.to(device)).tolist()]
    pairs = zip(made.confidence.numpy(), made.error.numpy(), strict=True)
    frames["confidence_correlation"] = [compute_confidence_correlation(c, e) for c, e in pairs]
    known = {name: [x for x in values if not math.isnan(x)] for name, values in frames.items()}
    return {name: float(np.mean(values)) for name, values in known.items() if values}
