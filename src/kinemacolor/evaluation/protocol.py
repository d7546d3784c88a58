"""Chooses the reference for a film whose colours are known, and predicts the film's frames from it.

As in the literature the model's input is the true frame's L*; its Lab result becomes RGB in float, without rounding.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import rgb_to_lab
from kinemacolor.data.self_reference import make_self_reference
from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.inference.keyframes import KeyframeRun, list_keyframe_runs
from kinemacolor.inference.postprocess import ColorPrediction, blend_predictions
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.nn.layers import resize_bilinear
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.geometry import compute_working_size, resize
from kinemacolor.video.images import read_color_picture

ProtocolKind = Literal["first", "later", "keyframes", "still", "self"]


@dataclass(frozen=True)
class ReferenceProtocol:
    """Where the reference of an evaluated film comes from.

    ``first``: the film's first true frame (propagation). ``later``: its true frame number ``frame``, counted from 0.
    ``keyframes``: the true frames at ``places``, shares 0..1 of the way from the first frame to the last, painted in
    both directions from each and mixed, as a render does with keyframes. ``still``: another picture, from a list of
    pairs of film and picture. ``self``: each frame is its own reference, mirrored, bent and noisy as in training
    (`make_self_reference`), so that the model must match positions again.
    """

    kind: ProtocolKind = "first"
    frame: int = 30
    places: tuple[Fraction, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "ReferenceProtocol":
        """Read a protocol from ``first``, ``later:N``, ``keyframes:0,1/3,1``, ``still`` or ``self``.

        Raises UsageError for anything else.
        """
        kind, _, number = text.partition(":")
        if kind == "later" and number.isdigit():
            return cls("later", int(number))
        if kind == "keyframes" and (places := _parse_places(number)):
            return cls("keyframes", places=places)
        if kind in ("first", "still", "self") and not number:
            return cls(kind)  # type: ignore[arg-type]
        raise UsageError(f"there is no protocol {text!r}: write first, later:30, keyframes:0,1/2,1, still or self")

    def __str__(self) -> str:
        details = {"later": f":{self.frame}", "keyframes": ":" + ",".join(map(str, self.places))}
        return self.kind + details.get(self.kind, "")


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
    if protocol.kind == "keyframes":
        yield from _predict_between_keyframes(film, model, protocol.places, short_side)
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
    output: ModelOutput = model(_to_model_input(model, block)[:, :, :1], state)
    size = _target_size(block[0], short_side)
    parts = zip(resize_bilinear(output.ab[0], size), resize_bilinear(output.confidence[0], size)[:, 0], strict=True)
    return [PredictedFrame(*part) for part in parts], output.state


def _predict_between_keyframes(
    film: Path, model: Colorizer, places: Sequence[Fraction], short_side: int | None
) -> Iterator[PredictedFrame]:
    """Predict a film from its true frames at ``places``; holds the frames from one of them to the next."""
    count = sum(1 for _ in iter_color_frames(film))
    keys = sorted({int(place * (count - 1) + Fraction(1, 2)) for place in places})
    references = {number: picture for number, picture in enumerate(iter_color_frames(film)) if number in keys}
    pictures, read = iter_color_frames(film), 0
    held: dict[int, UInt8Array] = {}
    parts: defaultdict[int, list[tuple[float, ColorPrediction]]] = defaultdict(list)
    runs = list_keyframe_runs(0, count, keys)
    for run, following in zip_longest(runs, runs[1:]):
        held |= enumerate(islice(pictures, max(0, run.end - read)), read)
        read = max(read, run.end)
        for frame, prediction in _predict_run(run, held, [references[key] for key in run.keys], model):
            parts[frame].append((run.weight_at(frame), prediction))
        end = following.first if following else count
        for frame in range(min(held), end):
            mixed = blend_predictions([part for part in parts.pop(frame) if part[0] > 0])
            size = _target_size(held.pop(frame), short_side)
            yield PredictedFrame(
                resize_bilinear(torch.from_numpy(mixed.ab).permute(2, 0, 1)[None], size)[0],
                resize_bilinear(torch.from_numpy(mixed.confidence)[None, None], size)[0, 0],
            )


def _predict_run(
    run: KeyframeRun, pictures: Mapping[int, UInt8Array], references: list[UInt8Array], model: Colorizer
) -> Iterator[tuple[int, ColorPrediction]]:
    """Predict the frames of a run in its direction, at the model's working size."""
    state = model.init_state(_to_model_input(model, references), in_shot=True)
    numbers = iter(range(run.first, run.end)[:: -1 if run.is_backward else 1])
    while block := list(islice(numbers, model.spec.block_size)):
        output: ModelOutput = model(_to_model_input(model, [pictures[number] for number in block])[:, :, :1], state)
        state = output.state
        for place, number in enumerate(block):
            ab, confidence = output.ab[0, place], output.confidence[0, place, 0]
            yield number, ColorPrediction(ab.permute(1, 2, 0).numpy(), confidence.numpy())


def read_picture_pairs(path: Path) -> Mapping[str, Path]:
    """Read the reference picture of each film from a CSV file of two columns, film name and picture.

    Pictures may be relative to the file. Raises InputError where it cannot be read or a line has not two columns.
    """
    with translate_read_errors(path), path.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if any(len(row) != 2 for row in rows):
        raise InputError(f"{path} is no list of pairs: write FILM,PICTURE in every line")
    return {film: path.parent / picture for film, picture in rows}


def _parse_places(text: str) -> tuple[Fraction, ...]:
    """Read shares like ``0,1/3,1``, in order; empty where the text is none, or one lies outside of 0..1."""
    try:
        places = tuple(map(Fraction, text.split(",")))
    except (ValueError, ZeroDivisionError):
        return ()
    return places if places == tuple(sorted(set(places))) and places[0] >= 0 and places[-1] <= 1 else ()


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
