"""The choice of encoder and pixel format for a result, made before its first frame."""

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2

from kinemacolor.errors import UsageError
from kinemacolor.options import PRESETS, EncodingOptions
from kinemacolor.utils.threads import has_few_cores
from kinemacolor.video.editing_codecs import (
    EDITING_CODECS,
    build_profile_options,
    check_can_be_dnxhr,
    list_pixel_formats,
)
from kinemacolor.video.images import WRITABLE_PICTURE_SUFFIXES
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.mxf import MXF_CODECS, check_can_be_mxf
from kinemacolor.video.pixels import get_bit_depth, get_chroma_subsampling, get_planar_format, is_rgb
from kinemacolor.video.side_data import build_side_data_options

ENCODERS = {"h264": "libx264", "h265": "libx265", "hevc": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
ENCODERS |= {name: encoder for encoder, name in EDITING_CODECS.items()}
# With AVX-512 x264 sometimes makes different bytes from the same frames, as if it read memory that it had not set.
_CV_CPU_AVX512_SKX = 256  # OpenCV's number of the feature (cv::CpuFeatures); Python has no name for it
_REPRODUCIBLE_CPU_FLAGS = "MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI1,BMI2,AVX2"
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".mxf": "mxf"}
# Of x264, with which a thread keeps up with painting: one takes a tenth less CPU-seconds than some, and 70 MB less.
_FAST_PRESETS = ("ultrafast", "superfast", "veryfast")
_DEFAULT_QUALITY = {"libx264": ("crf", 16), "libx265": ("crf", 18), "libvpx-vp9": ("crf", 22), "libsvtav1": ("crf", 22)}
_BITS_PER_PIXEL = {"libx264": 0.35, "libx265": 0.3, "libvpx-vp9": 0.3, "libsvtav1": 0.25, "ffv1": 8.0}
_BITS_PER_PIXEL |= {"prores_ks": 4.0, "dnxhd": 6.0}
_PICTURE_CODEC_SUFFIXES = {"png": ".png", "tiff": ".tif"}
_USUAL_SIZE = (1920, 1080)
# What archives agree on: version 3 (RFC 9043), every frame for itself, in slices with a checksum each: damage is
# found, and stays small. The range coder makes 1080p of 8 bits an eighth smaller than FFmpeg's default for it.
_FFV1_OPTIONS = {"level": "3", "g": "1", "coder": "1", "context": "0", "slicecrc": "1"}
_FFV1_SLICES, _FFV1_SLICED_SIDE = 16, 16  # so many slices, of pictures with at least that side in px
_EXR_SAMPLES = {"gbrpf16le": "half", "gbrpf32le": "float"}


@dataclass(frozen=True)
class EncoderSettings:
    """A choice of encoder: FFmpeg's name, pixel format, bit depth and the encoder's private options.

    ``picture_suffix`` is the suffix of a result that is one picture or a folder of them, None for a film.
    """

    name: str
    pixel_format: str
    depth: int
    options: dict[str, str] = field(default_factory=dict)
    picture_suffix: str | None = None

    @property
    def is_rgb(self) -> bool:
        """Whether what is stored is R'G'B' and not Y'CbCr."""
        return self.picture_suffix is not None or is_rgb(av.VideoFormat(self.pixel_format, 16, 16))

    @property
    def subsampling(self) -> str:
        """The subsampling of the Cb and Cr planes that the writer takes; RGB is made from planes of full size."""
        return "444" if self.is_rgb else get_chroma_subsampling(av.VideoFormat(self.pixel_format, 16, 16))

    @property
    def is_limited_range(self) -> bool:
        """Whether only limited range can be stored: ProRes cannot say that a film is full range; DNxHR can."""
        return self.name.startswith("prores")

    @property
    def bits_per_pixel(self) -> float:
        """Roughly the bits a pixel of the result takes, rather too many; only to estimate disk space."""
        if self.picture_suffix == ".exr":
            return 48.0 if self.options["format"] == "half" else 96.0
        if self.options.get("qp") == "0" or "lossless" in self.options.values() or self.picture_suffix:
            return 16.0
        return _BITS_PER_PIXEL.get(self.name, 2.0) * self.depth / 8


def choose_encoder(info: VideoInfo, output: Path, options: EncodingOptions) -> EncoderSettings:
    """Choose encoder and pixel format for the container of ``output`` and the source.

    Raises UsageError where they do not fit each other; its message names what would.
    """
    if options.archive:
        _check_archive(output, options)
    if is_picture_output(output):
        return _choose_picture_encoder(info, output, options)
    container, supported = _find_container(output)
    if container == "mxf":
        check_can_be_mxf(info)
    if options.is_lossless and options.vcodec is None and container == "matroska":
        wanted = "ffv1"
    else:
        wanted = options.vcodec or _choose_codec(info, container)
    name = ENCODERS.get(wanted, wanted)
    try:
        codec = av.Codec(name, "w")
    except (av.error.FFmpegError, ValueError) as error:
        raise UsageError(f"there is no encoder {wanted!r}: take one of {', '.join(sorted(ENCODERS))}, ffv1") from error
    if codec.type != "video":
        raise UsageError(f"{wanted!r} does not encode pictures: take one of {', '.join(sorted(ENCODERS))}, ffv1")
    if codec.canonical_name not in supported:
        raise UsageError(f"{output.suffix} cannot hold {wanted}: use another container or --vcodec")
    offered = [pixels.name for pixels in codec.video_formats or ()]
    if not offered:
        raise UsageError(f"{wanted} does not say what it stores: take one of {', '.join(sorted(ENCODERS))}, ffv1")
    offered = list_pixel_formats(name, container, offered, options.vprofile)
    pixel_format = options.pix_fmt or _choose_pixel_format(info, name, offered)
    if pixel_format not in offered:
        of = f" of profile {options.vprofile}" if options.vprofile else ""
        raise UsageError(f"{wanted}{of} cannot store {pixel_format}: it offers {', '.join(offered)}")
    if name == "dnxhd":
        check_can_be_dnxhr(info)
    pixels = av.VideoFormat(pixel_format, 16, 16)
    subsampling = get_chroma_subsampling(pixels)
    if not is_rgb(pixels) and subsampling == "400":
        raise UsageError(f"{pixel_format} has no colour: choose a --pix-fmt with chroma, such as yuv420p")
    if name.startswith("libx26") and (
        (info.width % 2 and subsampling != "444") or (info.height % 2 and subsampling == "420")
    ):
        raise UsageError(
            f"{pixel_format} needs an even picture size, the film is {info.width}x{info.height}: use yuv444p"
        )
    encoder = _make_settings(name, pixel_format, info, options)
    if refusal := _find_refusal(encoder, info):
        others = [_make_settings(name, other, info, options) for other in offered if other != pixel_format]
        raise UsageError(_describe_refusal(encoder, info, others)) from refusal
    return encoder


def _check_archive(output: Path, options: EncodingOptions) -> None:
    """Raise UsageError where a result for archives is to be anything but FFV1 in Matroska."""
    if is_picture_output(output):
        raise UsageError("--archive is for films: leave it out for pictures, or name the result *.mkv")
    if output.suffix.lower() != ".mkv":
        raise UsageError(f"--archive is FFV1 in Matroska: name the result *.mkv, not *{output.suffix}")
    if options.vcodec not in (None, "ffv1"):
        raise UsageError(f"--archive is FFV1: leave out --vcodec {options.vcodec}")


def _choose_codec(info: VideoInfo, container: str) -> str:
    """Choose the codec where the user did not: what editors cut stays that, all else becomes what everything plays."""
    if container in ("mov", "mxf") and info.codec == "prores":
        return "prores"
    if container == "mxf" or (container == "mov" and info.codec == "dnxhd" and not info.is_interlaced):
        return "dnxhr"
    return "vp9" if container == "webm" else "h264"


def _make_settings(name: str, pixel_format: str, info: VideoInfo, options: EncodingOptions) -> EncoderSettings:
    chosen = _merge_options(_build_encoder_options(name, options), _build_film_options(name, info))
    chosen |= build_profile_options(name, pixel_format, options.vprofile, info)
    return EncoderSettings(name, pixel_format, get_bit_depth(av.VideoFormat(pixel_format, 16, 16)), chosen)


def _find_refusal(encoder: EncoderSettings, info: VideoInfo, size: tuple[int, int] | None = None) -> Exception | None:
    """Open the encoder once, to learn before the first frame whether it refuses these settings, or another ``size``."""
    trial = av.CodecContext.create(encoder.name, "w")
    assert isinstance(trial, av.VideoCodecContext)
    (trial.width, trial.height), trial.pix_fmt = size or (info.width, info.height), encoder.pixel_format
    trial.time_base, trial.framerate = info.time_base, info.rate or Fraction(25)
    trial.options = encoder.options
    try:
        trial.open()
    except (av.error.FFmpegError, ValueError) as error:
        return error
    return None


def _describe_refusal(encoder: EncoderSettings, info: VideoInfo, others: list[EncoderSettings]) -> str:
    """Say what an encoder refuses, and what it would take instead, as found by trying."""
    found = (
        f"{encoder.name} refuses {encoder.pixel_format} {encoder.options} for this film of {info.width}x{info.height}"
    )
    fitting = [other.pixel_format for other in others if _find_refusal(other, info) is None]
    if fitting:
        return f"{found}: it takes --pix-fmt {', '.join(fitting)}"
    if _find_refusal(encoder, info, _USUAL_SIZE) is None:
        width, height = _USUAL_SIZE
        return f"{found}: it would take {width}x{height}, so use another --vcodec ({', '.join(sorted(ENCODERS))}, ffv1)"
    return f"{found}, and every other pixel format: check these options, or use another --vcodec"


def is_picture_output(output: Path) -> bool:
    """Say whether a result is pictures: one, or a folder of them (see `is_folder_name`)."""
    return output.suffix.lower() in WRITABLE_PICTURE_SUFFIXES or is_folder_name(output)


def is_folder_name(output: Path) -> bool:
    """Say whether a name means a folder: no suffix, that of a coloured folder (``scans.color``), or a folder exists."""
    return output.suffix in ("", ".color") or output.is_dir()


def _choose_picture_encoder(info: VideoInfo, output: Path, options: EncodingOptions) -> EncoderSettings:
    """Settle the format of one picture or a folder of them: 8 bits, 16 for deeper films, or EXR."""
    if options.vprofile:
        raise UsageError("pictures have no --vprofile: prores and dnxhr have, so leave it out")
    depth = 16 if info.depth > 8 else 8
    if not is_folder_name(output):
        if info.expected_frames not in (None, 1):
            raise UsageError(
                f"{output.name} is one picture, the film has {info.expected_frames}: name a folder or a film"
            )
        return EncoderSettings("pictures", "rgb", depth, picture_suffix=output.suffix.lower())
    if options.vcodec == "exr":
        if options.pix_fmt not in (None, *_EXR_SAMPLES):
            raise UsageError(f"EXR cannot store {options.pix_fmt}: it offers {', '.join(_EXR_SAMPLES)}")
        samples = _EXR_SAMPLES[options.pix_fmt or "gbrpf16le"]
        return EncoderSettings("pictures", "rgb", 16, {"format": samples}, picture_suffix=".exr")
    suffix = _PICTURE_CODEC_SUFFIXES.get(options.vcodec or "png")
    if suffix is None:
        raise UsageError(f"a folder cannot hold {options.vcodec}: take png, tiff or exr, or name a film (.mov, .mkv)")
    return EncoderSettings("pictures", "rgb", depth, picture_suffix=suffix)


def _find_container(output: Path) -> tuple[str, set[str]]:
    """Return FFmpeg's name of the container and the codecs that it holds; only containers that keep every timestamp."""
    name = CONTAINERS.get(output.suffix.lower())
    if name is None:
        raise UsageError(f"{output.suffix} is no container for a result: name it {', '.join(CONTAINERS)}")
    if name == "mxf":  # its muxer takes more than it lists, and decides when it begins
        return name, set(MXF_CODECS)
    container = av.open(os.devnull, "w", format=name)
    return container.format.name, container.supported_codecs


def _choose_pixel_format(info: VideoInfo, name: str, offered: list[str]) -> str:
    """Choose the format nearest to the source: its depth or the next deeper, its subsampling or the next finer."""
    has_odd_size = info.width % 2 or info.height % 2
    if (name == "libx264" and info.subsampling in ("400", "420")) or name in ("libx265", "libvpx-vp9", "libsvtav1"):
        preferred = ["444" if has_odd_size else "420"]
    elif name in EDITING_CODECS:  # all of 4:4:4 is stored so, and nothing else, also where that is deeper
        preferred = ["444" if info.subsampling == "444" else "422"]
        offered = [known for known in offered if preferred[0] in known] or offered
    elif info.subsampling == "400":
        preferred = ["420", "444"]
    elif name == "libx264" and not info.has_luma_plane:
        preferred = ["444" if has_odd_size else "420"]
    else:
        preferred = [info.subsampling]
    if has_odd_size and name.startswith("libx26"):
        preferred = ["444"]
    depths = [depth for depth in (8, 9, 10, 12, 14, 16) if depth >= info.depth]
    shallower = [depth for depth in (16, 14, 12, 10, 9, 8) if depth < info.depth]
    for depth in depths + shallower:
        for subsampling in [*preferred, "422", "444", "420"]:
            if get_planar_format(subsampling, depth) in offered:
                return get_planar_format(subsampling, depth)
    return offered[0]


def _build_encoder_options(name: str, options: EncodingOptions) -> dict[str, str]:
    """Return the private options of the encoder: preset, quality, and what makes its bytes reproducible."""
    chosen: dict[str, str] = {}
    if name in ("libx264", "libx265"):
        if options.preset not in PRESETS:  # the encoder would say so too, in lines of its own
            raise UsageError(f"{name} refuses --preset {options.preset[:40]!r}: give one of {', '.join(PRESETS)}")
        chosen["preset"] = options.preset
    if name == "libx264" and options.preset in _FAST_PRESETS and has_few_cores():
        chosen["threads"] = "1"
    if name == "libx264" and _has_avx512():
        chosen["x264-params"] = f"asm={_REPRODUCIBLE_CPU_FLAGS}"
    if options.is_lossless:
        return chosen | _build_lossless_options(name, options)
    if name in _DEFAULT_QUALITY:
        key, default = _DEFAULT_QUALITY[name]
        chosen[key] = str(default if options.crf is None else options.crf)
    elif options.crf is not None:
        raise UsageError(f"{name} has no --crf: leave it out")
    if name == "libx265":
        chosen["x265-params"] = "log-level=error"
    return chosen


def _build_film_options(name: str, info: VideoInfo) -> dict[str, str]:
    """Return the options by which an encoder keeps what the film has: order of fields, side data."""
    options = build_side_data_options(name, info.side_data)
    if name == "ffv1":
        options |= _FFV1_OPTIONS
        if min(info.width, info.height) >= _FFV1_SLICED_SIDE:
            options["slices"] = str(_FFV1_SLICES)
    if name == "libx264" and info.is_interlaced and not info.is_top_field_first:
        # It learns this from frames, but writes its headers before: MP4 and MOV would say that the top field is first.
        options["x264-params"] = "bff=1"
    return options


def _merge_options(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Join two sets of options; lists of parameters become one."""
    shared = {key: f"{one[key]}:{other[key]}" for key in one.keys() & other.keys()}
    return one | other | shared


def _has_avx512() -> bool:
    """Whether this processor has the AVX-512 instructions that x264 would use."""
    return bool(cv2.checkHardwareSupport(_CV_CPU_AVX512_SKX))


def _build_lossless_options(name: str, options: EncodingOptions) -> dict[str, str]:
    if options.crf is not None:
        raise UsageError("what is stored without loss (--lossless, --archive) has no --crf: leave it out")
    known = {
        "ffv1": {},
        "huffyuv": {},
        "libx264": {"qp": "0"},
        "libx265": {"x265-params": "lossless=1:log-level=error"},
        "libvpx-vp9": {"lossless": "1"},
    }
    if name not in known:
        raise UsageError(f"{name} is not lossless: use --vcodec ffv1 (.mkv), h264, h265 or vp9")
    return known[name]
