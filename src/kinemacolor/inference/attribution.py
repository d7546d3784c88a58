"""Attribution: the colours of a frame, their confidence, and where in the references each of them comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.models.base import ModelOutput
from kinemacolor.utils.arrays import Float32Array, UInt8Array


class Origin(NamedTuple):
    """The source of the colour of a point: the number of a reference, and row and column in it, 0..1.

    ``confidence``, 0..1, is that of the colour. ``matched``, 0..1, is the part of it that comes from this place; the
    rest comes from all that the references show of the same kind. ``filled``, 0..1, is the part that no reference
    shows. None where the model gives no such part.
    """

    reference: int
    row: float
    column: float
    confidence: float
    matched: float | None
    filled: float | None = None


@dataclass(frozen=True)
class FrameTrace:
    """What a model says of one frame, before post-processing: a prediction, upright, and the sources of its colours.

    ``prediction`` is quantised as it is stored, without saturation. ``origin``, ``h w 3``, is the number of a
    reference, and row and column in it, 0..1 from the top left of the picture as it was given; ``matched``, ``h w``,
    the part 0..1 of the colour that comes from there; ``filled``, ``h w``, the part that no reference shows. All cover
    the middle of the frame: ``crop_fraction`` of its rows and columns. None where the model does not match places, or
    gives no such part.
    """

    prediction: ColorPrediction
    origin: Float32Array | None
    matched: Float32Array | None
    filled: Float32Array | None = None
    crop_fraction: tuple[float, float] = (1.0, 1.0)

    def origin_at(self, row: float, column: float) -> Origin | None:
        """Return the origin of the colour of a point; ``row`` and ``column`` are 0..1 from the top left of the frame.

        None where the model does not match places, and outside of a crop, which the model does not see. Raises
        ValueError for a point that is not in the frame.
        """
        if not (0 <= row <= 1 and 0 <= column <= 1):
            raise ValueError(f"a point of the frame lies at 0..1, this one at {row:g}, {column:g}")
        inside = [0.5 + (place - 0.5) / part for place, part in zip((row, column), self.crop_fraction, strict=True)]
        if self.origin is None or not all(0 <= place <= 1 for place in inside):
            return None
        reference, there_row, there_column = self.origin[_locate_cell(self.origin, *inside)].tolist()
        fields = (self.prediction.confidence, self.matched, self.filled)
        confidence, matched, filled = (
            None if field is None else float(field[_locate_cell(field, *inside)]) for field in fields
        )
        assert confidence is not None
        return Origin(int(reference), there_row, there_column, confidence, matched, filled)


@dataclass(frozen=True)
class Attribution:
    """A colorized frame, upright: ``rgb`` ``H W 3`` uint8, ``confidence`` ``H W`` 0..1, and the ``trace`` of it."""

    rgb: UInt8Array
    confidence: Float32Array
    trace: FrameTrace

    @property
    def origin(self) -> Float32Array | None:
        """As `FrameTrace.origin`."""
        return self.trace.origin

    @property
    def matched(self) -> Float32Array | None:
        """As `FrameTrace.matched`."""
        return self.trace.matched

    @property
    def filled(self) -> Float32Array | None:
        """As `FrameTrace.filled`."""
        return self.trace.filled

    @property
    def crop_fraction(self) -> tuple[float, float]:
        """As `FrameTrace.crop_fraction`."""
        return self.trace.crop_fraction

    def origin_at(self, row: float, column: float) -> Origin | None:
        """As `FrameTrace.origin_at`."""
        return self.trace.origin_at(row, column)


def origin_from_output(output: ModelOutput, crop_fractions: Sequence[tuple[float, float]]) -> Float32Array | None:
    """Extract `FrameTrace.origin` from the model's output for one frame; None where the model gives none.

    The model sees the middle of each reference; ``crop_fractions`` are the parts of its rows and columns.
    """
    origin = _read_aux_map(output, "origin")
    if origin is not None:
        parts = np.array(crop_fractions, np.float32)[origin[..., 0].astype(int)]
        origin[..., 1:] = 0.5 + (origin[..., 1:] - 0.5) * parts
    return origin


def part_from_output(output: ModelOutput, name: str) -> Float32Array | None:
    """Extract `FrameTrace.matched` or `FrameTrace.filled`, by its name, from the model's output for one frame.

    None where the model gives none.
    """
    part = _read_aux_map(output, name)
    return None if part is None else part[..., 0]


def _read_aux_map(output: ModelOutput, name: str) -> Float32Array | None:
    """Copy a map of ``aux`` for the first frame of an output, ``h w C``; None where there is none of this name."""
    if name not in output.aux:
        return None
    field: Float32Array = output.aux[name][0, 0].permute(1, 2, 0).float().cpu().numpy().copy()
    return field


def _locate_cell(field: Float32Array, row: float, column: float) -> tuple[int, int]:
    """Find the row and column of the cell of a field ``h w ...`` that a point, 0..1, lies in."""
    height, width = field.shape[:2]
    return min(int(row * height), height - 1), min(int(column * width), width - 1)
