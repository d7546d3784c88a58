"""Previews single frames: in colour, with confidence, the origin of a colour, and what a correction would change."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.options import DEFAULT_MODEL, EdgeFilter, RenderOptions, ShotRenderOptions
from kinemacolor.references.load import load_reference
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.geometry import resize
from kinemacolor.video.images import read_picture_size
from kinemacolor.video.picture_files import check_uploaded_picture
from kinemacolor.web.corrections import apply_frame_luma, decode_strokes, find_known_picture, paint_strokes_on_frame
from kinemacolor.web.first_look import choose_alike, save_first_look
from kinemacolor.web.frame_answers import ColorOrigin, FirstLook, FramePreview, PaintableFrame, SpreadFrame
from kinemacolor.web.frame_colorizer import FrameColorizer
from kinemacolor.web.frame_finish import (
    ColoredFrame,
    find_gray_coding,
    finish_frame,
    finish_trace,
    make_postprocessor,
    read_rendered_prediction,
)
from kinemacolor.web.frame_passes import (
    AS_PLANNED,
    FrameColors,
    PlannedFrames,
    hash_words,
    read_planned_frames,
    with_finish,
)
from kinemacolor.web.frame_reading import find_gray_file, read_gray_frame, read_gray_frames
from kinemacolor.web.picture_cache import fit_preview_size, write_if_missing, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.stroke_spread import check_neighbours, list_ways, plan_with_picture
from kinemacolor.web.thumbnails import (
    MAX_THUMBNAILS,
    THUMBNAIL_SIDE,
    Thumbnail,
    find_small_colors,
    find_thumbnail,
    name_thumbnail,
)

MAX_GRAY_FRAMES = 16  # in memory, of at most a megabyte each


class FramePreviewer:
    """Colorizes frames of plans in this process, for one thread; what it did last is kept in memory.

    Pictures are cached in the folder ``look`` of each project.
    """

    def __init__(self, device: str = "auto") -> None:
        self._colorizer = FrameColorizer(device)
        self._grays: OrderedDict[Path, UInt8Array] = OrderedDict()

    def warm_up(self) -> None:
        """Load the default model, so that the first frame comes sooner."""
        self._colorizer.load_model(DEFAULT_MODEL)

    def preview_frame(
        self, project: Project, frame: int, saturation: float | None = None, edge_filter: EdgeFilter | None = None
    ) -> FramePreview:
        """Show a frame as it was rendered, else colorize it alone by the project's plan.

        ``saturation`` and ``edge_filter``: to try, without changing the plan. Raises UsageError without a plan,
        NotFoundError for a frame that the film does not have, InputError where the film cannot be read.
        """
        planned, changes = read_planned_frames(project), ShotRenderOptions(None, saturation, edge_filter)
        colors = planned.find_colors(frame)
        is_rendered = planned.is_rendered(project.work_folder, frame)
        stem = f"{planned.name_prediction(project.work_folder, frame)}-{frame}"
        folder = project.folder / "look"
        color = folder / f"{stem}-{planned.name_finish(frame, changes)}-color.jpg"
        confidence = folder / f"{stem}-confidence.jpg"
        gray = write_if_missing(find_gray_file(project, frame), lambda: self._read_gray(project, frame))
        if not (color.is_file() and confidence.is_file()):
            _write_colored(self._color(project, planned, colors, changes), color, confidence)
        doubt = 1 - float(_read_gray_picture(confidence).mean()) / 255
        return FramePreview(
            read_picture_size(gray), gray, color, confidence, colors.names, round(doubt, 3), is_rendered
        )

    def save_thumbnail(self, project: Project, frame: int) -> Thumbnail:
        """Save what a frame looks like now as a small picture. Raises as `preview_frame`."""
        planned = read_planned_frames(project)
        if found := find_thumbnail(project, planned, frame):
            return found
        colors = find_small_colors(planned, frame)
        gray = self._read_gray(project, frame)
        small = resize(gray, fit_preview_size(gray.shape, THUMBNAIL_SIDE))
        colored = self._color(project, planned, colors, gray=small)
        path = name_thumbnail(project, planned, frame, colored.doubt)
        write_picture_file(path, colored.rgb, MAX_THUMBNAILS)
        return Thumbnail(path, colored.doubt)

    def find_color_origin(self, project: Project, frame: int, row: float, column: float) -> ColorOrigin | None:
        """Find where the colour of a point (row and column, 0..1 of the frame) comes from, the frame coloured alone.

        None for models that do not match positions in references. Raises as `preview_frame`.
        """
        planned = read_planned_frames(project)
        colors = planned.find_colors(frame)
        trace = self._colorizer.trace_frame(planned.plan, colors, self._read_gray(project, frame))
        origin = trace.origin_at(row, column)
        return origin and ColorOrigin(colors.names[origin.reference], *origin[1:])

    def color_frame(self, project: Project, frame: int) -> UInt8Array:
        """Return a frame ``H W 3`` as `preview_frame` shows it."""
        planned = read_planned_frames(project)
        return self._color(project, planned, planned.find_colors(frame)).rgb

    def open_frame(self, project: Project, frame: int) -> PaintableFrame:
        """Save a frame as it looks now, to be painted on. Raises as `preview_frame`."""
        picture = self.color_frame(project, frame)
        file = self._save_picture(project, frame, picture, "painted")
        known = find_known_picture(project, frame, self._read_gray(project, frame))
        strokes = file.with_name(f"{hash_words(known.tobytes())}-{frame}-strokes.png")
        was_painted = known.shape[2] == 4 and bool(known[..., 3].any())
        return PaintableFrame(
            file,
            (picture.shape[0], picture.shape[1]),
            read_planned_frames(project).find_colors(frame).names,
            write_if_missing(strokes, lambda: known) if was_painted else None,
        )

    def correct_by_strokes(self, project: Project, frame: int, layer: str, painted_on: str | None) -> None:
        """Make strokes on a frame a reference of its shot; ``layer``: as `decode_strokes` takes it.

        ``painted_on``: the file name of the picture that was painted on, if the rest of it is right, too. Raises
        UsageError where that has changed meanwhile, and as `decode_strokes` and `Project.add_correction`.
        """
        project.add_correction(frame, self._paint(project, frame, layer, painted_on))

    def correct_by_picture(self, project: Project, frame: int, picture: Path) -> None:
        """Make an uploaded picture of a frame a reference of its shot. Raises as `Project.add_correction`."""
        check_uploaded_picture(picture)
        given = load_reference(picture)
        if given.shape[2] == 3:
            given = apply_frame_luma(given, self._read_gray(project, frame))
        project.add_correction(frame, given)

    def spread_strokes(
        self, project: Project, frame: int, layer: str, painted_on: str | None, frames: list[int]
    ) -> tuple[SpreadFrame, ...]:
        """Show other frames of a shot as they look now, and with strokes on one of them; nothing is changed.

        Those with strokes are coloured from the frame outwards (`list_ways`). Arguments and errors as
        `correct_by_strokes` and `check_neighbours`.
        """
        planned = read_planned_frames(project)
        check_neighbours(planned, frame, frames)
        painted = self._paint(project, frame, layer, painted_on)
        path = project.folder / "references" / f"ref_{frame:06d}.png"
        coding = find_gray_coding(project.film)
        changed, after = plan_with_picture(planned, frame, painted, path), dict[int, ColoredFrame]()
        for way in list_ways(changed, frame, frames):
            colors, grays = changed.find_colors(way[-1]), read_gray_frames(project, way)
            options, spec = colors.source.options, MODEL_CATALOG[planned.plan.model].spec
            traces = self._colorizer.trace_way(planned.plan, colors, [grays[one] for one in way], {path: painted})
            for one, trace in zip(way, traces, strict=True):
                if one in frames:
                    after[one] = finish_trace(grays[one], trace, spec, options, coding)
                    self._keep_gray(find_gray_file(project, one), grays[one])
        return tuple(
            SpreadFrame(
                one,
                self._save_picture(project, one, self._color(project, planned, planned.find_colors(one)).rgb, "spread"),
                self._save_picture(project, one, after[one].rgb, "spread"),
            )
            for one in frames
        )

    def color_first_look(self, project: Project) -> FirstLook:
        """Show an early frame in the colours of the reference that is most like it; in gray where there is none.

        Needs neither survey nor plan. Raises InputError where film or references cannot be read.
        """
        look = save_first_look(project)
        gray = _read_gray_picture(look.gray)
        chosen = choose_alike(gray, project.list_references())
        if chosen is None:
            return look
        reference, picture = chosen
        stem = f"{look.gray.stem.removesuffix('-gray')}-{hash_words(picture.tobytes())[:8]}"
        color, confidence = (look.gray.with_name(f"{stem}-{name}.jpg") for name in ("color", "confidence"))
        if not (color.is_file() and confidence.is_file()):
            trace = self._colorizer.trace_picture(DEFAULT_MODEL, picture, gray)
            spec, coding = MODEL_CATALOG[DEFAULT_MODEL].spec, find_gray_coding(project.film)
            colored = finish_trace(gray, trace, spec, RenderOptions(), coding)
            _write_colored(colored, color, confidence)
        return replace(look, color=color, confidence=confidence, reference=reference.name)

    def _paint(self, project: Project, frame: int, layer: str, painted_on: str | None) -> UInt8Array:
        """Return the corrected frame, ``H W 3`` or partial ``H W 4``; arguments and errors as `correct_by_strokes`."""
        gray, seen = self._read_gray(project, frame), None
        strokes = decode_strokes(layer, (gray.shape[0], gray.shape[1]))
        if painted_on is not None:
            seen = self.color_frame(project, frame)
            if self._save_picture(project, frame, seen, "painted").name != painted_on:
                raise UsageError("this frame was coloured anew meanwhile: open it again, and look whether it is right")
        return paint_strokes_on_frame(project, frame, strokes, gray, seen)

    def _save_picture(self, project: Project, frame: int, picture: UInt8Array, kind: str) -> Path:
        """Save a picture of a frame in a file that is named by what is in it."""
        path = project.folder / "look" / f"{hash_words(picture.tobytes())}-{frame}-{kind}.jpg"
        return write_if_missing(path, lambda: picture)

    def _color(
        self,
        project: Project,
        planned: PlannedFrames,
        colors: FrameColors,
        changes: ShotRenderOptions = AS_PLANNED,
        gray: UInt8Array | None = None,
    ) -> ColoredFrame:
        """Colour a frame at the size of ``gray``, by default that of previews: as it was rendered, else alone."""
        seen = self._read_gray(project, colors.frame) if gray is None else gray
        spec, coding = MODEL_CATALOG[planned.plan.model].spec, find_gray_coding(project.film)
        options = with_finish(colors.source.options, changes)
        if not planned.is_rendered(project.work_folder, colors.frame):
            trace = self._colorizer.trace_frame(planned.plan, colors, seen)
            return finish_trace(seen, trace, spec, options, coding)
        prediction = read_rendered_prediction(planned, project.work_folder, colors.frame, spec, changes)
        return finish_frame(seen, prediction, make_postprocessor((seen.shape[0], seen.shape[1]), spec, options), coding)

    def _read_gray(self, project: Project, frame: int) -> UInt8Array:
        """Read a frame in gray, of preview size, from memory if it was seen lately."""
        key = find_gray_file(project, frame)
        if key not in self._grays:
            self._keep_gray(key, read_gray_frame(project, frame))
        self._grays.move_to_end(key)
        return self._grays[key]

    def _keep_gray(self, key: Path, gray: UInt8Array) -> None:
        self._grays[key] = gray
        while len(self._grays) > MAX_GRAY_FRAMES:
            self._grays.popitem(last=False)


def _read_gray_picture(path: Path) -> UInt8Array:
    """Read a picture ``H W`` that this program wrote."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


def _write_colored(colored: ColoredFrame, color: Path, confidence: Path) -> None:
    """Write a frame in colour, and how sure the colours are: white where they are."""
    write_picture_file(color, colored.rgb)
    write_picture_file(confidence, (255 * colored.confidence).round().astype(np.uint8))
