"""How well a model carries the colours of a first frame through films that it never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.frame_cache import FrameStore, middle_of
from kinemacolor.data.sources import Source
from kinemacolor.metrics.picture import compute_psnr
from kinemacolor.models.base import Colorizer
from kinemacolor.training.distributed import Team
from kinemacolor.training.recipe import Validation
from kinemacolor.utils.arrays import UInt8Array

SHOWN = 4  # frames of a filmstrip


@dataclass(frozen=True)
class Validated:
    """Mean PSNR in dB of each film, by its name; and of the first its filmstrip, ``3h 4w 3``."""

    films: dict[str, float]
    strip: UInt8Array | None

    @property
    def psnr(self) -> float:
        """The mean over films."""
        return float(np.mean(list(self.films.values())))


def validate(model: Colorizer, films: Sequence[Source], store: FrameStore, chosen: Validation, team: Team) -> Validated:
    """The first frames of the first shots of ``films``, the first of all as reference, the middle of their picture.

    As `kinemacolor evaluate` does: PSNR of RGB in float, the mean over frames. The films are spread over the
    processes of a team. ``model`` is ready for inference. Raises as `FrameStore.frames`.
    """
    found: dict[str, float] = {}
    strip = None
    for film in films[: chosen.films][team.rank :: team.world]:
        true, made = _colored(model, film, store, chosen.frames, team.device)
        found[film.path.name] = float(np.mean([compute_psnr(a, b) for a, b in zip(made, true, strict=True)]))
        strip = _strip(true, made) if strip is None else strip
    gathered = team.gather(found)
    return Validated({name: value for one in gathered for name, value in one.items()}, strip)


def _colored(
    model: Colorizer, film: Source, store: FrameStore, frames: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """True and made sRGB ``T 3 h w`` of the first frames."""
    stored, shot = store.frames(film), film.shots()[0][:frames]
    pictures = np.stack([middle_of(stored[number], store.size) for number in shot])
    true = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    lab = rgb_to_lab(true).to(device)
    state, made = model.init_state(lab[None, :1], in_shot=True), []
    for block in torch.split(lab[None, :, :1], model.spec.block_size, 1):
        step = model(block, state)
        state = step.state
        made.append(step.chroma[0])
    return true, lab_to_rgb(torch.cat([lab[:, :1], torch.cat(made).to(lab)], 1)).cpu()


def _strip(true: Tensor, made: Tensor) -> UInt8Array:
    """Gray, truth and result of some frames, one above the other, time from left to right."""
    chosen = np.linspace(0, len(true) - 1, min(SHOWN, len(true))).round().astype(int).tolist()
    rows = []
    for frames in (_gray(true), true, made):
        rows.append(torch.cat([frames[number] for number in chosen], -1))
    strip = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0)
    return strip.contiguous().numpy()


def _gray(rgb: Tensor) -> Tensor:
    pictures = [cv2.cvtColor(frame.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY) for frame in rgb]
    return torch.from_numpy(np.stack(pictures))[:, None].expand(-1, 3, -1, -1)
