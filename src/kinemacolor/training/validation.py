"""Validation: how well a model carries the colours of the first frame through films that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.sources import Source
from kinemacolor.metrics.picture import compute_psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.recipe import ValidationConfig
from kinemacolor.utils.arrays import UInt8Array

FILMSTRIP_FRAMES = 4  # frames of a filmstrip


@dataclass(frozen=True)
class ValidationResult:
    """Mean PSNR (dB) of each film by its name, and the ``filmstrip`` ``3h 4w 3`` of the first film of this process."""

    psnr_by_film: dict[str, float]
    filmstrip: UInt8Array | None

    @property
    def mean_psnr(self) -> float:
        """Mean PSNR (dB) over films."""
        return float(np.mean(list(self.psnr_by_film.values())))


def validate_model(
    model: Colorizer,
    films: Sequence[Source],
    frame_cache: FrameCache,
    config: ValidationConfig,
    process_group: ProcessGroup,
) -> ValidationResult:
    """Predict the first frames of each film's first shot, its first frame as reference, and measure the PSNR.

    As in `kinemacolor evaluate`: PSNR of RGB in float, mean over frames; pictures are cropped to their centre. Films
    are distributed over the processes. ``model`` must be in evaluation mode. Raises what `FrameCache.load_frames`
    raises.
    """
    psnr_by_film: dict[str, float] = {}
    strip = None
    for film in films[: config.films][process_group.rank :: process_group.world_size]:
        true, predicted = _predict_film(model, film, frame_cache, config.frames, process_group.device)
        psnr_by_film[film.path.name] = float(
            np.mean([compute_psnr(a, b) for a, b in zip(predicted, true, strict=True)])
        )
        strip = _make_filmstrip(true, predicted) if strip is None else strip
    gathered = process_group.all_gather(psnr_by_film)
    return ValidationResult({name: value for one in gathered for name, value in one.items()}, strip)


def _predict_film(
    model: Colorizer, film: Source, frame_cache: FrameCache, frames: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """True and predicted sRGB 0..1, ``T 3 h w``, of the first frames."""
    stored, frame_numbers = frame_cache.load_frames(film), film.list_shot_ranges()[0][:frames]
    pictures = np.stack([resize_and_center_crop(stored[number], frame_cache.size) for number in frame_numbers])
    true = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    lab = rgb_to_lab(true).to(device)
    state, ab_blocks = model.init_state(lab[None, :1], in_shot=True), []
    for block in torch.split(lab[None, :, :1], model.spec.block_size, 1):
        output = model(block, state)
        state = output.state
        ab_blocks.append(output.ab[0])
    return true, lab_to_rgb(torch.cat([lab[:, :1], torch.cat(ab_blocks).to(lab)], 1)).cpu()


def _make_filmstrip(true: Tensor, predicted: Tensor) -> UInt8Array:
    """Gray, true and predicted frames one above the other, time from left to right, ``3h 4w 3``."""
    chosen = np.linspace(0, len(true) - 1, min(FILMSTRIP_FRAMES, len(true))).round().astype(int).tolist()
    rows = []
    for frames in (_to_gray(true), true, predicted):
        rows.append(torch.cat([frames[number] for number in chosen], -1))
    strip = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0)
    return strip.contiguous().numpy()


def _to_gray(rgb: Tensor) -> Tensor:
    """Gray pictures of sRGB 0..1 ``T 3 h w``, in three channels."""
    pictures = [cv2.cvtColor(frame.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY) for frame in rgb]
    return torch.from_numpy(np.stack(pictures))[:, None].expand(-1, 3, -1, -1)
