"""What can be changed of projects, plans and shots, and what projects begin with, as it is sent by a program."""

from dataclasses import replace
from typing import Annotated, Literal

from annotated_types import Interval
from pydantic import BaseModel, ConfigDict, Field

from kinemacolor.options import EdgeFilter, Precision, RenderOptions, ShotRenderOptions
from kinemacolor.web.project_entry import MAX_TITLE_LETTERS, Seconds

MAX_CHANGED_SHOTS = 100_000
MAX_FILM_UPLOADS = 20_000  # pictures of one film
ShotNumber = Annotated[int, Field(ge=1, le=10**9)]
FrameNumber = Annotated[int, Field(ge=0, le=10**9)]
WorkingSize = Annotated[int, Interval(ge=64, le=1080)]
Saturation = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]
ReferenceName = Annotated[str, Field(max_length=255)]
_LABELS = {"saturation": "Colour strength", "edge_filter": "Edges", "short_side": "Working size", "fill": "Guessing"}


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FilmInFolder(_Change):
    """A film in the server's folder, by its path relative to that folder."""

    film: str = Field(max_length=4096)


class UploadedFilm(_Change):
    """Complete uploads, by their ids: one film or photograph, or the numbered pictures of one film."""

    uploads: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=MAX_FILM_UPLOADS)


class SampleFilm(_Change):
    """The small film that comes with this program, and its reference."""

    sample: Literal[True]


FilmSource = FilmInFolder | UploadedFilm | SampleFilm


class UploadedReference(_Change):
    """A complete upload, by its id, to be a reference; ``frame``: the frame of the film that the picture shows."""

    upload: str = Field(max_length=64)
    frame: FrameNumber | None = None


class UploadedProject(_Change):
    """A complete upload, by its id: the zip that the export of a project gave."""

    upload: str = Field(max_length=64)


class ProjectChange(_Change):
    """What is given is changed. ``end_seconds``: null is the end of the film. A null title stays as it was."""

    title: str | None = Field(default=None, max_length=MAX_TITLE_LETTERS)
    start_seconds: Seconds | None = None
    end_seconds: Seconds | None = None


class ShotOptionsChange(_Change):
    """Options that differ from shot to shot: what is given is changed; null: as the film has it, then the model."""

    short_side: WorkingSize | None = None
    saturation: Saturation | None = None
    edge_filter: EdgeFilter | None = None

    def apply_to(self, options: ShotRenderOptions) -> ShotRenderOptions:
        """Return the options with what was given."""
        return replace(options, **{name: getattr(self, name) for name in self.model_fields_set})


class FilmOptionsChange(ShotOptionsChange):
    """Options of a film: what is given is changed; null: the default."""

    fill: bool | None = None
    crop: bool | None = None
    precision: Precision | None = None


class PlanChange(_Change):
    """A change of a plan: what is given is changed."""

    model: str | None = Field(default=None, max_length=200)
    options: FilmOptionsChange = FilmOptionsChange()

    def apply_to(self, options: RenderOptions) -> RenderOptions:
        """Return the options with what was given."""
        default = RenderOptions()
        given = {name: getattr(self.options, name) for name in self.options.model_fields_set}
        return replace(options, **{key: getattr(default, key) if one is None else one for key, one in given.items()})

    def describe(self) -> str:
        """Say in a few words what is changed."""
        names = sorted(self.options.model_fields_set)
        if self.model is not None:
            return f"Model {self.model[:40]}"
        return _LABELS.get(names[0], "Options") if len(names) == 1 else "Options"


class MergeShots(_Change):
    """Make one shot of shot ``merge`` and the next one."""

    merge: ShotNumber


class SplitShot(_Change):
    """Make two shots of shot ``split``; the second one begins with frame ``at``."""

    split: ShotNumber
    at: FrameNumber


class MoveCut(_Change):
    """Have shot ``move`` begin with frame ``first``; the shot before it ends there."""

    move: ShotNumber
    first: FrameNumber


class AssignReferences(_Change):
    """Give shots, by number, these references and no others."""

    references: dict[ShotNumber, list[ReferenceName]] = Field(min_length=1, max_length=MAX_CHANGED_SHOTS)


class GiveReference(_Change):
    """Give a reference to shots beside those that they have; null: to all shots."""

    give: ReferenceName
    shots: list[ShotNumber] | None = Field(default=None, max_length=MAX_CHANGED_SHOTS)


class SetShotOptions(_Change):
    """Change options of shots, by number."""

    options: dict[ShotNumber, ShotOptionsChange] = Field(min_length=1, max_length=MAX_CHANGED_SHOTS)


ShotEdit = MergeShots | SplitShot | MoveCut | AssignReferences | GiveReference | SetShotOptions
