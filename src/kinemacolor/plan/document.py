"""The plan of a render: shots, their references and options as one JSON file that a person may read and edit."""

import json
import os
from collections.abc import Collection
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kinemacolor._version import __version__
from kinemacolor.errors import InputError, UsageError, translate_read_errors
from kinemacolor.models.catalog import MODEL_CATALOG, check_fill
from kinemacolor.options import GapHandling, RenderOptions, ShotRenderOptions, later_defaults
from kinemacolor.shots.shot import Shot, Transition
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.utils.validation_messages import describe_validation_errors
from kinemacolor.video.random_access import ANCHOR_INTERVAL, FrameIndex


class _PlanSection(BaseModel):
    """Base of all sections of a plan: immutable, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FilmEntry(_PlanSection):
    """The film that the plan is for, and the part of it from ``start_seconds`` to ``end_seconds`` (None: its end).

    ``path`` is relative to the plan's file; frames are counted from ``start_seconds``. ``anchors`` are the timestamps,
    in ticks of the film, of frame 0, ``every``, 2 ``every``... (`FrameIndex`). ``gaps`` is what becomes of numbered
    pictures that are missing.
    """

    path: Path
    sha256: str
    frames: int = Field(ge=1)
    start_seconds: float = Field(default=0, ge=0)
    end_seconds: float | None = None
    gaps: GapHandling = "error"
    every: int = Field(default=ANCHOR_INTERVAL, ge=1)
    anchors: tuple[int, ...]

    @property
    def frame_index(self) -> FrameIndex:
        """The index by which frames of this film are found by number."""
        return FrameIndex(self.anchors, self.frames, self.every, self.gaps)


class ReferenceEntry(_PlanSection):
    """A colour picture, its path relative to the plan's file.

    ``frame`` is the number of the film's frame that it is a picture of; None where it shows no frame of the film.
    """

    path: Path
    frame: int | None = Field(default=None, ge=0)


class ShotEntry(_PlanSection):
    """A shot: the frames from ``first`` to ``last``, both included.

    ``transition`` says how the shot begins and ``certainty``, 0..1, how sure the detector is of that; ``dissolve`` is
    the length in frames of the dissolve around ``first``. ``references`` has the names of its references, each with
    the score of `compute_similarity`, or None for a reference that a person chose.
    """

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    transition: Transition | None = None
    dissolve: int = Field(default=0, ge=0)
    certainty: float = 1.0
    references: dict[str, float | None]
    options: ShotRenderOptions = ShotRenderOptions()

    @property
    def end(self) -> int:
        """The number of the first frame after the shot."""
        return self.last + 1

    @classmethod
    def from_shot(cls, shot: Shot, references: dict[str, float | None]) -> "ShotEntry":
        """Make the entry of a detected or listed shot, with its references."""
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
            raise ValueError(f"there is no model {self.model!r}: choose one of {', '.join(sorted(MODEL_CATALOG))}")
        try:
            check_fill(MODEL_CATALOG[self.model].spec, fill=self.options.fill)
        except UsageError as error:
            raise ValueError(str(error)) from error
        if not self.shots or self.shots[0].first != 0 or self.shots[-1].end != self.film.frames:
            raise ValueError(f"the shots must go from frame 0 to the film's last, {self.film.frames - 1}")
        for one, other in pairwise(self.shots):
            if one.end != other.first:
                raise ValueError(f"the shot that ends with frame {one.last} is followed by one from {other.first}")
        for shot in self.shots:
            if shot.first > shot.last:
                raise ValueError(f"the shot from frame {shot.first} ends before it begins")
            if not shot.references:
                raise ValueError(f"the shot from frame {shot.first} has no reference")
            if unknown := set(shot.references) - set(self.references):
                raise ValueError(f"the shot from frame {shot.first} names references unknown: {', '.join(unknown)}")
        for name, reference in self.references.items():
            if reference.frame is not None and reference.frame >= self.film.frames:
                raise ValueError(f"the reference {name} lies at frame {reference.frame}, behind the film's end")
        return self

    def options_for_shot(self, shot: ShotEntry) -> RenderOptions:
        """Return the options that a shot is colorized with: those of the film, replaced by its own where it has any."""
        return replace(
            self.options, **{name: value for name, value in asdict(shot.options).items() if value is not None}
        )

    def to_json(self, folder: Path) -> str:
        """Return the plan as JSON, one line for each shot and each reference, with paths relative to ``folder``."""
        relative = self._with_moved_paths(lambda path: Path(os.path.relpath(path, folder)))
        later = {"options": later_defaults(self.options), "film": {"gaps"} if self.film.gaps == "error" else set()}
        content = relative.model_dump(mode="json", exclude=later)
        for table in ("references", "shots"):
            content[table] = relative.model_dump(mode="json", include={table}, exclude_defaults=True)[table]
        return _format_json(content)

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
        try:
            with translate_read_errors(path):
                text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is no plan: make one with `kinemacolor plan`") from error
        try:
            plan = cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"{path}: {describe_validation_errors(error)}") from error
        folder = path.resolve().parent
        return plan._with_moved_paths(lambda inside: (folder / inside).resolve())

    def _with_moved_paths(self, move_path: Any) -> "Plan":
        """Return a copy in which ``move_path`` was applied to the paths of the film and of all references."""
        references = {
            name: entry.model_copy(update={"path": move_path(entry.path)}) for name, entry in self.references.items()
        }
        film = self.film.model_copy(update={"path": move_path(self.film.path)})
        return self.model_copy(update={"film": film, "references": references})


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
