"""Reference pictures: read, and checked to have the colour that they are asked for."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.errors import InputError
from kinemacolor.references.spec import Reference, ReferenceSpec
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.geometry import compute_working_size, resize
from kinemacolor.video.images import MIN_PAINTED_SHARE, compute_painted_share, read_color_picture
from kinemacolor.video.picture_files import read_picture_file
from kinemacolor.video.pixels import rgb_to_luma_codes
from kinemacolor.video.reader import probe_film

BT709_LUMA_WEIGHTS = (0.2126, 0.0722)  # of red and blue
MIN_AB_MAGNITUDE = 2.5  # Lab units; JPEG grays stay under 1.5
MAX_NAMED_GRAYS = 8
MAX_KEPT_BYTES = 256 * 2**20  # of pictures that a reader keeps
MAX_REFERENCE_PIXELS = 2**25  # a frame of 8K; larger ones are reduced to it when they are read


class GrayReferenceError(InputError):
    """A reference that can be read and has no colour, as a frame that `refs suggest` wrote and nobody coloured yet."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        named = ", ".join(map(str, paths[:MAX_NAMED_GRAYS]))
        rest = f" and {len(paths) - MAX_NAMED_GRAYS} more" if len(paths) > MAX_NAMED_GRAYS else ""
        have, them = ("has", "it") if len(paths) == 1 else ("have", "them")
        remedy = f"colour {them} first, in any program, or leave {them} out"
        super().__init__(f"{named}{rest} {have} no colour: {remedy}; a reference is a colour picture")


@dataclass(frozen=True)
class LoadedReference:
    """A reference that was read: its file, the sha256 of that, the frame of the film that it shows, and the picture.

    ``image`` is ``H W 3`` sRGB uint8, or ``H W 4`` where some of it is transparent: only its painted pixels count. It
    has at most `MAX_REFERENCE_PIXELS`.
    """

    path: Path
    sha256: str
    frame: int | None
    image: UInt8Array

    @property
    def is_whole(self) -> bool:
        """Whether all of it is painted."""
        return bool(self.image.shape[2] == 3)


class ReferenceReader:
    """Reads every reference once for all who need it: checks, planner and renderer.

    At most ``max_bytes`` of pictures are kept; a picture beyond that is read again when it is asked for again.
    """

    def __init__(self, max_bytes: int = MAX_KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Path, LoadedReference] = OrderedDict()

    def load(self, reference: Reference) -> LoadedReference:
        """A reference, from memory if it was read before.

        Raises InputError for one that cannot be read, is transparent all over, or has no colour to give.
        """
        key = reference.path.resolve()
        if key not in self._kept:
            self._kept[key] = _read_reference(reference.path)
            while len(self._kept) > 1 and sum(one.image.nbytes for one in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return replace(self._kept[key], path=reference.path, frame=reference.frame)


def load_reference(path: Path) -> UInt8Array:
    """The picture of a reference that is needed once. Raises as `ReferenceReader.load`."""
    return _read_reference(path).image


def check_reference_specs(specs: Sequence[ReferenceSpec], reader: ReferenceReader | None = None) -> None:
    """See early that everything can be read. Raises InputError, and UsageError for a folder at a frame.

    Pictures without colour are told all at once (`GrayReferenceError`).
    """
    reader, grays = reader or ReferenceReader(), list[Path]()
    for spec in specs:
        if spec.is_film:
            probe_film(spec.path)
        else:
            for reference in spec.list_references():
                try:
                    reader.load(reference)
                except GrayReferenceError as error:
                    grays += error.paths
    if grays:
        raise GrayReferenceError(grays)


def _read_reference(path: Path) -> LoadedReference:
    try:
        content = read_picture_file(path)
        sha256 = hashlib.sha256(content).hexdigest()
        image = read_color_picture(path, keep_alpha=True, content=content)
    except InputError as error:
        raise InputError(f"the reference {error}") from error
    del content
    image = _reduce(image)
    if compute_painted_share(image) < MIN_PAINTED_SHARE:
        raise InputError(f"the reference {path} is transparent all over: paint some of it")
    # What is painted may be gray: that is how a part of a frame is told to be without colour.
    if image.shape[2] == 3 and not has_color(image):
        raise GrayReferenceError([path])
    return LoadedReference(path, sha256, None, image)


def _reduce(image: UInt8Array) -> UInt8Array:
    """Reduce a picture to `MAX_REFERENCE_PIXELS`, so that what looks at it later stays small; most are left alone."""
    scale = (MAX_REFERENCE_PIXELS / (image.shape[0] * image.shape[1])) ** 0.5
    if scale >= 1:
        return image
    return resize(image, (max(1, int(image.shape[0] * scale)), max(1, int(image.shape[1] * scale))))


def has_color(picture: UInt8Array) -> bool:
    """Whether the pixels of sRGB ``H W 3``, 0..255, have more than the tints of a gray JPEG."""
    return bool(
        measure_ab_magnitude(resize(picture, compute_working_size(picture.shape[0], picture.shape[1], 108)))
        >= MIN_AB_MAGNITUDE
    )


def measure_ab_magnitude(pixels: UInt8Array) -> float:
    """The length of ab, in Lab units, that one in a hundred of sRGB pixels ``... 3`` exceeds.

    By OpenCV, so that a picture is checked without torch: within 0.35 of what `color.rgb_to_lab` gives.
    """
    rgb = pixels.reshape(1, -1, 3).astype(np.float32) / 255
    ab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 1:]
    return float(np.quantile(np.hypot(ab[..., 0], ab[..., 1]), 0.99))


def rgb_to_gray(picture: UInt8Array) -> UInt8Array:
    """The gray ``H W`` of sRGB ``H W 3`` or ``H W 4`` (BT.709)."""
    return rgb_to_luma_codes(picture[..., :3], BT709_LUMA_WEIGHTS).astype(np.uint8, copy=False)
