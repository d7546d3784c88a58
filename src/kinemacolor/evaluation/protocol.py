"""Chooses the reference for a film whose colours are known, and predicts the film's frames from it.

As in the literature the model's input is the true frame's L*; its Lab result becomes RGB in float, without rounding.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import rgb_to_lab
from kinemacolor.data.self_reference import make_self_reference
from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.models.base import Colorizer, State
from kinemacolor.nn.layers import resize_bilinear
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import compute_working_size, resize
from kinemacolor.video.images import read_color_picture

ProtocolKind = Literal["first", "later", "still", "self"]


@dataclass(frozen=True)
class ReferenceProtocol:
    """Where the reference of an evaluated film comes from.

    ``first``: the film's first true frame (propagation). ``later``: its true frame number ``frame``, counted from 0.
    ``still``: another picture, from a list of pairs of film and picture. ``self``: each frame is its own reference,
    mirrored, bent and noisy as in training (`make_self_reference`), so that the model must match positions again.
    """

    kind: ProtocolKind = "first"
    frame: int = 30

    @classmethod
    def parse(cls, text: str) -> "ReferenceProtocol":
        """Read a protocol from ``first``, ``later:N``, ``still`` or ``self``. Raises UsageError for anything else."""
        kind, _, number = text.partition(":")
        if kind == "later" and number.isdigit():
            return cls("later", int(number))
        if kind in ("first", "still", "self") and not number:
            return cls(kind)  # type: ignore[arg-type]
        raise UsageError(f"there is no protocol {text!r}: write first, later:30, still or self")

    def __str__(self) -> str:
        return f"later:{self.frame}" if self.kind == "later" else self.kind


class TrueFrame(NamedTuple):
    """One frame of the true film: sRGB ``H W 3`` uint8, and the same in Lab ``3 H W``."""

    picture: UInt8Array
    lab: Tensor


class PredictedFrame(NamedTuple):
    """A model's prediction for one frame: ab ``2 H W`` and confidence ``H W`` (0..1, or nan where it is not known)."""

    ab: Tensor
    confidence: Tensor


def true_frames(film: Path, short_side: int | None) -> Iterator[TrueFrame]:
    """Read the frames of ``film``, resized to a short side of ``short_side`` px; None leaves their size."""
    for picture in iter_color_frames(film):
        small = _resize_pictures([picture], short_side)[0]
        yield TrueFrame(small, _pictures_to_lab([small])[0, 0])


def predict_film(
    film: Path,
    model: Colorizer,
    protocol: ReferenceProtocol,
    *,
    still: Path | None = None,
    short_side: int | None = None,
) -> Iterator[PredictedFrame]:
    """Predict every frame of a film at the model's working size, resized bilinearly to the size of `true_frames`.

    The film is streamed, so memory is bounded. Raises InputError where the protocol does not fit the film.
    """
    pictures = iter_color_frames(film)
    if protocol.kind == "self":
        for index, picture in enumerate(pictures):
            state = model.init_state(
                _to_model_input(model, [make_self_reference(picture, np.random.default_rng(index))])
            )
            yield from _predict_block([picture], model, state, short_side)[0]
        return
    reference = _to_model_input(model, [_load_protocol_reference(film, protocol, still)])
    state = model.init_state(reference, in_shot=protocol.kind != "still")
    while block := list(islice(pictures, model.spec.block_size)):
        predictions, state = _predict_block(block, model, state, short_side)
        yield from predictions


def read_colorized_film(film: Path, colorized: Path, short_side: int | None) -> Iterator[PredictedFrame]:
    """Read a film that another tool colorized, as predictions without confidence (nan).

    Raises InputError where its aspect ratio differs from the film's.
    """
    truth = next(iter_color_frames(film))
    size = _target_size(truth, short_side)
    for result in iter_color_frames(colorized):
        if _target_size(result, 216) != _target_size(truth, 216):
            raise InputError(f"{colorized} is {result.shape[1]}x{result.shape[0]}, another shape than {film.name}")
        yield PredictedFrame(_pictures_to_lab([resize(result, size)])[0, 0, 1:], torch.full(size, torch.nan))


def _predict_block(
    block: list[UInt8Array], model: Colorizer, state: State, short_side: int | None
) -> tuple[list[PredictedFrame], State]:
    """Predict one block of frames with their L* alone; gives the predictions and the state after them."""
    output = model(_to_model_input(model, block)[:, :, :1], state)
    size = _target_size(block[0], short_side)
    parts = zip(resize_bilinear(output.ab[0], size), resize_bilinear(output.confidence[0], size)[:, 0], strict=True)
    return [PredictedFrame(*part) for part in parts], output.state


def read_picture_pairs(path: Path) -> Mapping[str, Path]:
    """Read the reference picture of each film from a CSV file of two columns, film name and picture.

    Pictures may be relative to the file. Raises InputError where it cannot be read or a line has not two columns.
    """
    with translate_read_errors(path), path.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if any(len(row) != 2 for row in rows):
        raise InputError(f"{path} is no list of pairs: write FILM,PICTURE in every line")
    return {film: path.parent / picture for film, picture in rows}


def _load_protocol_reference(film: Path, protocol: ReferenceProtocol, still: Path | None) -> UInt8Array:
    if protocol.kind == "still":
        if still is None:
            raise InputError(f"{film.name} has no picture in the pairs: add a line {film.name},PICTURE")
        return read_color_picture(still)
    wanted = protocol.frame if protocol.kind == "later" else 0
    picture = next(islice(iter_color_frames(film), wanted, None), None)
    if picture is None:
        raise InputError(f"{film.name} has no frame {wanted}, which is to be the reference: choose an earlier one")
    return picture


def _to_model_input(model: Colorizer, pictures: list[UInt8Array]) -> Tensor:
    return _pictures_to_lab(_resize_pictures(pictures, model.spec.short_side))


def _resize_pictures(pictures: list[UInt8Array], short_side: int | None) -> list[UInt8Array]:
    return [resize(picture, _target_size(pictures[0], short_side)) for picture in pictures]


def _target_size(picture: UInt8Array, short_side: int | None) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return compute_working_size(height, width, short_side) if short_side else (height, width)


def _pictures_to_lab(pictures: list[UInt8Array]) -> Tensor:
    """Convert sRGB pictures of one size to Lab, ``1 T 3 h w``."""
    return rgb_to_lab(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255)[None]
