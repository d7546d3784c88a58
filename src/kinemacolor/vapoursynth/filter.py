"""The function for scripts: a clip and pictures in, the clip with colours out."""

import dataclasses
import json
import operator
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, overload

import numpy as np
import vapoursynth as vs

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, KinemacolorError
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.vapoursynth.client import ClipFrame, PaintingClient, ReadFrame

if TYPE_CHECKING:
    from kinemacolor.options import RenderOptions

AnyPath = str | os.PathLike[str]
Reference: TypeAlias = AnyPath | vs.VideoNode

_SUBSAMPLINGS = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}
_UNSPECIFIED_MATRIX, _CENTER = 2, 1  # code points of `_Matrix` and `_ChromaLocation`
_KNOWN_MATRICES = {1, 4, 5, 6, 7, 9, 10}  # that say how luma is weighted
_FIELD_ORDERS = {1: 3, 2: 2}  # `_FieldBased` as FFmpeg's AVFieldOrder
_WANTED = {
    "references": "give paths, or clips of RGB24",
    "shots": "give the numbers of the first frames of shots, or the path of a list",
}
_CONFIDENCE_PROP = "_KinemacolorConfidence"
_FRAMES_AHEAD = 16  # of a clip that is read in order
_FRAMES_AT_HAND = 40  # of the clip, kept by VapourSynth: what is read ahead, or once more
_RANGE_RELEASE = 81  # of VapourSynth, from which on `_Range` stands for `_ColorRange`, counted the other way


@overload
def colorize(
    clip: vs.VideoNode,
    references: Reference | Sequence[Reference] | None = ...,
    *,
    plan: AnyPath | None = ...,
    shots: Sequence[int] | AnyPath | None = ...,
    model: str | None = ...,
    options: "RenderOptions | Mapping[str, Any] | None" = ...,
    confidence: Literal[False] = ...,
    python: AnyPath | None = ...,
    device: str = ...,
    engine: str = ...,
) -> vs.VideoNode: ...


@overload
def colorize(
    clip: vs.VideoNode,
    references: Reference | Sequence[Reference] | None = ...,
    *,
    plan: AnyPath | None = ...,
    shots: Sequence[int] | AnyPath | None = ...,
    model: str | None = ...,
    options: "RenderOptions | Mapping[str, Any] | None" = ...,
    confidence: Literal[True],
    python: AnyPath | None = ...,
    device: str = ...,
    engine: str = ...,
) -> tuple[vs.VideoNode, vs.VideoNode]: ...


def colorize(
    clip: vs.VideoNode,
    references: Reference | Sequence[Reference] | None = None,
    *,
    plan: AnyPath | None = None,
    shots: Sequence[int] | AnyPath | None = None,
    model: str | None = None,
    options: "RenderOptions | Mapping[str, Any] | None" = None,
    confidence: bool = False,
    python: AnyPath | None = None,
    device: str = "auto",
    engine: str = "auto",
) -> vs.VideoNode | tuple[vs.VideoNode, vs.VideoNode]:
    """Give a clip the colours of pictures. Its luma plane stays what it is, at its depth of 8 to 16 bits.

    ``clip`` is Y'CbCr, whose chroma is replaced, or gray, which becomes 4:2:0 (4:4:4 where a side is odd). Matrix,
    range, aspect of pixels and fields are those of the properties of its first frame: without them limited range, and
    BT.709 from 720 rows on, else BT.601.

    Either ``plan`` is the path of a plan of this film, as `kinemacolor plan` makes it: then each frame has the
    bytes that `kinemacolor render` writes. Or ``references`` are one or several of what ``-r`` takes (a picture, a
    folder, ``still.png@123``, a colour film; ``ref_000123.png`` lies at frame 123), or RGB24 clips, whose first frames
    are the pictures; ``shots`` are the numbers of the first frames of shots, or the path of a list (CSV, EDL, OTIO).
    Without them they are where frames have ``_SceneChangePrev``, else our detector finds them: for both the whole clip
    is read once, when the first frame is asked for.

    ``options`` are those of `kinemacolor.RenderOptions`. With ``confidence`` a second clip comes with it, gray of 8
    bits and full range: how sure the model is. ``python`` is the Python of another environment, with torch, that is to
    run the network; by default this one does. It ends with the clips that come from here, or with the script.

    Raises vapoursynth.Error, here or when a frame is asked for, for what a user can mend.
    """
    target = _find_target_format(clip)
    node = clip.std.CopyFrameProps(clip)  # a node of our own, whose cache may be set
    node.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_FRAMES_AT_HAND)
    with node.get_frame(0) as first:
        clip_format = _describe_clip(node, target, first.props)
    pictures: list[UIntArray] = []
    settings: dict[str, Any] = {"clip": clip_format, "device": device, "engine": engine, "version": __version__}
    if plan is not None:
        if any(one is not None for one in (references, shots, model, options)):
            raise vs.Error("colorize: a plan has references, shots, model and options: give the plan alone")
        settings["plan"] = os.path.abspath(plan)
    else:
        settings |= _describe_wishes(references, shots, model, options, pictures)

    read_frame = _ClipReader(node).read_frame
    with _vapoursynth_errors():
        client = PaintingClient(
            settings, read_frame, pictures=tuple(pictures), python=None if python is None else os.fspath(python)
        )
    painted = _add_colors(node, target, clip_format, client, read_frame, with_confidence=confidence)
    result = painted.std.RemoveFrameProps(_CONFIDENCE_PROP)
    return (result, _take_confidence(painted)) if confidence else result


def _find_target_format(clip: vs.VideoNode) -> vs.VideoFormat:
    """Return the format of the result. Raises vapoursynth.Error for a clip that has none."""
    form = clip.format
    if form is None or form.color_family == vs.UNDEFINED or not clip.width or not clip.height:
        raise vs.Error("colorize: the clip changes its format or size: give one with a constant format")
    if form.color_family == vs.RGB:
        raise vs.Error(
            f"colorize: {form.name} has no luma plane to keep: convert the clip first, "
            "clip.resize.Bicubic(format=vs.YUV444P16, matrix_s='709')"
        )
    if form.sample_type != vs.INTEGER or not 8 <= form.bits_per_sample <= 16:
        raise vs.Error(
            f"colorize: {form.name} is not supported: convert the clip to 8 to 16 bits, clip.resize.Point(format=...)"
        )
    if form.color_family == vs.YUV:
        if (form.subsampling_w, form.subsampling_h) not in _SUBSAMPLINGS:
            raise vs.Error(f"colorize: the subsampling of {form.name} is not supported: convert the clip to 4:2:0")
        return form
    shared = int(clip.width % 2 == 0 and clip.height % 2 == 0)
    return form.replace(color_family=vs.YUV, subsampling_w=shared, subsampling_h=shared)


def _describe_clip(clip: vs.VideoNode, target: vs.VideoFormat, props: Mapping[str, Any]) -> list[Any]:
    """Return the clip as `ClipFormat` has it, a list in its order."""
    rate = clip.fps if clip.fps else None
    return [
        clip.width,
        clip.height,
        target.bits_per_sample,
        _SUBSAMPLINGS[target.subsampling_w, target.subsampling_h],
        int(props.get("_Matrix", _UNSPECIFIED_MATRIX)),
        _is_full_range(props),
        clip.num_frames,
        [rate.numerator, rate.denominator] if rate else [25, 1],
        [int(props.get("_SARNum", 0)) or 1, int(props.get("_SARDen", 0)) or 1],
        _FIELD_ORDERS.get(int(props.get("_FieldBased", 0)), 0),
    ]


def _is_full_range(props: Mapping[str, Any]) -> bool:
    """Whether frames have full range; in `_Range` 1 says so, in `_ColorRange` 0, and nothing means limited."""
    if "_Range" in props:
        return bool(props["_Range"] == 1)
    return bool(props.get("_ColorRange", 1) == 0)


def _describe_wishes(
    references: Reference | Sequence[Reference] | None,
    shots: Sequence[int] | AnyPath | None,
    model: str | None,
    options: "RenderOptions | Mapping[str, Any] | None",
    pictures: list[UIntArray],
) -> dict[str, Any]:
    """Return what `server.ClipJob` holds of these; pictures of clips are added to ``pictures``."""
    given = [] if references is None else _list_given(references, (str, os.PathLike, vs.VideoNode), "references")
    if not given:
        raise vs.Error("colorize: no reference: give colour pictures, a folder of them, or a plan")
    listed: list[str | None] = []
    for one in given:
        if isinstance(one, vs.VideoNode):
            pictures.append(_read_picture(one))
            listed.append(None)
        else:
            listed.append(os.path.abspath(one))
    wishes: dict[str, Any] = {"references": listed}
    if isinstance(shots, str | os.PathLike):
        wishes["shots"] = os.path.abspath(shots)
    elif shots is not None:
        wishes["shots"] = [operator.index(first) for first in _list_given(shots, (SupportsIndex,), "shots")]
    if model is not None:
        wishes["model"] = str(model)
    if options is not None:
        try:
            wishes["options"] = dict(options) if isinstance(options, Mapping) else dataclasses.asdict(options)
            json.dumps(wishes["options"])
        except TypeError as error:  # neither of both, or a value that no option has
            raise vs.Error(f"colorize: options are a dictionary or kinemacolor.RenderOptions: {error}") from None
    return wishes


def _list_given(given: Any, kinds: tuple[type, ...], name: str) -> list[Any]:
    """List what an argument has, or itself. Raises vapoursynth.Error for what is of none of these kinds."""
    is_list = isinstance(given, Iterable) and not isinstance(given, str | os.PathLike | vs.VideoNode)
    listed = list(given) if is_list else [given]
    if wrong := [one for one in listed if not isinstance(one, kinds)]:
        raise vs.Error(f"colorize: {name} cannot have {wrong[0]!r}: {_WANTED[name]}")
    return listed


def _read_picture(clip: vs.VideoNode) -> UIntArray:
    """Return the first frame of a clip that is a reference: sRGB ``H W 3``."""
    if clip.format is None or clip.format.id != vs.RGB24:
        raise vs.Error("colorize: a clip as a reference must be RGB24: clip.resize.Bicubic(format=vs.RGB24)")
    with clip.get_frame(0) as frame:
        return np.stack([np.asarray(frame[plane]) for plane in range(3)], -1)


def _to_clip_frame(frame: vs.VideoFrame) -> ClipFrame:
    begins_shot = frame.props.get("_SceneChangePrev")
    # Codes beyond their depth, which words of 16 bits can hold, count as the largest, as in films.
    luma_codes = np.asarray(frame[0])
    luma_codes = np.minimum(luma_codes, luma_codes.dtype.type(2**frame.format.bits_per_sample - 1))
    return ClipFrame(luma_codes, None if begins_shot is None else bool(begins_shot))


class _ClipReader:
    """Reads frames of a clip; where they are read in order, those that follow are made meanwhile."""

    def __init__(self, node: vs.VideoNode) -> None:
        self._node, self._last = node, -1
        self._ahead: dict[int, object] = {}

    def read_frame(self, number: int) -> ClipFrame:
        """Read a frame. Raises InputError where the filters before cannot make it."""
        is_next, self._last = number == self._last + 1, number
        try:
            if is_next:
                self._read_ahead(number + 1)
            with self._node.get_frame(number) as frame:
                return _to_clip_frame(frame)
        except vs.Error as error:
            raise InputError(str(error)) from error

    def _read_ahead(self, first: int) -> None:
        """Begin with frames: when they are read, they come from VapourSynth's cache."""
        end = min(first + min(vs.core.num_threads, _FRAMES_AHEAD), self._node.num_frames)
        self._ahead = {at: self._ahead.get(at) or self._node.get_frame_async(at) for at in range(first, end)}


def _add_colors(
    node: vs.VideoNode,
    target: vs.VideoFormat,
    clip_format: list[Any],
    client: PaintingClient,
    read_frame: ReadFrame,
    *,
    with_confidence: bool,
) -> vs.VideoNode:
    """Make the clip with colours: the frames of ``node``, with other Cb and Cr planes.

    The confidence of a frame is a property of it. So one filter alone asks ``client``, for one frame at a time: of two,
    one would wait for the other and keep a thread of VapourSynth from making the frame that this one wants.
    ``client`` is closed when nobody has the clip any more.
    """
    base = node
    props: dict[str, int] = {}
    if node.format.color_family == vs.GRAY:
        empty = node.std.BlankClip(format=target.id, keep=True)
        base = vs.core.std.ShufflePlanes([node, empty, empty], [0, 1, 2], vs.YUV)
    if target.subsampling_w or target.subsampling_h:
        props["_ChromaLocation"] = _CENTER  # wherever the samples lay that are replaced
    if clip_format[4] not in _KNOWN_MATRICES:  # what was assumed is told to who comes next
        props["_Matrix"] = 1 if node.height >= 720 else 6

    blank = node.std.BlankClip(format=vs.GRAY8, length=1)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        at_hand = _to_clip_frame(f)
        with _vapoursynth_errors():
            codes, *confidence = client.paint(
                n, lambda number: at_hand if number == n else read_frame(number), with_confidence=with_confidence
            )
        result = f.copy()
        for plane, samples in enumerate(codes, 1):
            np.asarray(result[plane])[:] = samples
        for name, value in props.items():
            result.props[name] = value
        if with_confidence:
            sure = blank.get_frame(0).copy()
            np.asarray(sure[0])[:] = confidence[0]
            result.props[_CONFIDENCE_PROP] = sure
        return result

    # VapourSynth holds the function as long as the clip; what it is told to do at its own end holds neither.
    vs.register_on_destroy(weakref.finalize(paint, client.close))
    return base.std.ModifyFrame(base, paint)


def _take_confidence(painted: vs.VideoNode) -> vs.VideoNode:
    """Make the clip of the confidences that the frames of ``painted`` have."""
    blank = painted.std.BlankClip(format=vs.GRAY8, keep=True)
    counts_up = vs.core.core_version.release_major >= _RANGE_RELEASE

    def take(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        result = f[1].props[_CONFIDENCE_PROP].copy()
        for name in ("_DurationNum", "_DurationDen"):
            if name in f[1].props:
                result.props[name] = f[1].props[name]
        result.props["_Range" if counts_up else "_ColorRange"] = 1 if counts_up else 0
        return result

    return blank.std.ModifyFrame([blank, painted], take)


@contextmanager
def _vapoursynth_errors() -> Iterator[None]:
    """Tell what a user can mend as VapourSynth tells errors."""
    try:
        yield
    except KinemacolorError as error:
        raise vs.Error(f"colorize: {error}") from None  # VapourSynth would print both with all their lines
