"""Make `degradations.jpg`, `pasted.jpg` and `distant.jpg` in `docs/pictures`: `python docs/make_degradations.py`.

Each kind of simulated ageing at full strength on the bundled sample, two consecutive frames of each; frames of a shot
in which things pass over a photograph, both cut from the reference of the sample; and its scene at distant times.
"""

from dataclasses import fields
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import kinemacolor
from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data.degradation import FilmDegradation, degrade_film, move_and_cover
from kinemacolor.data.frame_cache import resize_and_center_crop
from kinemacolor.data.layered_shot import LayeredShot, relight
from kinemacolor.data.pasted_thing import PastedThing
from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.warping import Window
from kinemacolor.video.display import iter_color_frames

HERE = Path(__file__).parent / "pictures"
ASSETS = Path(kinemacolor.__file__).parent / "assets"
SIZE = (216, 384)
COLUMNS = 3  # kinds side by side, two frames each
GAP = 6


def read_color_frames(path: Path, count: int) -> Tensor:
    """The first frames of a film or picture at the training size, ``T 3 h w`` 0..255."""
    frames = [resize_and_center_crop(frame, SIZE) for frame in islice(iter_color_frames(path), count)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()


def degrade_frames(frames: Tensor, kind: str) -> np.ndarray:
    """Two gray frames of a film with one kind of ageing at strength 1, side by side, ``h w 3``."""
    generator, noise = np.random.default_rng(5), torch.Generator().manual_seed(5)
    degradation = FilmDegradation(**{kind: 1.0}) if kind != "none" else FilmDegradation()
    flow = torch.zeros(len(frames) - 1, 2, *SIZE)
    moved, _, _ = move_and_cover(frames, flow, flow[:, :1], degradation, generator)
    lightness = degrade_film(rgb_to_lab(moved / 255)[:, 0], degradation, generator, noise)
    gray = lab_to_rgb(torch.stack([lightness, 0 * lightness, 0 * lightness], 1))
    return join([to_picture(255 * frame) for frame in gray[:2]])


def to_picture(frame: Tensor) -> np.ndarray:
    """``3 h w`` 0..255 to ``h w 3`` uint8."""
    return frame.permute(1, 2, 0).round().to(torch.uint8).numpy()


def join(pictures: list[np.ndarray], axis: int = 1) -> np.ndarray:
    """Join pictures with white gaps."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis)


def add_title(picture: np.ndarray, title: str) -> np.ndarray:
    """The picture with its title above."""
    band = np.full((28, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(band, title, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 1, cv2.LINE_AA)
    return np.concatenate([band, picture])


def save(name: str, picture: np.ndarray, width: int) -> None:
    """Save a picture at a width."""
    small = cv2.resize(
        picture, (width, round(picture.shape[0] * width / picture.shape[1])), interpolation=cv2.INTER_AREA
    )
    cv2.imwrite(str(HERE / name), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


def draw_distant_times(photograph: Tensor) -> list[Tensor]:
    """Two frames of a shot with two lookalikes, and three distant times of its scene, ``3 h w`` each."""
    generator = np.random.default_rng(3)
    ground = PhotographShot(photograph, SIZE, 24, generator)
    first, second = (PastedThing(photograph.flip(-1), SIZE, 24, generator, has_limbs=True) for _ in range(2))
    shot = LayeredShot(ground, [first, second.disguise(first, generator)], (0.1, -0.1))
    whole = Window(0, 0, SIZE)
    distant = [shot.draw_distant(generator).render_frames([0], whole)[0] for _ in range(3)]
    return [*shot.render_frames([4, 20], whole), *(relight(picture, generator) for picture in distant)]


def main() -> None:
    """Make all pictures."""
    frames = read_color_frames(ASSETS / "sample.mp4", 4)
    kinds = ["none", *(field.name for field in fields(FilmDegradation))]
    tiles = [add_title(degrade_frames(frames, kind), kind) for kind in kinds]
    blank = np.full_like(tiles[0], 255)
    rows = [[*tiles[first : first + COLUMNS], *[blank] * COLUMNS][:COLUMNS] for first in range(0, len(tiles), COLUMNS)]
    save("degradations.jpg", join([join(row) for row in rows], 0), 1500)
    photograph = read_color_frames(ASSETS / "sample-reference.jpg", 1)[0].byte()
    generator = np.random.default_rng(11)
    ground = PhotographShot(photograph, SIZE, 24, generator)
    things = [PastedThing(photograph.flip(-1), SIZE, 24, generator) for _ in range(2)]
    shot = LayeredShot(ground, things, (0.1, -0.1))
    shown = shot.render_frames([0, 5, 10, 15, 20], Window(0, 0, SIZE))
    save("pasted.jpg", join([to_picture(frame) for frame in shown]), 1500)
    save("distant.jpg", join([to_picture(frame) for frame in draw_distant_times(photograph)]), 1500)


if __name__ == "__main__":
    main()
