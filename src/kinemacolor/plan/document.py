"""A plan: shots, their references and options as one JSON file that a person may read and edit."""

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
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.options import RenderOptions, ShotRenderOptions
from kinemacolor.shots.shot import Shot, Transition
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.utils.validation_messages import describe_validation_errors
from kinemacolor.video.random_access import ANCHOR_INTERVAL, FrameIndex


class _PlanSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FilmEntry(_PlanSection):
    """The film that the plan is for, relative to the plan's file, and the part of it between the seconds.

    Frames are counted from ``start_seconds``. ``anchors`` are the timestamps of frame 0, ``every``, 2 ``every``...
    """

    path: Path
    sha256: str
    frames: int = Field(ge=1)
    start_seconds: float = Field(default=0, ge=0)
    end_seconds: float | None = None
    every: int = Field(default=ANCHOR_INTERVAL, ge=1)
    anchors: tuple[int, ...]

    @property
    def frame_index(self) -> FrameIndex:
        """How its frames are reached."""
        return FrameIndex(self.anchors, self.frames, self.every)


class ReferenceEntry(_PlanSection):
    """A colour picture, relative to the plan's file; ``frame``: the frame of the film that it is a picture of."""

    path: Path
    frame: int | None = Field(default=None, ge=0)


class ShotEntry(_PlanSection):
    """Frames ``first`` to ``last``, both in it; how it begins, and how sure that is.

    A ``dissolve`` of so many frames lies around ``first``. ``references``: names, each with how well it fits,
    0..1 (null: somebody's choice).
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
        """The frame after its last."""
        return self.last + 1

    @classmethod
    def from_shot(cls, shot: Shot, references: dict[str, float | None]) -> "ShotEntry":
        """A shot that was found, with its references."""
        return cls(
            first=shot.first,
            last=shot.end - 1,
            transition=shot.transition,
            dissolve=shot.dissolve,
            certainty=round(shot.certainty, 3),
            references=references,
        )

    def with_references(self, names: Collection[str], *, is_user_choice: bool = False) -> "ShotEntry":
        """With these references; what is ``chosen`` by somebody has no scores, else they stay."""
        scores = {name: None if is_user_choice else self.references.get(name) for name in sorted(names)}
        return self.model_copy(update={"references": scores})

    def to_shot(self) -> Shot:
        """As lists of shots have it."""
        return Shot(self.first, self.end, self.transition, self.certainty, self.dissolve)


class Plan(_PlanSection):
    """Everything that decides the colours of a film; `encoding` and machine are the render's own."""

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
        """What a shot is colorized with: its own options, where it has any, over those of the film."""
        return replace(
            self.options, **{name: value for name, value in asdict(shot.options).items() if value is not None}
        )

    def to_json(self, folder: Path) -> str:
        """As text, a shot and a reference a line, with paths relative to ``folder``."""
        near = self._with_moved_paths(lambda path: Path(os.path.relpath(path, folder)))
        content = near.model_dump(mode="json")
        for table in ("references", "shots"):
            content[table] = near.model_dump(mode="json", include={table}, exclude_defaults=True)[table]
        return _format_json(content)

    def write(self, path: Path) -> None:
        """Raises ResourceError where the disk is full or refuses."""
        with write_file_atomically(path) as stream:
            stream.write(self.to_json(path.resolve().parent).encode())

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """A plan with absolute paths.

        Raises InputError for a file that cannot be read, UsageError, which names what is wrong, for what is in it.
        """
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
        references = {
            name: entry.model_copy(update={"path": move_path(entry.path)}) for name, entry in self.references.items()
        }
        film = self.film.model_copy(update={"path": move_path(self.film.path)})
        return self.model_copy(update={"film": film, "references": references})


def _format_json(content: dict[str, Any]) -> str:
    """JSON with a line for each row of a table."""
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
