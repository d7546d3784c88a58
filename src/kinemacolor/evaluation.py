"""Models against films that have colour: the first frame is the reference, every frame is measured.

As in the literature the input is the L of the true frame, and the output is Lab to RGB in float,
at the working size: 384×216 for films of that size.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinemacolor.arrays import Bytes, Floats
from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.errors import InputError
from kinemacolor.metrics.motion import Motion
from kinemacolor.metrics.picture import colorfulness, psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.resample import resize, working_size
from kinemacolor.video.colored import colored_frames
from kinemacolor.weights import WeightsNotice, load_model, weights_notices


@dataclass(frozen=True)
class Row:
    """Means over the frames of one film. PSNR in dB; chroma changes along the flow in Lab units."""

    film: str
    frames: int
    psnr: float
    psnr_gray: float
    colorfulness: float
    colorfulness_truth: float
    chroma_change: float
    chroma_change_truth: float
    confidence: float


class _Seen(NamedTuple):
    """A frame as the next one needs it: ab of result and truth ``H W 2``, gray ``H W``."""

    chroma: Floats
    truth: Floats
    gray: Bytes


def evaluate_films(
    folder: Path,
    model: str,
    *,
    only: str = "*",
    jobs: int = 1,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> list[Row]:
    """A row for each film of ``folder`` (films or folders of frames) whose name matches ``only``.

    Raises InputError where there is none.
    """
    films = sorted(path for path in _films(folder) if fnmatch(path.name, only))
    if not films:
        raise InputError(f"{folder} holds no film that matches {only!r}: give a folder of films or of frame folders")
    for notice in weights_notices(model):
        warnings.warn(notice, WeightsNotice, stacklevel=2)
    rows = []
    with ProcessPoolExecutor(jobs, initializer=_one_thread_each, initargs=(jobs,)) as pool:
        for row in pool.map(evaluate_film, films, [model] * len(films)):
            rows.append(row)
            if on_progress:
                on_progress(len(rows), len(films))
    return rows


def evaluate_film(film: Path, model_name: str) -> Row:
    """One film, with bounded memory."""
    tally, previous = [], None
    with torch.inference_mode():
        for truth, lab, chroma, confidence in _colorized(film, load_model(model_name)):
            luma = lab[:1]
            result = lab_to_rgb(torch.cat([luma, chroma]))
            gray = lab_to_rgb(torch.cat([luma, torch.zeros_like(chroma)]))
            current = _Seen(_plane(chroma), _plane(lab[1:]), (luma[0] * 2.55).byte().numpy())
            decibels = psnr(result, truth), psnr(gray, truth)
            vivid = colorfulness(result), colorfulness(truth)
            tally.append((*decibels, *vivid, *_changes(previous, current), float(confidence.mean())))
            previous = current
    means = [float(np.nanmean(column)) if not np.isnan(column).all() else math.nan for column in np.array(tally).T]
    return Row(film.name, len(tally), *means)


def _colorized(film: Path, model: Colorizer) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """For every frame: true sRGB ``3 h w`` and Lab, predicted ab ``2 h w``, confidence ``1 h w``."""
    pictures, state = colored_frames(film), None
    while block := list(islice(pictures, model.spec.block)):
        size = working_size(block[0].shape[0], block[0].shape[1], model.spec.short_side)
        frames = np.stack([resize(picture, size) for picture in block])
        truth = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
        lab = rgb_to_lab(truth)
        state = state or model.init_state(lab[None, :1], in_shot=True)
        step = model(lab[None, :, :1], state)
        state = step.state
        yield from zip(truth, lab, step.chroma[0], step.confidence[0], strict=True)


def mean_row(rows: list[Row], name: str) -> Row:
    """The mean over films, each film weighing the same."""
    values = [[value for key, value in asdict(row).items() if key not in ("film", "frames")] for row in rows]
    return Row(name, sum(row.frames for row in rows), *np.nanmean(np.array(values), 0).tolist())


def markdown_table(rows: list[Row]) -> str:
    """The table of docs/results.md; DAVIS films, if any, also get a mean of their own."""
    means = [mean_row(rows, f"mean of {len(rows)}")]
    davis = [row for row in rows if row.film.startswith("davis_")]
    if davis and len(davis) < len(rows):
        means.insert(0, mean_row(davis, f"mean of {len(davis)} DAVIS"))
    lines = [
        "| film | frames | PSNR dB | of gray | colourfulness | of truth | chroma change | of truth | confidence |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows + means:
        name = row.film if row in rows else f"**{row.film}**"
        decibel = f"{row.psnr:.2f} | {row.psnr_gray:.2f}"
        vivid = f"{row.colorfulness:.2f} | {row.colorfulness_truth:.2f}"
        steady = f"{row.chroma_change:.3f} | {row.chroma_change_truth:.3f}"
        lines.append(f"| {name} | {row.frames} | {decibel} | {vivid} | {steady} | {row.confidence:.2f} |")
    return "\n".join(lines)


def _films(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give one with films or folders of frames in it")
    return [path for path in folder.iterdir() if path.is_dir() or path.suffix.lower() in (".mp4", ".mkv", ".mov")]


def _one_thread_each(jobs: int) -> None:
    warnings.simplefilter("ignore", WeightsNotice)  # the parent has told
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))


def _plane(chroma: Tensor) -> Floats:
    plane: Floats = np.ascontiguousarray(chroma.permute(1, 2, 0).numpy())
    return plane


def _changes(previous: _Seen | None, current: _Seen) -> tuple[float, float]:
    """Of the result and of the truth, along the same flow."""
    if previous is None:
        return math.nan, math.nan
    motion = Motion.between(previous.gray, current.gray)
    result = motion.chroma_change(previous.chroma, current.chroma)
    return result, motion.chroma_change(previous.truth, current.truth)
