"""What a user may choose, each default once. Light: imports nothing but the standard library."""

from dataclasses import dataclass
from typing import Literal

DEFAULT_MODEL = "kinema"
EdgeFilter = Literal["none", "fgs", "guided"]
Detector = Literal["luma", "transnet"]
Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class SessionOptions:
    """How a shot is colorized; None takes the model's own value.

    ``short_side`` is the working size in px, ``saturation`` a gain on chroma, ``edge_filter`` what
    aligns chroma with the film's edges: none, fgs (fast global smoother, lambda 500, sigma 4, as
    Deep Exemplar's script) or guided (He et al. 2013). With ``crop`` only the middle 16:9 of film
    and references is looked at, as that script does, and what lies outside stays gray.
    ``precision`` is that of the networks; matching is always float32. ``device`` is auto, cpu,
    cuda or mps.
    """

    short_side: int | None = None
    saturation: float | None = None
    edge_filter: EdgeFilter | None = None
    crop: bool = False
    precision: Precision = "float32"
    device: str = "auto"


@dataclass(frozen=True)
class EncodingOptions:
    """How the result is stored; None leaves the choice to the container and the source.

    ``vcodec`` is h264, h265, prores, vp9, av1, ffv1 or any encoder of FFmpeg; for a folder of pictures
    png, tiff or exr (half floats; 32 bits with ``pix_fmt`` gbrpf32le). ``crf`` is the
    encoder's constant quality, smaller is better. ``preset`` trades time for size (x264, x265).
    """

    vcodec: str | None = None
    pix_fmt: str | None = None
    crf: float | None = None
    lossless: bool = False
    preset: str = "veryfast"
