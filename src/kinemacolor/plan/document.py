"""The plan of a render: shots, their references and options as one JSON file that a person may read and edit."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.models.catalog import MODEL_CATALOG, check_fill
from kinemacolor.options import GapHandling, RenderOptions, ShotRenderOptions, later_defaults
from kinemacolor.shots.shot import Shot, Transition
from kinemacolor.utils.files import relate_path, resolve_folder, write_file_atomically
from kinemacolor.utils.validation_messages import describe_validation_errors
from kinemacolor.video.random_access import ANCHOR_INTERVAL, FrameIndex

MAX_FRAMES = 100_000_000  # of a plan: 46 days at 25 a second
MAX_SECONDS = 100_000_000.0  # on a film's clock
MAX_PLAN_BYTES = 256_000_000
LONGEST_NAME_BYTES = 255  # of all common file systems
_MAX_PTS = 2**62  # ticks; FFmpeg's numbers have 64 bits, some of which sums need


def _check_path(path: Path) -> Path:
    """Return a path that a file can have. Raises ValueError for any other."""
    if "\0" in str(path):
        raise ValueError("no name of a file has a NUL in it")
    if any(len(os.fsencode(part)) > LONGEST_NAME_BYTES for part in path.parts):
        raise ValueError(f"no name of a file has more than {LONGEST_NAME_BYTES} bytes")
    return path


@contextmanager
def _translate_misfits() -> Iterator[None]:
    """Turn the errors of numbers that were computed or read from lists, and do not fit a plan, into a UsageError."""
    try:
        yield
    except ValidationError as error:
        raise UsageError(f"no plan can be made: {describe_validation_errors(error)}") from error


_FilePath = Annotated[Path, AfterValidator(_check_path)]
_FrameNumber = Annotated[int, Field(ge=0, lt=MAX_FRAMES)]
_Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
_Pts = Annotated[int, Field(gt=-_MAX_PTS, lt=_MAX_PTS)]


class _PlanSection(BaseModel):
    """Base of all sections of a plan: immutable, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FilmEntry(_PlanSection):
    """The film that the plan is for, and the part of it from ``start_seconds`` to ``end_seconds`` (None: its end).

    ``path`` is relative to the plan's file; frames are counted from ``start_seconds``. ``anchors`` are the timestamps,
    in ticks of the film, of frame 0, ``every``, 2 ``every``... (`FrameIndex`). ``gaps`` is what becomes of numbered
    pictures that are missing.
    """

    path: _FilePath
    sha256: str
    frames: int = Field(ge=1, le=MAX_FRAMES)
    start_seconds: _Seconds = 0
    end_seconds: _Seconds | None = None
    gaps: GapHandling = "error"
    every: int = Field(default=ANCHOR_INTERVAL, ge=1, le=MAX_FRAMES)
    anchors: tuple[_Pts, ...]

    @classmethod
    def from_index(
        cls, path: Path, sha256: str, index: FrameIndex, start_seconds: float, end_seconds: float | None
    ) -> "FilmEntry":
        """Make the entry of a film that was read; anchors that do not rise are left out: one would mean two places.

        Raises UsageError for numbers that no film has.
        """
        rises = all(one < other for one, other in pairwise(index.anchors))
        with _translate_misfits():
            return cls(
                path=path,
                sha256=sha256,
                frames=index.frames,
                start_seconds=start_seconds,
                end_seconds=end_seconds,
                gaps=index.gaps,
                every=index.every,
                anchors=index.anchors if rises else (),
            )

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        if self.end_seconds is not None and self.end_seconds <= self.start_seconds:
            raise ValueError(f"the film ends at {self.end_seconds:g} s, before it begins ({self.start_seconds:g} s)")
        if len(self.anchors) > -(-self.frames // self.every):
            raise ValueError(
                f"{len(self.anchors)} anchors are more than {self.frames} frames have, one in {self.every}"
            )
        if any(one >= other for one, other in pairwise(self.anchors)):
            raise ValueError("the anchors must rise: each is the time of a later frame")
        return self

    @property
    def frame_index(self) -> FrameIndex:
        """The index by which frames of this film are found by number."""
        return FrameIndex(self.anchors, self.frames, self.every, self.gaps)


class StillEntry(_PlanSection):
    """Where a still was taken: a colour film, its path relative to the plan's file, and the number of its frame."""

    path: _FilePath
    frame: _FrameNumber


class ReferenceEntry(_PlanSection):
    """A colour picture, its path relative to the plan's file.

    ``frame`` is the number of the film's frame that it is a picture of; None where it shows no frame of the film.
    ``still_of`` tells where a picture was taken that this program took of a colour film; it decides nothing.
    """

    path: _FilePath
    frame: _FrameNumber | None = None
    still_of: StillEntry | None = None

    def with_moved_paths(self, move_path: Callable[[Path], Path]) -> "ReferenceEntry":
        """Return a copy in which ``move_path`` was applied to its paths."""
        still = self.still_of and self.still_of.model_copy(update={"path": move_path(self.still_of.path)})
        return self.model_copy(update={"path": move_path(self.path), "still_of": still})


class ShotEntry(_PlanSection):
    """A shot: the frames from ``first`` to ``last``, both included.

    ``transition`` says how the shot begins and ``certainty``, 0..1, how sure the detector is of that; ``dissolve`` is
    the length in frames of the dissolve around ``first``. ``references`` has the names of its references, each with
    the score of `compute_similarity`, or None for a reference that a person chose.
    """

    first: _FrameNumber
    last: _FrameNumber
    transition: Transition | None = None
    dissolve: int = Field(default=0, ge=0, le=MAX_FRAMES)
    certainty: float = Field(default=1.0, ge=0, le=1)
    references: dict[str, float | None]
    options: ShotRenderOptions = ShotRenderOptions()

    @property
    def end(self) -> int:
        """The number of the first frame after the shot."""
        return self.last + 1

    @classmethod
    def from_shot(cls, shot: Shot, references: dict[str, float | None]) -> "ShotEntry":
        """Make the entry of a detected or listed shot, with its references. Raises UsageError for absurd numbers."""
        with _translate_misfits():
            return cls(
                first=shot.first,
                last=shot.end - 1,
                transition=shot.transition,
                dissolve=shot.dissolve,
                certainty=round(shot.certainty, 3),
                references=references,
            )

    def with_references(self, names: Collection[str], *, is_user_choice: bool = False) -> "ShotEntry":
        """Return a copy that uses these references.

        Known scores are carried over; with ``is_user_choice`` all scores are None.
        """
        scores = {name: None if is_user_choice else self.references.get(name) for name in sorted(names)}
        return self.model_copy(update={"references": scores})

    def to_shot(self) -> Shot:
        """Convert to the `Shot` that detectors and lists of shots use."""
        return Shot(self.first, self.end, self.transition, self.certainty, self.dissolve)


class Plan(_PlanSection):
    """Everything that decides the colours of a film; encoding and device are chosen by each render.

    ``weights`` has the sha256 of each part of the model, None where it is untrained. ``references`` are known by name;
    ``shots`` cover all frames of the film without gaps. Raises ValidationError (pydantic) for a plan that is not
    consistent.
    """

    kinemacolor: str = __version__
    version: Literal[1] = 1
    film: FilmEntry
    model: str
    weights: dict[str, str | None]
    options: RenderOptions = RenderOptions()
    references: dict[str, ReferenceEntry]
    shots: tuple[ShotEntry, ...]

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.model not in MODEL_CATALOG:
            raise ValueError(f"there is no model {self.model[:60]!r}: choose one of {', '.join(sorted(MODEL_CATALOG))}")
        try:
            check_fill(MODEL_CATALOG[self.model].spec, fill=self.options.fill)
        except UsageError as error:
            raise ValueError(str(error)) from error
        if not self.shots or self.shots[0].first != 0 or self.shots[-1].end != self.film.frames:
            raise ValueError(f"the shots must go from frame 0 to the film's last, {self.film.frames - 1}")
        for one, other in pairwise(self.shots):
            if one.end != other.first:
                raise ValueError(f"the shot that ends with frame {one.last} is followed by one from {other.first}")
        before = 0  # frames of the shot before
        for shot in self.shots:
            if shot.first > shot.last:
                raise ValueError(f"the shot from frame {shot.first} ends before it begins")
            if shot.dissolve > (longest := before + shot.end - shot.first):
                raise ValueError(
                    f"the dissolve to the shot from frame {shot.first} has {shot.dissolve} frames: "
                    f"it can have at most {longest}, those of the two shots"
                )
            before = shot.end - shot.first
            if not shot.references:
                raise ValueError(f"the shot from frame {shot.first} has no reference")
            if unknown := sorted(set(shot.references) - set(self.references)):
                names = ", ".join(f"{name[:60]!r}" for name in unknown[:5])
                raise ValueError(f"the shot from frame {shot.first} names references unknown: {names}")
        for name, reference in self.references.items():
            if reference.frame is not None and reference.frame >= self.film.frames:
                raise ValueError(f"the reference {name[:60]!r} lies at frame {reference.frame}, behind the film's end")
        return self

    def options_for_shot(self, shot: ShotEntry) -> RenderOptions:
        """Return the options that a shot is colorized with: those of the film, replaced by its own where it has any."""
        return replace(
            self.options, **{name: value for name, value in asdict(shot.options).items() if value is not None}
        )

    def to_json(self, folder: Path) -> str:
        """Return the plan as JSON, one line for each shot and each reference, with paths relative to ``folder``."""
        return _format_json(self.with_moved_paths(lambda path: Path(relate_path(path, folder))).to_content())

    def to_content(self) -> dict[str, Any]:
        """Return the plan as values for JSON, without what has its default."""
        later = {"options": later_defaults(self.options), "film": {"gaps"} if self.film.gaps == "error" else set()}
        content = self.model_dump(mode="json", exclude=later)
        for table in ("references", "shots"):
            content[table] = self.model_dump(mode="json", include={table}, exclude_defaults=True)[table]
        return content

    def write(self, path: "str | os.PathLike[str]") -> None:
        """Write the plan as JSON, whole or not at all. Raises ResourceError where the disk is full or refuses."""
        target = Path(path)
        with write_file_atomically(target) as stream:
            stream.write(self.to_json(target.resolve().parent).encode())

    @classmethod
    def read(cls, path: "str | os.PathLike[str]") -> "Plan":
        """Read a plan from a file; its paths become absolute.

        Raises InputError for a file that cannot be read, UsageError for one whose content is wrong, naming the fault.
        """
        path = Path(path)
        text = _read_plan_text(path)
        try:
            plan = cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"{path}: {describe_validation_errors(error)}") from error
        folder = path.resolve().parent
        return plan.with_moved_paths(lambda inside: resolve_folder(folder / inside))

    @classmethod
    def from_parts(cls, **parts: Any) -> "Plan":
        """Make a plan of numbers that were computed or read from lists.

        Raises UsageError where they do not fit each other.
        """
        with _translate_misfits():
            return cls(**parts)

    def with_moved_paths(self, move_path: Callable[[Path], Path]) -> "Plan":
        """Return a copy in which ``move_path`` was applied to the paths of the film and of all references."""
        references = {name: entry.with_moved_paths(move_path) for name, entry in self.references.items()}
        film = self.film.model_copy(update={"path": move_path(self.film.path)})
        return self.model_copy(update={"film": film, "references": references})


def check_seconds(start_seconds: float, end_seconds: float | None) -> None:
    """Raise UsageError for a part of a film, in seconds, that no plan can have."""
    for name, seconds in (("start", start_seconds), ("end", end_seconds)):
        if seconds is not None and not 0 <= seconds <= MAX_SECONDS:
            raise UsageError(f"the {name} is {seconds:g} s: on a film's clock give a number from 0 to {MAX_SECONDS:g}")


def fit_dissolves(shots: Sequence[ShotEntry]) -> tuple[ShotEntry, ...]:
    """Return shots whose dissolves are no longer than the two shots that each joins."""
    lengths = [0, *(shot.end - shot.first for shot in shots)]
    longest = [one + other for one, other in pairwise(lengths)]
    return tuple(
        shot.model_copy(update={"dissolve": most}) if shot.dissolve > most else shot
        for shot, most in zip(shots, longest, strict=True)
    )


def _read_plan_text(path: Path) -> str:
    """Read the text of a plan. Raises InputError where it cannot be read or is no text, UsageError for bad JSON."""
    with translate_read_errors(path):
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path} is no file: give a plan, as `kinemacolor plan` makes it")
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise InputError(f"{path} has more than {MAX_PLAN_BYTES} bytes: no plan has")
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")  # some editors write a mark of the encoding before all else
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no plan: make one with `kinemacolor plan`") from error
    try:
        json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not valid as JSON: {error}") from error
    return text


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its keys and values. Raises ValueError for a key that stands twice: one would be ignored."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return content


def _format_json(content: dict[str, Any]) -> str:
    """Format as JSON with one line for each row of a table, so that a person can read and edit it."""
    parts = []
    for key, value in content.items():
        if isinstance(value, list):
            body = "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n ]"
        elif isinstance(value, dict) and any(isinstance(row, dict) for row in value.values()):
            rows = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in value.items())
            body = "{\n" + ",\n".join(rows) + "\n }"
        else:
            body = json.dumps(value)
        parts.append(f" {json.dumps(key)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
