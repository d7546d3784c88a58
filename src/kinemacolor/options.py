"""What a user may choose, each option once.

A field of the dataclasses here says all that is to be known of an option: type, bounds, default, the name on the command
line and the words of `--help`. Command line, plans, digests and the web interface read it from here. Imports no heavy
library.
"""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from annotated_types import Interval

DEFAULT_MODEL = "kinema"
EdgeFilter = Literal["none", "fgs", "guided"]
Detector = Literal["luma", "transnet"]
Precision = Literal["float32", "float16", "bfloat16"]


def option(default: Any, flag: str, help_text: str, *, repaints: bool = False) -> Any:
    """A dataclass field that is an option: ``flag`` on the command line, ``repaints`` if the model's answer depends on it."""
    return field(default=default, metadata={"flag": flag, "help": help_text, "repaints": repaints})


@dataclass(frozen=True)
class ShotRenderOptions:
    """How the frames of one shot are colorized; None takes the film's option, and that of a film the model's own value.

    ``short_side`` is the working size in px. ``saturation`` is a factor on ab. ``edge_filter`` aligns ab with the film's
    edges: none, fgs (fast global smoother, lambda 500, sigma 4, as Deep Exemplar's script) or guided (He et al. 2013).
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012  of plans and requests

    short_side: Annotated[int | None, Interval(ge=64, le=1080)] = option(
        None, "--size", "Working size: short side in px.", repaints=True
    )
    saturation: Annotated[float | None, Interval(ge=0, le=4)] = option(None, "--saturation", "Gain on the chroma.")
    edge_filter: EdgeFilter | None = option(None, "--edge-filter", "Align chroma with the film's edges.")


@dataclass(frozen=True)
class RenderOptions(ShotRenderOptions):
    """How a film is colorized; see `ShotRenderOptions` for what may differ from shot to shot.

    With ``crop`` only the middle 16:9 of film and references is looked at, as Deep Exemplar's script does, and what lies
    outside stays gray. ``precision`` is that of the networks; matching is always float32.
    """

    crop: bool = option(False, "--crop", "See the middle 16:9 only, as the published script does.", repaints=True)
    precision: Precision = option("float32", "--precision", "Of the networks; float16 is for GPUs.", repaints=True)


@dataclass(frozen=True)
class EncodingOptions:
    """How the result is stored; None leaves the choice to the container and the source.

    ``vcodec`` is h264, h265, prores, vp9, av1, ffv1 or any encoder of FFmpeg; for a folder of pictures
    png, tiff or exr (half floats; 32 bits with ``pix_fmt`` gbrpf32le). ``crf`` is the
    encoder's constant quality, smaller is better. ``preset`` trades time for size (x264, x265).
    """

    vcodec: str | None = option(
        None, "--vcodec", "h264, h265, prores, vp9, av1, ffv1, ...; of a folder png, tiff, exr."
    )
    pix_fmt: str | None = option(None, "--pix-fmt", "FFmpeg's pixel format, such as yuv444p10le.")
    crf: Annotated[float | None, Interval(ge=0, le=63)] = option(None, "--crf", "Constant quality; smaller is better.")
    lossless: bool = option(False, "--lossless", "Store without loss (FFV1 in .mkv).")
    preset: str = option("veryfast", "--preset", "Speed of x264 and x265.")


def repainting_options(options: RenderOptions) -> dict[str, Any]:
    """The options that change what the model paints; all others act on painted frames afterwards."""
    return {one.name: getattr(options, one.name) for one in fields(options) if one.metadata["repaints"]}
