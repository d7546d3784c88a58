"""Previews single frames at once: in gray, in colour, with confidence, and with the origin of a colour."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.inference.attribution import Attribution, Origin
from kinemacolor.inference.cbcr_converter import make_rgb
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.inference.session import BT709_FULL_RANGE, Session
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.references.load import ReferenceReader, load_reference
from kinemacolor.rendering.blend import iter_frame_predictions, open_stored
from kinemacolor.rendering.cache import WorkFolder
from kinemacolor.rendering.inference_pass import make_session_picture
from kinemacolor.rendering.passes import InferencePass, ShotPasses, build_shot_passes
from kinemacolor.rendering.renderer import make_postprocessor
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import Geometry, resize
from kinemacolor.video.images import read_picture_size
from kinemacolor.video.picture_files import check_uploaded_picture
from kinemacolor.video.random_access import FrameIndex, RangeReader
from kinemacolor.web.corrections import apply_frame_luma, decode_strokes, paint_strokes_on_frame
from kinemacolor.web.picture_cache import fit_preview_size, write_if_missing, write_picture_file
from kinemacolor.web.project import Project
from kinemacolor.web.storage import NotFoundError
from kinemacolor.weights.registry import load_model, make_meta_model

LONGEST_SIDE = 1280  # px: the longer side of previews of frames
MAX_CACHED_ATTRIBUTIONS = 8


@dataclass(frozen=True)
class FramePreview:
    """A frame as picture files of ``size`` (rows, columns): gray, in colour, and confidence (white: sure).

    ``references``: names of the references that its colours come from.
    """

    size: tuple[int, int]
    gray: Path
    color: Path
    confidence: Path
    references: tuple[str, ...]


@dataclass(frozen=True)
class PaintableFrame:
    """A frame in colour as a picture file of ``size`` (rows, columns), and names of its references."""

    picture: Path
    size: tuple[int, int]
    references: tuple[str, ...]


class FramePreviewer:
    """Colorizes frames of plans in this process, one at a time; the model that was used last stays loaded.

    Pictures are cached in the folder ``look`` of each project.
    """

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._lock = threading.Lock()
        self._model: tuple[str, Colorizer] | None = None
        self._attributions: OrderedDict[str, Attribution] = OrderedDict()

    def save_gray_frame(self, project: Project, frame: int) -> Path:
        """Save a frame in gray, of preview size; gives the file.

        Raises NotFoundError for a frame that the film does not have, InputError where the film cannot be read.
        """
        index, _ = _find_frame_index(project)
        _check_frame(frame, index.frames)
        path = project.folder / "look" / f"{hashlib.sha256(repr(index).encode()).hexdigest()[:8]}-{frame}-gray.jpg"
        return write_if_missing(path, lambda: self.read_gray_frame(project, frame))

    def read_gray_frame(self, project: Project, frame: int) -> UInt8Array:
        """Read a frame as a gray picture ``H W`` of preview size. Raises as `save_gray_frame`."""
        return _read_gray_frame(project.film, *_find_frame_index(project), frame)

    def export_frame(self, project: Project, frame: int) -> Path:
        """Save a frame in gray at full size; its file name places it at the frame when it is uploaded in colour.

        Raises as `save_gray_frame`.
        """
        path = project.folder / "look" / f"ref_{frame:06d}.png"
        write_picture_file(path, _read_gray_frame(project.film, *_find_frame_index(project), frame, longest_side=None))
        return path

    def preview_frame(self, project: Project, frame: int) -> FramePreview:
        """Colorize a frame by the project's plan. Raises UsageError without a plan, and as `save_gray_frame`."""
        plan = project.require_plan()
        main_pass = _find_main_pass(plan, frame)
        stem = f"{_pass_key(plan, main_pass)}-{frame}"
        folder = project.folder / "look"
        gray = self.save_gray_frame(project, frame)
        preview = FramePreview(
            read_picture_size(gray),
            gray,
            folder / f"{stem}-color.jpg",
            folder / f"{stem}-confidence.jpg",
            _reference_names(plan, main_pass),
        )
        if not (preview.color.is_file() and preview.confidence.is_file()):
            attribution = self._attribute_frame(plan, main_pass, frame)
            write_picture_file(preview.color, attribution.rgb)
            write_picture_file(preview.confidence, (255 * attribution.confidence).round().astype(np.uint8))
        return preview

    def find_color_origin(self, project: Project, frame: int, row: float, column: float) -> Origin | None:
        """Find where the colour of a point (row and column, 0..1 of the frame) comes from.

        The origin's reference is a position in `FramePreview.references`. None for models that do not match positions
        in references. Raises as `preview_frame`.
        """
        plan = project.require_plan()
        return self._attribute_frame(plan, _find_main_pass(plan, frame), frame).origin_at(row, column)

    def color_frame(self, project: Project, frame: int) -> UInt8Array:
        """Return a frame ``H W 3`` from the rendered predictions, else colorize it now. Raises as `preview_frame`."""
        plan = project.require_plan()
        _check_frame(frame, plan.film.frames)
        rendered = _read_rendered_frame(plan, project.work_folder, frame)
        if rendered is not None:
            return rendered
        return self._attribute_frame(plan, _find_main_pass(plan, frame), frame).rgb

    def save_colored_frame(self, project: Project, frame: int, picture: UInt8Array) -> Path:
        """Save a picture of `color_frame`; gives the file, which is named by its contents."""
        path = project.folder / "look" / f"{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}-{frame}-painted.jpg"
        return write_if_missing(path, lambda: picture)

    def reference_names(self, project: Project, frame: int) -> tuple[str, ...]:
        """Return the names of the references that colour a frame. Raises as `preview_frame`."""
        plan = project.require_plan()
        return _reference_names(plan, _find_main_pass(plan, frame))

    def open_frame(self, project: Project, frame: int) -> PaintableFrame:
        """Save a frame as it was rendered, to be painted on. Raises as `preview_frame`."""
        picture = self.color_frame(project, frame)
        file = self.save_colored_frame(project, frame, picture)
        return PaintableFrame(file, (picture.shape[0], picture.shape[1]), self.reference_names(project, frame))

    def correct_by_strokes(self, project: Project, frame: int, layer: str, painted_on: str | None) -> None:
        """Make strokes on a frame a reference of its shot; ``layer``: as `decode_strokes` takes it.

        ``painted_on``: the file name of the picture that was painted on, if the rest of it is right, too. Raises
        UsageError where that has changed meanwhile, and as `decode_strokes` and `Project.add_correction`.
        """
        gray, seen = self.read_gray_frame(project, frame), None
        strokes = decode_strokes(layer, (gray.shape[0], gray.shape[1]))
        if painted_on is not None:
            seen = self.color_frame(project, frame)
            if self.save_colored_frame(project, frame, seen).name != painted_on:
                raise UsageError("this frame was coloured anew meanwhile: open it again, and look whether it is right")
        project.add_correction(frame, paint_strokes_on_frame(project, frame, strokes, gray, seen))

    def correct_by_picture(self, project: Project, frame: int, picture: Path) -> None:
        """Make an uploaded picture of a frame a reference of its shot. Raises as `Project.add_correction`."""
        check_uploaded_picture(picture)
        given = load_reference(picture)
        if given.shape[2] == 3:
            given = apply_frame_luma(given, self.read_gray_frame(project, frame))
        project.add_correction(frame, given)

    def _attribute_frame(self, plan: Plan, main_pass: InferencePass, frame: int) -> Attribution:
        """Predict a frame alone, without history, and where its colours come from; the latest results are cached."""
        key = f"{_pass_key(plan, main_pass)}-{frame}"
        with self._lock:
            if key not in self._attributions:
                film = plan.film
                with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
                    references = ReferenceReader()  # anew each time: somebody may have painted on a picture
                    pictures = [make_session_picture(references.load(one), reader) for one in main_pass.references]
                gray = _read_gray_frame(film.path, film.frame_index, film.start_seconds, frame)
                session = Session(
                    self._load_model(plan.model),
                    pictures,
                    height=gray.shape[0],
                    width=gray.shape[1],
                    options=main_pass.options,
                    device=self._device,
                    engine="torch",  # a frame alone is not worth compiling
                    in_shot=[reference.frame for reference in main_pass.references] == [frame],
                )
                self._attributions[key] = session.attribute_frame(gray)
                while len(self._attributions) > MAX_CACHED_ATTRIBUTIONS:
                    self._attributions.popitem(last=False)
            self._attributions.move_to_end(key)
            return self._attributions[key]

    def _load_model(self, name: str) -> Colorizer:
        if self._model is None or self._model[0] != name:
            self._model = name, load_model(name)
        return self._model[1]


def _find_frame_index(project: Project) -> tuple[FrameIndex, float]:
    """Return the film's frame index and the start of its part in seconds, of the plan or else of the survey."""
    plan = project.read_plan()
    if plan:
        return plan.film.frame_index, plan.film.start_seconds
    film_survey = project.read_survey()
    if film_survey is None:
        raise UsageError("the film was not looked at yet: wait until its shots are found")
    return film_survey.index, project.entry.start_seconds


def _check_frame(frame: int, frames: int) -> None:
    if not 0 <= frame < frames:
        raise NotFoundError(f"there is no frame {frame}: the film has {frames}, the first is 0")


def _read_gray_frame(
    film: Path, index: FrameIndex, start_seconds: float, frame: int, longest_side: int | None = LONGEST_SIDE
) -> UInt8Array:
    """Read a frame as a display shows it, in gray, ``H W``; None for ``longest_side`` leaves its size."""
    _check_frame(frame, index.frames)
    with RangeReader(film, index, start_seconds=start_seconds) as reader:
        (block,) = reader.iter_blocks(frame, frame + 1, 1)
        whole = to_display_gray(block.luma_codes[0], reader.info)
    return whole if longest_side is None else resize(whole, fit_preview_size(whole.shape, longest_side))


def _list_shot_passes(plan: Plan) -> list[ShotPasses]:
    digests = {entry.path: compute_file_sha256(entry.path) for entry in plan.references.values()}
    return build_shot_passes(plan, digests)


def _find_main_pass(plan: Plan, frame: int) -> InferencePass:
    """Return the pass with the largest weight in a frame."""
    _check_frame(frame, plan.film.frames)
    shot_passes = next(one for one in _list_shot_passes(plan) if one.shot.first <= frame < one.shot.end)
    return max(shot_passes.weighted_passes, key=lambda weighted_pass: weighted_pass.weight_at(frame)).source


def _pass_key(plan: Plan, one: InferencePass) -> str:
    """Hash all that decides a preview: references, model, options; not which frames the pass has."""
    return hashlib.sha256(repr((one.digest, one.options, plan.model, plan.weights)).encode()).hexdigest()[:16]


def _reference_names(plan: Plan, one: InferencePass) -> tuple[str, ...]:
    paths = {entry.path: name for name, entry in plan.references.items()}
    return tuple(paths[reference.path] for reference in one.references)


def _read_rendered_frame(plan: Plan, work: Path, frame: int) -> UInt8Array | None:
    """Make a frame from the rendered predictions in the work folder; None where the current plan has none for it."""
    folder, film = WorkFolder(work), plan.film

    def open_segment(one: InferencePass, segment: int) -> Iterator[ColorPrediction]:  # runs no model, unlike a render
        if not folder.pass_folder(one.digest, len(one)).has_segment(segment):
            raise LookupError(one.digest)
        return open_stored(folder)(one, segment)

    with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
        info = reader.info
    shot_passes = _list_shot_passes(plan)
    postprocessors = [make_postprocessor(one, info, make_meta_model(plan.model)) for one in shot_passes]
    try:
        prediction, postprocessor = next(
            iter_frame_predictions(shot_passes, postprocessors, open_segment, first_frame=frame)
        )
    except LookupError:
        return None
    return _to_rgb(
        _read_gray_frame(film.path, film.frame_index, film.start_seconds, frame),
        prediction,
        postprocessor,
        crop=plan.options.crop,
    )


def _to_rgb(
    gray: UInt8Array, prediction: ColorPrediction, postprocessor: ChromaPostprocessor, *, crop: bool
) -> UInt8Array:
    """Colour a gray frame ``H W`` by a prediction at working size, post-processed as in the film; gives ``H W 3``."""
    size = gray.shape[0], gray.shape[1]
    preview_postprocessor = ChromaPostprocessor(
        Geometry.from_frame_size(*size, min(postprocessor.geometry.working_size), crop=crop),
        postprocessor.saturation,
        postprocessor.edge_filter,
    )
    # A gray picture of 8 bits holds luma codes of full range.
    cbcr_codes = preview_postprocessor.compute_cbcr_codes(gray, prediction, size, BT709_FULL_RANGE, BT709_FULL_RANGE)
    return make_rgb(gray, cbcr_codes, BT709_FULL_RANGE)
