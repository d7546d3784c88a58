"""The writer of results that are pictures: one, or a folder of them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from kinemacolor.utils.arrays import Float32Array, UIntArray
from kinemacolor.video.encoding import EncoderSettings, is_folder_name
from kinemacolor.video.images import write_exr, write_picture
from kinemacolor.video.info import NO_EXTRAS, FrameExtras, VideoInfo
from kinemacolor.video.output import make_partial_path, translate_encoding_errors
from kinemacolor.video.picture_series import find_series
from kinemacolor.video.picture_tags import can_be_tagged
from kinemacolor.video.pixels import rescale_codes

if TYPE_CHECKING:
    from kinemacolor.color import YCbCr


class PictureWriter:
    """Writes a folder of pictures named after those of the source, or one picture; films are turned upright.

    ``words``: what each says of itself, where its format has a place for it. ``frame_names``: names of the frames,
    without a suffix and in order, that take the place of the source's.
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        encoder: EncoderSettings,
        words: str = "",
        frame_names: Sequence[str] = (),
    ) -> None:
        self.output, self.info, self.encoder, self._words = output, info, encoder, words
        self.partial_path = make_partial_path(output)
        self.warnings: list[str] = []
        if words and not can_be_tagged(encoder.picture_suffix or ""):
            self.warnings.append(
                f"{encoder.picture_suffix} has no place to say that colours are synthetic: the record does"
            )
        series = find_series(info.path, info.gaps) if info.is_pictures else None
        frames = zip(series.times, series.frames, strict=False) if series else ()
        self._names, self._given_names = {time: frame.name for time, frame in frames}, frame_names
        self._is_folder = is_folder_name(output)
        self._count = 0
        if self._is_folder:
            with translate_encoding_errors(self.partial_path):
                self.partial_path.mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(
        self,
        luma_codes: UIntArray,
        cbcr_codes: UIntArray,
        pts: int,
        duration: int,
        extras: FrameExtras = NO_EXTRAS,
    ) -> None:
        """Write one frame, as `FilmWriter.write` describes."""
        info, depth = self.info, self.encoder.depth
        codes = rescale_codes(luma_codes, info.depth, depth, full_range=info.colors.full_range)
        rgb = info.orientation.apply(_planes_to_rgb(codes, cbcr_codes, info.colors.build_ycbcr(depth)))
        with translate_encoding_errors(self.partial_path):
            if self.encoder.picture_suffix == ".exr":
                samples, aspect = self.encoder.options["format"], self._upright_pixel_aspect
                write_exr(self._get_picture_path(pts), rgb, samples, aspect, self._words)
            else:
                write_picture(self._get_picture_path(pts), _rgb_to_codes(rgb, depth), self._words)
        self._count += 1

    @property
    def _upright_pixel_aspect(self) -> Fraction:
        """Pixel aspect after a film was turned upright."""
        stored = self.info.sample_aspect or Fraction(1)
        return 1 / stored if self.info.orientation.is_sideways else stored

    def finish(self) -> None:
        """Finish writing: each picture was whole when it was written."""

    def _get_picture_path(self, pts: int) -> Path:
        if not self._is_folder:
            return self.partial_path
        if self._count < len(self._given_names):
            name = self._given_names[self._count]
        else:
            name = self._names[pts] if self._names else f"{self._count:06d}"
        return self.partial_path / f"{name}{self.encoder.picture_suffix}"


def _planes_to_rgb(luma_codes: UIntArray, cbcr_codes: UIntArray, ycbcr: "YCbCr") -> Float32Array:
    """Convert Y'CbCr planes of full size to R'G'B' ``H W 3``, 0..1."""
    import torch

    rgb: Float32Array = (
        ycbcr.to_rgb(torch.from_numpy(luma_codes)[None], torch.from_numpy(cbcr_codes)).permute(1, 2, 0).numpy()
    )
    return rgb


def _rgb_to_codes(rgb: Float32Array, depth: int) -> UIntArray:
    """Round R'G'B' 0..1 to full-range codes of ``depth`` bits."""
    codes: UIntArray = np.rint(rgb * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    return codes
