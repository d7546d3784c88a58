"""Single frames to look at, at once: gray, coloured, how sure, and where in the references a colour comes from."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from kinemacolor.errors import UsageError
from kinemacolor.inference.attribution import Attribution, Origin
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.inference.session import BT709_FULL_RANGE, Session
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.references.load import load_reference
from kinemacolor.render.blend import iter_frame_predictions
from kinemacolor.render.cache import WorkFolder
from kinemacolor.render.inference_pass import load_session_picture
from kinemacolor.render.passes import InferencePass, ShotPasses, build_shot_passes
from kinemacolor.render.renderer import make_postprocessor
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import compute_file_sha256, translate_disk_errors
from kinemacolor.video.display import to_display_gray
from kinemacolor.video.geometry import Geometry, resize
from kinemacolor.video.images import PICTURE_SUFFIXES, read_color_picture, read_picture_size, write_picture
from kinemacolor.video.random_access import FrameIndex, RangeReader
from kinemacolor.web.project import Project
from kinemacolor.web.storage import Missing
from kinemacolor.weights.registry import blank_model, load_model

LONGEST_SIDE, REFERENCE_SIDE = 1280, 640  # px of what is shown
KEPT_FILES = 90
KEPT_ANSWERS = 8


@dataclass(frozen=True)
class Still:
    """A frame as pictures of ``size`` (rows, columns): gray, in colour, and how sure the model is (white: sure)."""

    size: tuple[int, int]
    gray: Path
    color: Path
    confidence: Path
    references: tuple[str, ...]


class Stills:
    """Colours frames of plans in this process, one at a time; the model that was used last stays loaded."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._lock = threading.Lock()
        self._model: tuple[str, Colorizer] | None = None
        self._answers: OrderedDict[str, Attribution] = OrderedDict()

    def gray(self, project: Project, frame: int) -> Path:
        """A frame as it is. Raises Missing for one that the film does not have, InputError for the film."""
        index, _ = _index(project)
        _check(frame, index.frames)
        path = project.folder / "look" / f"{hashlib.sha256(repr(index).encode()).hexdigest()[:8]}-{frame}-gray.jpg"
        return _once(path, lambda: self.luma(project, frame))

    def luma(self, project: Project, frame: int) -> UInt8Array:
        """The same as a gray picture ``H W``."""
        return _frame(project.film, *_index(project), frame)

    def picture(self, project: Project, frame: int) -> Path:
        """A frame at full size, gray, under the name that places it when it comes back coloured. Raises as `gray`."""
        path = project.folder / "look" / f"ref_{frame:06d}.png"
        _write(path, _frame(project.film, *_index(project), frame, longest_side=None))
        return path

    def reference(self, project: Project, name: str) -> Path:
        """A reference, by its name in the plan or its file's, of a size to look at. Raises Missing for another name."""
        plan = project.plan()
        known = {path.name: path for path in project.references() if path.suffix.lower() in PICTURE_SUFFIXES}
        known |= {key: entry.path for key, entry in plan.references.items()} if plan else {}
        if name not in known:
            raise Missing(f"there is no reference {name[:60]!r}")
        source = known[name]
        digest = hashlib.sha256(f"{source} {source.stat().st_mtime_ns}".encode()).hexdigest()[:16]
        path = project.folder / "look" / f"{digest}-reference.jpg"
        return _once(path, lambda: _small(read_color_picture(source)))

    def still(self, project: Project, frame: int) -> Still:
        """A frame in colour by the project's plan. Raises UsageError without one, and as `gray`."""
        plan = project.planned()
        one = _pass_of(plan, frame, self._device)
        stem = f"{_key(plan, one)}-{frame}"
        folder = project.folder / "look"
        gray = self.gray(project, frame)
        still = Still(
            read_picture_size(gray),
            gray,
            folder / f"{stem}-color.jpg",
            folder / f"{stem}-confidence.jpg",
            _names(plan, one),
        )
        if not (still.color.is_file() and still.confidence.is_file()):
            answer = self._explained(plan, one, frame)
            _write(still.color, answer.rgb)
            _write(still.confidence, (255 * answer.confidence).round().astype(np.uint8))
        return still

    def origin(self, project: Project, frame: int, row: float, column: float) -> Origin | None:
        """Where the colour of a point (0..1 of the frame) comes from, the reference counted as in the `still`.

        None for models that see a reference as a whole. Raises as `still`.
        """
        plan = project.planned()
        return self._explained(plan, _pass_of(plan, frame, self._device), frame).origin_at(row, column)

    def painted(self, project: Project, frame: int) -> UInt8Array:
        """A frame ``H W 3`` as the film was rendered, or freshly coloured where it was not. Raises as `still`."""
        plan = project.planned()
        _check(frame, plan.film.frames)
        found = _rendered(plan, project.work, frame)
        if found is not None:
            return found
        return self._explained(plan, _pass_of(plan, frame, self._device), frame).rgb

    def picture_of(self, project: Project, frame: int, picture: UInt8Array) -> Path:
        """A file for what `painted` gave, named by its contents."""
        path = project.folder / "look" / f"{hashlib.sha256(picture.tobytes()).hexdigest()[:16]}-{frame}-painted.jpg"
        return _once(path, lambda: picture)

    def references(self, project: Project, frame: int) -> tuple[str, ...]:
        """The names of the references that colour a frame. Raises as `still`."""
        plan = project.planned()
        return _names(plan, _pass_of(plan, frame, self._device))

    def _explained(self, plan: Plan, one: InferencePass, frame: int) -> Attribution:
        key = f"{_key(plan, one)}-{frame}"
        with self._lock:
            if key not in self._answers:
                film = plan.film
                with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
                    pictures = [load_session_picture(reference, reader) for reference in one.references]
                luma = _frame(film.path, film.frame_index, film.start_seconds, frame)
                session = Session(
                    self._loaded(plan.model),
                    pictures,
                    height=luma.shape[0],
                    width=luma.shape[1],
                    options=one.options,
                    in_shot=[reference.frame for reference in one.references] == [frame],
                )
                self._answers[key] = session.attribute_frame(luma)
                while len(self._answers) > KEPT_ANSWERS:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(key)
            return self._answers[key]

    def _loaded(self, name: str) -> Colorizer:
        if self._model is None or self._model[0] != name:
            self._model = name, load_model(name)
        return self._model[1]


@lru_cache(maxsize=4096)
def is_partial(path: Path, changed_ns: int) -> bool:
    """Whether only parts of a reference are painted; ``changed_ns`` tells a file from what it was before."""
    return bool(load_reference(path).shape[2] == 4)


def _index(project: Project) -> tuple[FrameIndex, float]:
    plan = project.plan()
    if plan:
        return plan.film.frame_index, plan.film.start_seconds
    seen = project.survey()
    if seen is None:
        raise UsageError("the film was not looked at yet: wait until its shots are found")
    return seen.index, project.entry.start_seconds


def _check(frame: int, frames: int) -> None:
    if not 0 <= frame < frames:
        raise Missing(f"there is no frame {frame}: the film has {frames}, the first is 0")


def _frame(
    film: Path, index: FrameIndex, start_seconds: float, frame: int, longest_side: int | None = LONGEST_SIDE
) -> UInt8Array:
    """A gray frame as it is shown, of a size to look at."""
    _check(frame, index.frames)
    with RangeReader(film, index, start_seconds=start_seconds) as reader:
        (block,) = reader.iter_blocks(frame, frame + 1, 1)
        whole = to_display_gray(block.luma_codes[0], reader.info)
    return whole if longest_side is None else resize(whole, _size_shown(whole, longest_side))


def _size_shown(picture: UInt8Array, longest_side: int) -> tuple[int, int]:
    rows, columns = picture.shape[:2]
    scale = min(1.0, longest_side / max(rows, columns))
    return max(1, round(rows * scale)), max(1, round(columns * scale))


def _stretches(plan: Plan, device: str) -> list[ShotPasses]:
    contents = {entry.path: compute_file_sha256(entry.path) for entry in plan.references.values()}
    return build_shot_passes(plan, contents, device)


def _pass_of(plan: Plan, frame: int, device: str) -> InferencePass:
    """The pass that counts most in a frame."""
    _check(frame, plan.film.frames)
    own = next(one for one in _stretches(plan, device) if one.shot.first <= frame < one.shot.end)
    return max(own.weighted_passes, key=lambda share: share.weight_at(frame)).source


def _key(plan: Plan, one: InferencePass) -> str:
    """Tells what decides a still: pictures, model, options; not which frames the pass has."""
    return hashlib.sha256(repr((one.digest, one.options, plan.model, plan.weights)).encode()).hexdigest()[:16]


def _names(plan: Plan, one: InferencePass) -> tuple[str, ...]:
    paths = {entry.path: name for name, entry in plan.references.items()}
    return tuple(paths[reference.path] for reference in one.references)


def _rendered(plan: Plan, work: Path, frame: int) -> UInt8Array | None:
    """A frame out of what was painted for the plan as it is now; None where that is not there."""
    folder, film = WorkFolder(work), plan.film

    def kept(one: InferencePass, segment: int) -> None:
        if folder.pass_folder(one.digest, len(one)).segment_count <= segment:
            raise LookupError(one.digest)

    with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
        info = reader.info
    own = _stretches(plan, "auto")
    finishes = [make_postprocessor(stretch, info, blank_model(plan.model)) for stretch in own]
    try:
        painted, finish = next(iter_frame_predictions(own, finishes, folder, kept, first_frame=frame))
    except LookupError:
        return None
    return _as_rgb(
        _frame(film.path, film.frame_index, film.start_seconds, frame), painted, finish, crop=plan.options.crop
    )


def _as_rgb(luma: UInt8Array, painted: ColorPrediction, finish: ChromaPostprocessor, *, crop: bool) -> UInt8Array:
    size = luma.shape[0], luma.shape[1]
    shown = ChromaPostprocessor(
        Geometry.from_frame_size(*size, min(finish.geometry.working_size), crop=crop),
        finish.saturation,
        finish.edge_filter,
    )
    chroma = shown.compute_cbcr_codes(luma, painted, size, BT709_FULL_RANGE, BT709_FULL_RANGE)
    rgb = BT709_FULL_RANGE.to_rgb(torch.from_numpy(luma)[None], torch.from_numpy(chroma))
    return (rgb * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def _small(picture: UInt8Array) -> UInt8Array:
    return resize(picture, _size_shown(picture, REFERENCE_SIDE))


def _once(path: Path, make: Callable[[], UInt8Array]) -> Path:
    """A picture that is written when it is not there; what is looked at is swept last."""
    if not path.is_file():
        _write(path, make())
    with suppress(FileNotFoundError):
        os.utime(path)
    return path


def _write(path: Path, picture: UInt8Array) -> None:
    rgb = np.dstack([picture] * 3) if picture.ndim == 2 else picture
    fresh = path.with_name(f".{threading.get_ident()}-{path.name}")
    with translate_disk_errors(path):
        path.parent.mkdir(exist_ok=True)
        write_picture(fresh, rgb)
        fresh.replace(path)
    _sweep(path.parent)


def _sweep(folder: Path) -> None:
    """The oldest pictures go; others may sweep or write at the same time."""
    ages = {}
    for file in folder.glob("[!.]*"):
        with suppress(FileNotFoundError):
            ages[file] = file.stat().st_mtime
    for file in sorted(ages, key=ages.__getitem__)[: max(0, len(ages) - KEPT_FILES)]:
        file.unlink(missing_ok=True)
