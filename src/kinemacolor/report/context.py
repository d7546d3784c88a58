"""What a report needs to know of a film and its references, whatever the frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kinemacolor.color import YCbCr, rgb_to_lab
from kinemacolor.inference.postprocess import Painted
from kinemacolor.inference.preview import GAP, before_and_after
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import seeing_eye
from kinemacolor.plan.similarity import Eye, Look
from kinemacolor.references.load import load_reference, rgb_to_gray
from kinemacolor.report.palette import Palette
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.geometry import Geometry, compute_working_size, resize
from kinemacolor.video.images import write_picture
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.pixels import luma_codes_to_gray

MEASURED_SIDE, SHOWN_SIDE = 96, 144  # px, short side


@dataclass(frozen=True)
class Known:
    """A reference: what it looks like, its colours (None where only parts are painted), a file in the report's folder.

    Of a picture that is painted in parts only, the shares of its colours are not what the film's should be.
    """

    look: Look
    palette: Palette | None
    picture: str


@dataclass(frozen=True)
class Scene:
    """A film at the two sizes of a report, its coding, and the references of its plan by name."""

    info: VideoInfo
    coding: YCbCr
    eye: Eye
    references: dict[str, Known]
    small: Geometry
    large: Geometry

    @classmethod
    def of(cls, plan: Plan, info: VideoInfo, folder: Path) -> "Scene":
        """Pictures of the references are written into ``folder``.

        Raises InputError for a reference, ResourceError for the disk.
        """
        eye, found = seeing_eye(), {}
        used = dict.fromkeys(name for shot in plan.shots for name in shot.references)
        for number, name in enumerate(used):
            picture = f"pictures/reference_{number:05d}.jpg"
            found[name] = _known(plan.references[name].path, eye, folder, picture)
        small, large = (_geometry(info, side, crop=plan.options.crop) for side in (MEASURED_SIDE, SHOWN_SIDE))
        return cls(info, info.colors.build_ycbcr(info.depth), eye, found, small, large)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Rows and columns of what `shown` gives."""
        rows, columns = self.large.working_size
        return rows, 3 * columns + 2 * GAP

    def at(self, size: Geometry, luma: UIntArray, painted: Painted) -> tuple[UInt8Array, Painted]:
        """A stored frame and what was painted for it at one of the two sizes; the luma as gray of full range."""
        chroma, confidence = (np.ascontiguousarray(resize(field, size.working_size)) for field in painted)
        return self.gray(size, luma), Painted(chroma, confidence)

    def gray(self, size: Geometry, luma: UIntArray) -> UInt8Array:
        """A stored frame as gray of full range."""
        return luma_codes_to_gray(size.downscale_codes(luma), self.info.depth, full_range=self.info.colors.full_range)

    def shown(self, luma: UIntArray, painted: Painted) -> UInt8Array:
        """A frame for a person, gray, coloured as the film shows it, and how sure the model is, side by side."""
        gray, (chroma, confidence) = self.at(self.large, luma, painted)
        y = torch.from_numpy(gray).float()[None] / 255
        codes = self.coding.to_cbcr_codes(y, torch.from_numpy(chroma).permute(2, 0, 1))
        rgb = self.coding.to_rgb(self.coding.to_luma_codes(y), codes) * 255
        return before_and_after(gray, rgb.round().byte().permute(1, 2, 0).numpy(), confidence)


def write_jpeg(path: Path, rgb: UInt8Array) -> None:
    """Raises ResourceError where the disk is full or refuses."""
    with translate_disk_errors(path):
        path.parent.mkdir(exist_ok=True)
        write_picture(path, rgb)


def _known(path: Path, eye: Eye, folder: Path, name: str) -> Known:
    whole = load_reference(path)
    small = resize(whole, compute_working_size(whole.shape[0], whole.shape[1], SHOWN_SIDE))
    rgb = np.ascontiguousarray(small[..., :3])
    write_jpeg(folder / name, rgb)
    lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1).float() / 255)
    palette = None if whole.shape[2] == 4 else Palette.of(lab[1:].permute(1, 2, 0).numpy())
    return Known(eye.look(rgb_to_gray(whole)), palette, name)


def _geometry(info: VideoInfo, short_side: int, *, crop: bool) -> Geometry:
    return Geometry.from_frame_size(
        info.height,
        info.width,
        short_side,
        pixel_aspect=info.sample_aspect,
        rotation=info.display_rotation,
        crop=crop,
    )
