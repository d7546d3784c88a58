"""What a report needs to know of a film and its references, independent of single frames."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kinemacolor.color import YCbCr, rgb_to_lab
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.preview import TILE_GAP, tile_before_after
from kinemacolor.plan.document import Plan
from kinemacolor.plan.frame_encoder import make_frame_encoder
from kinemacolor.plan.similarity import FrameEmbedding, FrameEncoder
from kinemacolor.references.load import load_reference, rgb_to_gray
from kinemacolor.report.palette import Palette
from kinemacolor.utils.arrays import UInt8Array, UIntArray
from kinemacolor.utils.files import translate_disk_errors
from kinemacolor.video.geometry import Geometry, compute_working_size, make_film_geometry, resize
from kinemacolor.video.images import write_picture
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.pixels import luma_codes_to_gray

MEASURED_SHORT_SIDE, PICTURE_SHORT_SIDE = 96, 144  # px, short side


@dataclass(frozen=True)
class KnownReference:
    """A reference of the plan: its embedding, its palette, and a picture of it, a file in the report's folder.

    ``palette`` is None for a partial reference, whose colours do not have the shares that the film's should have.
    """

    embedding: FrameEmbedding
    palette: Palette | None
    picture: str


@dataclass(frozen=True)
class ReportContext:
    """A film with the two sizes that a report uses, its colour coding, and the references of its plan by name.

    ``small_geometry``: the size for measuring. ``large_geometry``: the size of pictures, also for embeddings.
    ``tiles``: how many views of a frame a picture has side by side.
    """

    info: VideoInfo
    coding: YCbCr
    encoder: FrameEncoder
    references: dict[str, KnownReference]
    small_geometry: Geometry
    large_geometry: Geometry
    tiles: int

    @classmethod
    def from_plan(cls, plan: Plan, info: VideoInfo, folder: Path) -> "ReportContext":
        """Load the references of a plan, and write pictures of them into ``folder``.

        Raises InputError for a reference that cannot be read, ResourceError where the disk is full or refuses.
        """
        encoder, found = make_frame_encoder(), {}
        used = dict.fromkeys(name for shot in plan.shots for name in shot.references)
        for number, name in enumerate(used):
            picture = f"pictures/reference_{number:05d}.jpg"
            found[name] = _load_known_reference(plan.references[name].path, encoder, folder, picture)
        small, large = (
            make_film_geometry(info, side, crop=plan.options.crop) for side in (MEASURED_SHORT_SIDE, PICTURE_SHORT_SIDE)
        )
        return cls(info, info.colors.build_ycbcr(info.depth), encoder, found, small, large, 3 + plan.options.fill)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Rows and columns of the pictures of `compose_picture`."""
        rows, columns = self.large_geometry.working_size
        return rows, self.tiles * columns + (self.tiles - 1) * TILE_GAP

    def resize_frame(
        self, geometry: Geometry, luma_codes: UIntArray, prediction: ColorPrediction
    ) -> tuple[UInt8Array, ColorPrediction]:
        """Resize a stored frame and its prediction to one of the two sizes; gives gray ``h w`` and the prediction."""
        resized = (
            np.ascontiguousarray(resize(field, geometry.working_size)) for field in prediction if field is not None
        )
        return self.to_gray(geometry, luma_codes), ColorPrediction(*resized)

    def to_gray(self, geometry: Geometry, luma_codes: UIntArray) -> UInt8Array:
        """Convert luma codes ``H W`` of the film to gray ``h w``, 8 bits of full range, at a geometry's size."""
        return luma_codes_to_gray(
            geometry.downscale_codes(luma_codes), self.info.depth, full_range=self.info.colors.full_range
        )

    def compose_picture(self, luma_codes: UIntArray, prediction: ColorPrediction) -> UInt8Array:
        """Make a picture of a frame to look at, side by side: gray, in colour as the film shows it, confidence.

        Also the filled part where the model fills.
        """
        gray, (ab, *parts) = self.resize_frame(self.large_geometry, luma_codes, prediction)
        luma = torch.from_numpy(gray).float()[None] / 255
        cbcr_codes = self.coding.to_cbcr_codes(luma, torch.from_numpy(ab).permute(2, 0, 1))
        rgb = self.coding.to_rgb(self.coding.to_luma_codes(luma), cbcr_codes) * 255
        return tile_before_after(
            gray, rgb.round().byte().permute(1, 2, 0).numpy(), *(one for one in parts if one is not None)
        )


def write_jpeg(path: Path, rgb: UInt8Array) -> None:
    """Write an sRGB picture ``H W 3``, and its folder. Raises ResourceError where the disk is full or refuses."""
    with translate_disk_errors(path):
        path.parent.mkdir(exist_ok=True)
        write_picture(path, rgb)


def _load_known_reference(path: Path, encoder: FrameEncoder, folder: Path, name: str) -> KnownReference:
    """Load a reference, and write its picture as the file ``name`` in ``folder``."""
    whole = load_reference(path)
    small = resize(whole, compute_working_size(whole.shape[0], whole.shape[1], PICTURE_SHORT_SIDE))
    rgb = np.ascontiguousarray(small[..., :3])
    write_jpeg(folder / name, rgb)
    lab = rgb_to_lab(torch.from_numpy(rgb).permute(2, 0, 1).float() / 255)
    palette = None if whole.shape[2] == 4 else Palette.from_ab(lab[1:].permute(1, 2, 0).numpy())
    return KnownReference(encoder.encode_frame(rgb_to_gray(whole)), palette, name)
