"""The options that a user may choose, each defined once.

A dataclass field here has everything about an option: type, bounds, default, flag on the command line and help text.
Command line, plans, digests and the web interface read it from here. Imports no heavy library.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Interval

from kinemacolor.errors import UsageError

DEFAULT_MODEL = "kinema"
SAMPLE_FILM, SAMPLE_REFERENCE = "assets/sample.mp4", "assets/sample-reference.jpg"  # what `demo` and `bench` colorize
EdgeFilter = Literal["none", "fgs", "guided"]
EngineName = Literal["torch", "openvino", "cuda-graphs"]
Detector = Literal["luma", "transnet"]
GapHandling = Literal["error", "hold", "skip"]  # of numbers that a series of pictures lacks
Precision = Literal["float32", "float16", "bfloat16"]
_KINDS: dict[type, tuple[str, tuple[type, ...]]] = {  # of options: in words, and what is taken for it
    bool: ("True or False", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    str: ("a name", (str,)),
}


def option(
    default: Any,
    flag: str,
    help_text: str,
    *,
    examples: Sequence[str] = (),
    repaints: bool = False,
    is_later: bool = False,
) -> Any:
    """Make a dataclass field for an option: ``flag`` names it on the command line, ``help_text`` explains it there.

    A shell offers ``examples`` where other values are possible too. ``repaints`` says that the predictions of the model
    depend on it. ``is_later``: it came after the first plans; at its default it is left out of plans and digests, so
    that plans and predictions made before stay what they are.
    """
    metadata = {"flag": flag, "help": help_text, "examples": examples, "repaints": repaints, "is_later": is_later}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ShotRenderOptions:
    """The options that may differ from shot to shot. None stands for the film's value, then for the model's own.

    ``short_side`` is the working size: the shorter side in px. ``saturation`` is a factor on ab. ``edge_filter`` aligns
    ab with the edges of the film: none, fgs (fast global smoother, lambda 500, sigma 4, as in Deep Exemplar's script)
    or guided (guided filter, He et al. 2013).
    """

    __pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # noqa: RUF012  read by plans and requests

    short_side: Annotated[int | None, Interval(ge=64, le=1080)] = option(
        None, "--size", "Working size: short side in px.", repaints=True
    )
    saturation: Annotated[float | None, Interval(ge=0, le=4)] = option(None, "--saturation", "Gain on the chroma.")
    edge_filter: EdgeFilter | None = option(None, "--edge-filter", "Align chroma with the film's edges.")


@dataclass(frozen=True)
class RenderOptions(ShotRenderOptions):
    """The options for colorizing a film; those of `ShotRenderOptions` may differ from shot to shot.

    With ``crop`` the model sees only the middle 16:9 of film and references, as in Deep Exemplar's script, and the rest
    stays gray. ``precision`` is that of the networks; matching is always float32. With ``fill`` a model that can
    (`ModelSpec.can_fill`) gives typical colours, a guess, where the references show nothing plausible.
    """

    crop: bool = option(False, "--crop", "See the middle 16:9 only, as the published script does.", repaints=True)
    precision: Precision = option("float32", "--precision", "Of the networks; float16 is for GPUs.", repaints=True)
    fill: bool = option(
        False, "--fill", "Guess typical colours where no reference shows any.", repaints=True, is_later=True
    )


# Of x264 and x265, the fastest first.
PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow", "placebo"),
)


@dataclass(frozen=True)
class EncodingOptions:
    """How the result is encoded; None leaves a choice to the container and the source.

    ``vcodec`` is h264, h265, prores, dnxhr, vp9, av1, ffv1 or any encoder of FFmpeg; for a folder of pictures
    png, tiff or exr (half floats; 32 bits with ``pix_fmt`` gbrpf32le). ``vprofile`` is that of ProRes (proxy, lt,
    standard, hq, 4444, 4444xq) or DNxHR (lb, sq, hq, hqx, 444), and decides the pixel format. ``crf`` is the
    encoder's constant quality, smaller is better. ``preset`` trades encoding time for size (x264, x265). With ``parts``
    a film is encoded in closed parts of whole shots, by all who paint: other bytes, the same with any number of them.
    ``archive``: a film for keeps, FFV1 in Matroska, with its SHA-256 in a file beside it (``RESULT.sha256``).
    """

    vcodec: str | None = option(
        None,
        "--vcodec",
        "h264, h265, prores, dnxhr, vp9, av1, ffv1, ...; of a folder png, tiff, exr.",
        examples=("h264", "h265", "prores", "dnxhr", "vp9", "av1", "ffv1", "png", "tiff", "exr"),
    )
    vprofile: str | None = option(
        None,
        "--vprofile",
        "Of prores: proxy ... hq, 4444, 4444xq; of dnxhr: lb, sq, hq, hqx, 444.",
        is_later=True,
        examples=("proxy", "lt", "standard", "hq", "4444", "4444xq", "lb", "sq", "hqx", "444"),
    )
    pix_fmt: str | None = option(
        None,
        "--pix-fmt",
        "FFmpeg's pixel format, such as yuv444p10le.",
        examples=("yuv420p", "yuv422p10le", "yuv444p", "yuv444p10le"),
    )
    crf: Annotated[float | None, Interval(ge=0, le=63)] = option(None, "--crf", "Constant quality; smaller is better.")
    lossless: bool = option(False, "--lossless", "Store without loss (FFV1 in .mkv).")
    preset: str = option(
        "veryfast",
        "--preset",
        "Speed of x264 and x265.",
        examples=PRESETS,
    )
    parts: bool = option(False, "--parts", "Have shots encoded where they are painted, for many jobs.", is_later=True)
    archive: bool = option(
        False, "--archive", "For keeps: FFV1 with checksums, in .mkv, and its SHA-256 in a file.", is_later=True
    )

    @property
    def is_lossless(self) -> bool:
        """Whether pictures are to be stored without loss."""
        return self.lossless or self.archive


@dataclass(frozen=True)
class DeliveryOptions:
    """How results are handed over; what they show does not depend on it.

    ``bag``: the folder that becomes a bag (BagIt, RFC 8493) with the results in it. ``credentials``: a file in PEM with
    certificates, the signer's first, to sign the film with Content Credentials (C2PA); ``key``: one with the private
    key, where that does not lie in the same file.
    """

    bag: Path | None = option(None, "--bag", "A new folder: the results lie in it, as a BagIt bag.")
    credentials: Path | None = option(None, "--credentials", "Sign the film (C2PA): your certificates, in PEM.")
    key: Path | None = option(None, "--key", "Their private key in PEM, if it is not in the same file.")


def repainting_options(options: RenderOptions) -> dict[str, Any]:
    """Return the options, by name, that change the predictions of the model; all others act in post-processing.

    Those of `later_defaults` are left out.
    """
    names = [one.name for one in fields(options) if one.metadata["repaints"]]
    return {name: getattr(options, name) for name in names if name not in later_defaults(options)}


def later_defaults(options: RenderOptions | EncodingOptions) -> set[str]:
    """Return the names of the options that came after the first plans and have their default."""
    return {
        one.name for one in fields(options) if one.metadata["is_later"] and getattr(options, one.name) == one.default
    }


def check_options(options: RenderOptions | EncodingOptions) -> None:
    """Raise UsageError for a value or type that an option cannot have; what is read from files is checked there."""
    for one in fields(options):
        value, bounds = getattr(options, one.name), None
        kind = one.type
        if hasattr(kind, "__metadata__"):
            kind, *constraints = get_args(kind)
            bounds = next((constraint for constraint in constraints if isinstance(constraint, Interval)), None)
        kinds = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is Union else (kind,)
        if value is None and type(None) in kinds:
            continue
        choices = [choice for other in kinds if get_origin(other) is Literal for choice in get_args(other)]
        if choices:
            if value not in choices:
                raise UsageError(f"{one.name} is {value!r}: choose one of {', '.join(map(str, choices))}")
            continue
        wanted = next(kind for kind in _KINDS if kind in kinds)
        words, taken = _KINDS[wanted]
        fits = isinstance(value, taken) and (wanted is bool or not isinstance(value, bool))
        if bounds:
            words = f"{words} from {bounds.ge} to {bounds.le}"
            fits = fits and bounds.ge <= value <= bounds.le
        if not fits:
            raise UsageError(f"{one.name} is {value!r}: give {words}")
