"""Films of several scenes, and plans for them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.plan.planner import PlanRequest
from kinemacolor.references.spec import ReferenceSpec
from support.films import scene

CUT = 30  # frames of each shot


SIDE = (72, 96)


def other_scene(index: int) -> np.ndarray:
    """Blocks instead of waves, in other colours, H W 3 uint8."""
    generator = np.random.default_rng(3)
    coarse = generator.uniform(30, 220, (9, 24, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (SIDE[1] * 2, SIDE[0]), interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(wide[:, index % 90 : index % 90 + SIDE[1]]).astype(np.uint8)


def two_scenes(index: int) -> np.ndarray:
    """Shots of one scene, the other, and the first again."""
    shot, number = divmod(index, CUT)
    return other_scene(number) if shot == 1 else scene(number + 5 * shot)


def save(path: Path, picture: np.ndarray) -> Path:
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def save_stills(folder: Path) -> Path:
    """A new folder with a colour picture of each scene of `two_scenes`."""
    folder.mkdir()
    save(folder / "waves.png", scene(3))
    save(folder / "blocks.png", other_scene(3))
    return folder


def gray(picture: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)


def wish(film: Path, *given: str | Path, folder: Path, **changes: object) -> PlanRequest:
    return replace(
        PlanRequest(film, tuple(ReferenceSpec.parse(str(one)) for one in given), folder / "stills"), **changes
    )
