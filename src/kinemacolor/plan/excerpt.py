"""Cuts a plan down to a few seconds of the film, to try its references and options."""

from bisect import bisect_right
from collections.abc import Iterator

from kinemacolor.errors import InputError, UsageError
from kinemacolor.plan.document import FilmEntry, Plan, ReferenceEntry, ShotEntry, check_seconds, fit_dissolves
from kinemacolor.references.load import load_reference
from kinemacolor.video.random_access import FrameIndexBuilder, RangeReader
from kinemacolor.video.reader import VideoReader

FRAMES_PER_BLOCK = 8


def cut_excerpt(plan: Plan, start_seconds: float = 0, end_seconds: float | None = None) -> Plan:
    """Make a plan for the part of the film between two times, from a plan with absolute paths.

    Times are measured on the film's own clock, as the plan's ``start_seconds``. Colours differ a little from those of
    the whole film: history begins with the excerpt, and a picture of a frame outside of it is no keyframe. Such a
    picture is used like one without a frame; of several in a shot, only the nearest before the excerpt and the nearest
    after it. A partial one is left out, because it needs the frame that it is laid over. A dissolve from or to a shot
    of which no frame is left is left out as well.

    Raises UsageError where no frame lies between the times, or where a shot has only partial references that are left
    out; InputError for a film that is missing or has other frames than the plan's.
    """
    film, first = _cut_film(plan.film, start_seconds, end_seconds)
    part = range(first, first + film.frames)
    shots = fit_dissolves(list(_iter_cut_shots(plan, part)))
    used = {name for shot in shots for name in shot.references}
    references = {name: _renumber_reference(entry, part) for name, entry in plan.references.items() if name in used}
    return Plan.from_parts(**dict(plan) | {"film": film, "references": references, "shots": shots})


def _cut_film(film: FilmEntry, start_seconds: float, end_seconds: float | None) -> tuple[FilmEntry, int]:
    """Cut the film's entry; gives also the number that the first frame left had in the whole film."""
    check_seconds(start_seconds, end_seconds)
    start = max(start_seconds, film.start_seconds)
    end = min((end for end in (end_seconds, film.end_seconds) if end is not None), default=None)
    builder, beginning = FrameIndexBuilder(), None
    with VideoReader(film.path, start_seconds=start, end_seconds=end, gaps=film.gaps) as reader:
        for block in reader.iter_blocks(FRAMES_PER_BLOCK):
            beginning = block.pts[0] if beginning is None else beginning
            builder.add_block(block)
    if beginning is None:
        until = "the end" if end_seconds is None else f"{end_seconds:g} s"
        raise UsageError(
            f"the plan has no frame from {start_seconds:g} s to {until}: look at --start, --end and the film's length"
        )
    index, first = builder.build_index(reader), _find_frame_number(film, beginning)
    if first + index.frames > film.frames:
        raise _film_changed_error(film)
    return FilmEntry.from_index(film.path, film.sha256, index, start, end), first


def _find_frame_number(film: FilmEntry, pts: int) -> int:
    """Find the number of the frame with this timestamp, in ticks. Raises InputError where no frame has it."""
    begin = max(0, bisect_right(film.anchors, pts) - 1) * film.every
    with RangeReader(film.path, film.frame_index, start_seconds=film.start_seconds) as reader:
        for number, block in enumerate(reader.iter_blocks(begin, film.frames, 1), begin):
            if block.pts[0] == pts:
                return number
    raise _film_changed_error(film)


def _film_changed_error(film: FilmEntry) -> InputError:
    return InputError(f"{film.path} is not the film that the plan was made for: make the plan again")


def _iter_cut_shots(plan: Plan, part: range) -> Iterator[ShotEntry]:
    """Yield the shots with frames in the part, cut and renumbered; the first one begins without a dissolve."""
    for shot in plan.shots:
        first, end = max(shot.first, part.start), min(shot.end, part.stop)
        if first < end:
            frames = {"first": first - part.start, "last": end - 1 - part.start}
            begins = {"transition": None, "dissolve": 0, "certainty": 1.0} if first == part.start else {}
            yield shot.model_copy(update=frames | begins | {"references": _select_references(plan, shot, part)})


def _select_references(plan: Plan, shot: ShotEntry, part: range) -> dict[str, float | None]:
    """Choose the references of a shot that its part uses, with their scores; see `cut_excerpt`."""
    placed = {name: plan.references[name].frame for name in shot.references}
    usable = {name: frame for name, frame in placed.items() if _is_usable_within(plan.references[name], part)}
    if not usable:
        raise UsageError(
            f"the shot from frame {shot.first} has only partial pictures, of frames "
            f"{', '.join(str(frame) for frame in placed.values())}: let the excerpt have one of them, "
            f"or give the shot a whole picture"
        )
    keys = {frame for frame in usable.values() if frame is not None and shot.first <= frame < shot.end}
    before = sorted(key for key in keys if key < part.start)
    after = sorted(key for key in keys if key >= part.stop)
    far = {*before[:-1], *after[1:]}
    return {name: shot.references[name] for name, frame in usable.items() if frame not in far}


def _is_usable_within(entry: ReferenceEntry, part: range) -> bool:
    """Whether a reference can be used in a part of the film: a partial one needs its own frame, to be laid over it."""
    return entry.frame is None or entry.frame in part or load_reference(entry.path).shape[2] == 3


def _renumber_reference(entry: ReferenceEntry, part: range) -> ReferenceEntry:
    """Return a reference with its frame counted from the start of the part, None where it lies outside."""
    inside = entry.frame is not None and entry.frame in part
    frame = part.index(entry.frame) if inside else None  # type: ignore[arg-type]
    return entry.model_copy(update={"frame": frame})
