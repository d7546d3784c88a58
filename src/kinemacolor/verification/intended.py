"""What a result may lack, and why: the limits of codecs and containers, all in one place.

Whatever a source has and its result has not is a difference, unless a function here gives the reason. `docs/kept.md`
shows what that comes to in real results.
"""

import os
import re
from datetime import datetime
from functools import cache

import av

from kinemacolor.verification.excerpt import Excerpt
from kinemacolor.verification.facts import FilmHeader, PictureFacts, StreamHeader

# What a container writes about itself, and anew; a time code is compared for itself.
_OWN_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id", "duration"),
    *("bps", "number_of_frames", "number_of_bytes", "timecode", "mimetype", "filename", "rotate"),
    *("operational_pattern_ul", "uid", "generation_uid", "company_name", "product_name", "product_version_num"),
    *("product_version", "application_platform", "product_uid", "toolkit_version_num", "modification_date"),
    *("material_package_umid", "file_package_umid"),
}
_MXF_SOUND_RATE = 48000  # Hz
_PICTURES = "pictures hold none"
SAME_CODECS = {"mp1": "mp3", "mp2": "mp3"}  # MP4 has one name for all layers of MPEG audio
_MUXERS = {"mp4": "mp4", "mov": "mov", "matroska": "matroska", "webm": "webm"}
# FFmpeg says that these can be held, and refuses them when the file is begun.
_REFUSED = {"mov": frozenset({"flac", "opus"})}
_PROGRESSIVE_CODECS = ("vp8", "vp9", "av1")
# Kinds of side data that only some codecs have a place for, with those that FFmpeg's encoders write.
_CODECS_WITH = {
    "A53_CC": ("h264", "hevc", "mpeg2video"),
    "AFD": (),
    "S12M_TIMECODE": (),
    "AMBIENT_VIEWING_ENVIRONMENT": ("hevc", "av1"),
}
_OF_THE_OLD_COLORS = ("DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID", "DOVI_RPU_BUFFER", "DOVI_METADATA")
# MP4 and QuickTime have few words for a stream; FFmpeg calls its title a name when it reads them.
_QUICKTIME_STREAM_KEYS = ("language", "title", "name")
# The two codes of ISO 639-2 for one language; FFmpeg has words of its own for Swedish and Irish in QuickTime.
_SAME_LANGUAGES = {
    **{"alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra"},
    **{"geo": "kat", "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas"},
    **{"rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym", "sve": "swe", "iri": "gle"},
}
_LOCATION_DIGITS = 4  # behind the point, in MP4 and QuickTime
_FLAGS = {
    "mp4": ("default", "dub", "comment", "forced", "hearing_impaired", "visual_impaired", "captions", "descriptions"),
    "mov": ("default",),
    "matroska": ("default", "forced", "comment", "hearing_impaired", "visual_impaired"),
    "webm": ("default", "forced"),
}


@cache
def _list_codecs(container: str) -> frozenset[str]:
    """List the codecs that FFmpeg puts into a container; none for one that is no result of ours."""
    if container not in _MUXERS:
        return frozenset()
    with av.open(os.devnull, "w", format=_MUXERS[container]) as target:
        return frozenset(target.supported_codecs)


def explain_missing_stream(stream: StreamHeader, result: FilmHeader) -> str:
    """Return why a result may lack a stream; empty if it must have it."""
    container = result.container
    if result.is_pictures:
        return _PICTURES
    if stream.kind == "data":
        return "streams of data are not copied"
    if stream.kind == "attachment":
        return "" if container == "matroska" else f"{container} holds no attachments"
    if stream.codec == "unknown":
        return "FFmpeg does not know its codec"
    if stream.kind == "cover art" and container == "mov":
        return "mov holds no cover art"
    if container == "mxf" and stream.kind == "audio":
        return "" if stream.sample_rate == _MXF_SOUND_RATE else f"mxf cannot hold sound of {stream.sample_rate} Hz"
    held = _list_codecs(container) - _REFUSED.get(container, frozenset())
    return "" if stream.codec in held else f"{container} cannot hold {stream.codec}"


def explain_missing_side_data(kind: str, result: FilmHeader, pictures: PictureFacts) -> str:
    """Return why the frames of a result may lack a kind of side data; empty if they must have it."""
    if result.is_pictures:
        return _PICTURES
    if kind in _OF_THE_OLD_COLORS:
        return "it describes colours that the film no longer has"
    codecs = _CODECS_WITH.get(kind)
    return "" if codecs is None or pictures.codec in codecs else f"no encoder writes it into {pictures.codec}"


def explain_missing_fields(result: FilmHeader, pictures: PictureFacts) -> str:
    """Return why the frames of a result may have no order of fields; empty if they must have it."""
    if result.is_pictures:
        return "pictures have no fields"
    return f"{pictures.codec} has no fields" if pictures.codec in _PROGRESSIVE_CODECS else ""


def explain_narrowed_range(result: FilmHeader, pictures: PictureFacts) -> str:
    """Return why a full-range film may have become one of limited range; empty if it must not."""
    return "ProRes cannot say that a film is full range" if pictures.codec == "prores" else ""


def explain_missing_alpha() -> str:
    """Return why a result may lack the transparency of its source."""
    return "results are written without it"


def explain_missing_aspect(result: FilmHeader, pictures: PictureFacts) -> str:
    """Return why a result may lack the shape of the pixels; empty if it must have it."""
    return f"{pictures.codec} pictures are written without it" if result.is_pictures and pictures.codec != "exr" else ""


def is_own_key(key: str) -> bool:
    """Say whether a key of metadata, in small letters, is one that a container writes about itself, and anew."""
    return key in _OWN_KEYS or key.startswith("_statistics")


def is_kept_value(key: str, value: str, found: str) -> bool:
    """Say whether an entry of the metadata of a film is kept: a result adds words about itself, or replaces such."""
    if key == "comment":
        return found == value or found.startswith(f"{value}\n")
    return has_same_meaning(key, value, found) or (key == "kinemacolor" and bool(found))


def name_language(code: str) -> str:
    """Return the one code for a language that has two."""
    return _SAME_LANGUAGES.get(code, code)


def has_same_meaning(key: str, value: str, found: str) -> bool:
    """Say whether two values of metadata are the same, as containers write it: a language, a time, a place on Earth."""
    if key == "language":
        value, found = name_language(value), name_language(found)
    elif key == "creation_time":
        value, found = map(_write_time, (value, found))
    elif key.partition("-")[0] == "location":
        value, found = map(_write_location, (value, found))
    return found == value


def _write_time(text: str) -> str:
    """Return a time in one way of writing; as it is where it is none."""
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text


def _write_location(text: str) -> str:
    """Return a place (ISO 6709) with so many digits as MP4 has; as it is where it is none."""
    if not re.fullmatch(r"([+-]\d{1,6}(\.\d+)?){2,3}/?", text, re.ASCII):
        return text
    return " ".join(f"{float(number):.{_LOCATION_DIGITS}f}" for number in re.findall(r"[+-][\d.]+", text))


def explain_missing_key(key: str, value: str, result: FilmHeader) -> str:
    """Return why a result may lack an entry of the metadata of a stream; empty if it must have it."""
    if result.is_pictures:
        return _PICTURES
    if result.container == "mxf":
        return "mxf has no place for it"
    if result.container not in ("mp4", "mov"):
        return "matroska has one for a whole film" if key == "creation_time" else ""
    if key == "language":
        return "" if len(value) == 3 else f"{result.container} writes languages with three letters"
    return "" if key in _QUICKTIME_STREAM_KEYS else f"{result.container} has no place for it"


def explain_missing_chapters(result: FilmHeader, excerpt: Excerpt) -> str:
    """Return why a result may lack chapters; empty if it must have them."""
    if not excerpt.is_whole:
        return "they are of the whole film"
    return "mxf cannot hold them" if result.container == "mxf" else ""


def has_times(result: FilmHeader) -> bool:
    """Say whether a container has times: in MXF pictures begin at zero at an even rate, and sound runs along."""
    return result.container != "mxf"


def get_beginning_tolerance(result: FilmHeader) -> float:
    """Return by how many seconds the beginning of a result may be off: MP4 and QuickTime store it in milliseconds."""
    return 0.001 if result.container in ("mp4", "mov") else 0.0


def list_lasting_flags(result: FilmHeader) -> frozenset[str]:
    """List the flags of streams (FFmpeg's dispositions) that the container of a result holds."""
    return frozenset(_FLAGS.get(result.container, ()))
