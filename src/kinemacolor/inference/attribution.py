"""One frame explained: its colours, how sure they are, and where in the references each of them comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kinemacolor.models.base import ModelOutput
from kinemacolor.utils.arrays import Float32Array, UInt8Array


class Origin(NamedTuple):
    """Where the colour of a point comes from: a reference by its number, and row and column in it, 0..1.

    ``confidence`` is that of the colour, 0..1; ``matched`` which part of it comes from this place, the rest being what
    the references show of its kind, 0..1; None where the model tells no such part.
    """

    reference: int
    row: float
    column: float
    confidence: float
    matched: float | None


@dataclass(frozen=True)
class Attribution:
    """A frame as it is shown, upright: ``rgb`` ``H W 3`` uint8, ``confidence`` ``H W`` 0..1, and their sources.

    ``origin`` ``h w 3`` is the number of a reference, row and column in it 0..1, as it was given; ``matched`` ``h w``
    which part of the colour comes from there; both over the middle of the frame, of which they take the parts
    ``seen`` of its rows and columns. None where the model does not match places, or tells no such part.
    """

    rgb: UInt8Array
    confidence: Float32Array
    origin: Float32Array | None
    matched: Float32Array | None
    crop_fraction: tuple[float, float] = (1.0, 1.0)

    def origin_at(self, row: float, column: float) -> Origin | None:
        """The origin of the colour of a point, 0..1 from the top left of the frame.

        None where the model does not match places, or did not look (outside of a crop). Raises ValueError for a point
        that is not in the frame.
        """
        if not (0 <= row <= 1 and 0 <= column <= 1):
            raise ValueError(f"a point of the frame lies at 0..1, this one at {row:g}, {column:g}")
        inside = [0.5 + (place - 0.5) / part for place, part in zip((row, column), self.crop_fraction, strict=True)]
        if self.origin is None or not all(0 <= place <= 1 for place in inside):
            return None
        reference, there_row, there_column = self.origin[_locate_cell(self.origin, *inside)].tolist()
        confidence = float(self.confidence[_locate_cell(self.confidence, row, column)])
        matched = None if self.matched is None else float(self.matched[_locate_cell(self.matched, *inside)])
        return Origin(int(reference), there_row, there_column, confidence, matched)


def origin_from_output(output: ModelOutput, crop_fractions: Sequence[tuple[float, float]]) -> Float32Array | None:
    """``origin`` of an `Explained`; of each reference the model saw the middle, these parts of rows and columns."""
    origin = _read_aux_map(output, "origin")
    if origin is not None:
        parts = np.array(crop_fractions, np.float32)[origin[..., 0].astype(int)]
        origin[..., 1:] = 0.5 + (origin[..., 1:] - 0.5) * parts
    return origin


def matched_from_output(output: ModelOutput) -> Float32Array | None:
    """``matched`` of an `Explained`."""
    matched = _read_aux_map(output, "matched")
    return None if matched is None else matched[..., 0]


def _read_aux_map(output: ModelOutput, name: str) -> Float32Array | None:
    """What a step tells of its first frame, ``h w C``."""
    if name not in output.aux:
        return None
    field: Float32Array = output.aux[name][0, 0].permute(1, 2, 0).float().cpu().numpy().copy()
    return field


def _locate_cell(field: Float32Array, row: float, column: float) -> tuple[int, int]:
    """The cell of ``h w ...`` that a point 0..1 lies in."""
    height, width = field.shape[:2]
    return min(int(row * height), height - 1), min(int(column * width), width - 1)
