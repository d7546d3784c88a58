"""Which pass of a plan colours a frame, with what, and under which names its pictures are kept. Loads no torch."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from kinemacolor.errors import InputError
from kinemacolor.options import RenderOptions, ShotRenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.rendering.journal import SEGMENT_FRAMES, iter_journal
from kinemacolor.rendering.passes import InferencePass, ShotPasses, build_shot_passes, describe_what_decides
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.web.frame_reading import check_frame
from kinemacolor.web.project import Project

AS_PLANNED = ShotRenderOptions()
Stamp = tuple[int, int]  # of a file or folder: when it was changed, in ns, and its bytes


@dataclass(frozen=True)
class FrameColors:
    """What colours a frame that is predicted alone: the pass with the largest weight in it.

    ``names``: of its references. ``session_key``: a hash of all that decides what is encoded before any frame.
    """

    frame: int
    source: InferencePass
    names: tuple[str, ...]
    session_key: str

    @property
    def key(self) -> str:
        """A hash of all that decides the prediction of the frame; post-processing does not."""
        return hash_words(self.session_key, self.frame)

    @property
    def is_picture_of_frame(self) -> bool:
        """Whether its only reference is a picture of this very frame."""
        return [reference.frame for reference in self.source.references] == [self.frame]


@dataclass(frozen=True, eq=False)
class PlannedFrames:
    """A plan, the sha256 of its references' files, and its passes by shot."""

    plan: Plan
    digests: Mapping[Path, str]
    shot_passes: tuple[ShotPasses, ...]

    @classmethod
    def from_plan(cls, plan: Plan, digests: Mapping[Path, str]) -> "PlannedFrames":
        """Derive the passes of a plan."""
        return cls(plan, digests, tuple(build_shot_passes(plan, digests)))

    def find_shot(self, frame: int) -> int:
        """Return the place of a frame's shot, from 0. Raises NotFoundError for a frame that the film does not have."""
        check_frame(frame, self.plan.film.frames)
        return bisect_right(self.plan.shots, frame, key=lambda shot: shot.first) - 1

    def find_colors(self, frame: int, short_side: int | None = None) -> FrameColors:
        """Find what colours a frame, at another working size if one is given. Raises as `find_shot`."""
        weighted = self.shot_passes[self.find_shot(frame)].weighted_passes
        source = max(weighted, key=lambda one: one.weight_at(frame)).source
        if short_side:
            source = replace(source, options=replace(source.options, short_side=short_side))
        return FrameColors(
            frame,
            source,
            tuple(self._names[reference.path] for reference in source.references),
            hash_words(json.dumps(describe_what_decides(source, self.plan, self.digests), sort_keys=True)),
        )

    @cached_property
    def _names(self) -> dict[Path, str]:
        """Names of references by their paths."""
        return {entry.path: name for name, entry in self.plan.references.items()}

    def list_passes(self, frame: int) -> list[InferencePass]:
        """List the passes that a frame is blended from in a render; those of other shots reach into its dissolve."""
        number = self.find_shot(frame)
        around = self.shot_passes[max(0, number - 1) : number + 2]
        return [one.source for shot in around for one in shot.weighted_passes if one.weight_at(frame) > 0]

    def is_rendered(self, work: Path, frame: int) -> bool:
        """Whether the predictions of all these passes for a frame lie in a work folder."""
        return all(
            _is_stored(work, one, one.painting_position(frame) // SEGMENT_FRAMES) for one in self.list_passes(frame)
        )

    def name_prediction(self, work: Path, frame: int, short_side: int | None = None) -> str:
        """Return a hash of all that decides the prediction that is seen of a frame: the rendered one, else one alone.

        ``short_side``: of one alone, as in `find_colors`. Raises as that.
        """
        if self.is_rendered(work, frame):
            return hash_words("rendered", frame, [one.digest for one in self.list_passes(frame)])
        return self.find_colors(frame, short_side).key

    def name_finish(self, frame: int, changes: ShotRenderOptions = AS_PLANNED) -> str:
        """Return a hash of the post-processing of a frame, with ``changes`` to it. Raises as `find_shot`."""
        finish = [with_finish(one.options, changes) for one in self.list_passes(frame)]
        return hash_words([(one.saturation, one.edge_filter) for one in finish])[:8]


def with_finish(options: RenderOptions, changes: ShotRenderOptions) -> RenderOptions:
    """Return options with the saturation and the edge filter of others, where those are given."""
    saturation = options.saturation if changes.saturation is None else changes.saturation
    return replace(options, saturation=saturation, edge_filter=changes.edge_filter or options.edge_filter)


def read_planned_frames(project: Project) -> PlannedFrames:
    """Read the plan of a project with its passes, from memory if nothing has changed. Raises UsageError without one."""
    stamp = stamp_file(project.plan_file)
    plan = _read_plan(project.folder, stamp)
    return _derive_passes(project.folder, stamp, tuple(stamp_file(entry.path) for entry in plan.references.values()))


@lru_cache(maxsize=8)
def _read_plan(folder: Path, stamp: Stamp) -> Plan:
    return Project(folder).require_plan()


@lru_cache(maxsize=8)
def _derive_passes(folder: Path, stamp: Stamp, stamps_of_references: tuple[Stamp, ...]) -> PlannedFrames:
    plan = _read_plan(folder, stamp)
    paths = [entry.path for entry in plan.references.values()]
    digests = {path: _hash_file(path, one) for path, one in zip(paths, stamps_of_references, strict=True)}
    return PlannedFrames.from_plan(plan, digests)


@lru_cache(maxsize=1024)
def _hash_file(path: Path, stamp: Stamp) -> str:
    try:
        return compute_file_sha256(path)
    except OSError as error:
        raise InputError(f"{path.name} is gone: give it again, or remove it from the references") from error


def stamp_file(path: Path) -> Stamp:
    """Return what changes with a file or folder; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _is_stored(work: Path, one: InferencePass, segment: int) -> bool:
    journal = work / "passes" / one.digest / "journal.jsonl"
    return any(line.segment == segment for line in iter_journal(journal))


def hash_words(*words: object) -> str:
    """Return a hash of things by how they are written, fit for the name of a file."""
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]
